"""What a person can tell the host itself, in the chat: ``/stop`` and its like. Everything else is for the agent."""

from surfacehost.events import Event, Message

COMMANDS = frozenset({"start", "help", "new", "stop", "status", "whoami"})
URGENT = frozenset({"stop"})
"""These never wait behind the message that is running in their thread."""


def command_of(message: Message) -> str | None:
    """The command that *message* is, without its mark; ``!`` serves where a client keeps ``/`` for itself."""
    word = message.text.strip().split(maxsplit=1)[0] if message.text.strip() else ""
    name = word[1:].lower() if word[:1] in ("/", "!") else ""
    return name if name in COMMANDS else None


def is_urgent(event: Event) -> bool:
    """Whether *event* goes the fast lane."""
    return isinstance(event, Message) and command_of(event) in URGENT
