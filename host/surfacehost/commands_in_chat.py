"""What a person can tell the host itself, in the chat: ``/stop`` and its like. Everything else is for the agent."""

from dataclasses import replace

from surfacehost.events import Event, Message

SHOWN = ("new", "stop", "retry", "approve", "deny", "status", "whoami", "link", "unlink", "help")
"""What is offered to people, in this order. ``approve`` and ``deny`` are words that answer what the agent asks."""
URGENT = frozenset({"stop", "status", "whoami", "help", "pair", "link", "unlink"})
"""These never wait behind the message that is running in their thread."""
COMMANDS = frozenset({*URGENT, "new", "retry", "start"})
"""``start`` is what Telegram's clients send when a person opens the chat; ``pair`` is for owners."""

HUSH = "/stop"
"""How the id of the ``/stop`` ends that goes before a ``/new``: it says nothing where there is nothing to stop."""


def command_of(message: Message) -> str | None:
    """The command that *message* is, without its mark; ``!`` serves where a client keeps ``/`` for itself."""
    word, *rest = message.text.split(maxsplit=1) or [""]
    name = word[1:].lower() if word[:1] in ("/", "!") else ""
    if name == "start" and rest:
        return None  # opened from a link: what stands behind it is for the agent
    return name if name in COMMANDS else None


def words_of(message: Message) -> list[str]:
    """What stands behind the command in *message*."""
    return message.text.split()[1:]


def stop_before(event: Event) -> Message | None:
    """The ``/stop`` that goes before *event*, if that is ``/new``: a fresh conversation ends what is running first."""
    if not isinstance(event, Message) or command_of(event) != "new":
        return None
    return replace(event, id=event.id + HUSH, text="/stop")


def is_urgent(event: Event) -> bool:
    """Whether *event* goes the fast lane."""
    return isinstance(event, Message) and command_of(event) in URGENT
