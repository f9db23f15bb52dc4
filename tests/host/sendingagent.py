"""An agent that sends whatever is somewhere: what a test of files has its host do first."""

from collections.abc import AsyncIterator, Iterator

from platform_agent import events, showcase
from platform_agent.demo import Call, Command
from platform_agent.events import Frame

LARGE = 40_000_000
"""Bytes of a file that no process should hold in its memory."""


async def _send(call: Call) -> AsyncIterator[Frame]:
    """The file at an address, and a sentence."""
    name, mime_type, address, *caption = call.words
    source = {"type": "url", "value": address, "mimeType": mime_type}
    metadata = {"name": name, "caption": " ".join(caption)}
    yield {"type": "CUSTOM", "name": "file", "value": {"type": "document", "source": source, "metadata": metadata}}
    for event in events.say(call.turn, f"Here is {name}."):
        yield event


def can_send() -> None:
    """In the host's process: let its agent have ``/demo send <name> <type> <address> [caption]``."""
    known = showcase.commands

    def commands() -> Iterator[tuple[str, Command]]:
        yield from known()
        yield "send", Command(usage="/demo send <name> <type> <address> [caption]", sentence="a file", run=_send)

    showcase.commands = commands
