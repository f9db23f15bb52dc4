"""The offline backend: no model, no network, the same answer to the same words, every time."""

from collections.abc import AsyncGenerator

from platform_agent import approvals, demo, events, faults, showcase, wire
from platform_agent.demo import Command
from platform_agent.events import Frame
from platform_agent.threads import Thread
from platform_agent.wire import Turn


class OfflineBackend:
    """Echoes what it is told, and shows everything an agent can do on `/demo …`."""

    def __init__(self) -> None:
        self.commands: dict[str, Command] = {**dict(showcase.commands()), **dict(faults.commands())}

    async def run(self, thread: Thread, turn: Turn) -> AsyncGenerator[Frame, None]:
        """Settle open approvals, then answer the message, if the turn has one."""
        call = demo.read_call(thread, turn, self.commands)
        if call is not None and call.command.begins_itself:
            approvals.withdraw(thread)
            async for frame in demo.perform(call):
                yield frame
            return
        settled = approvals.settle(thread, turn)
        yield events.started(turn.run_id)
        for event in settled:
            yield event
        if call is not None:
            async for frame in demo.perform(call):
                yield frame
        elif turn.is_message:
            for event in events.say(turn, echo(turn)):
                yield event


def echo(turn: Turn) -> str:
    """`echo: ` and the words, then a line for each attachment."""
    attachments = (part for part in wire.parts(turn.messages) if part.get("type") != "text")
    return "\n".join([f"echo: {turn.text}", *map(attachment_line, attachments)])


def attachment_line(part: dict[str, object]) -> str:
    """What is known of an attachment, in one line."""
    source, metadata = part.get("source"), part.get("metadata")
    source = source if isinstance(source, dict) else {}
    metadata = metadata if isinstance(metadata, dict) else {}
    name, size = metadata.get("name", "?"), metadata.get("size", "?")
    return f"attachment: {part.get('type')} {name} ({source.get('mimeType', '?')}, {size} bytes)"
