"""`/demo …`: what a thread can be shown, and how a message is read as one of these commands."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

from platform_agent import events
from platform_agent.events import Frame
from platform_agent.threads import Thread
from platform_agent.wire import Turn

# Many Matrix clients keep a message that begins with a slash for themselves.
PREFIXES = ("/demo", "!demo")


class Usage(Exception):
    """The command's words make no sense; the answer says how it is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One `/demo` command."""

    usage: str
    sentence: str
    run: Callable[["Call"], AsyncIterator[Frame]]
    # Faults that strike before RUN_STARTED send it themselves, or never.
    begins_itself: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A command as somebody wrote it."""

    thread: Thread
    turn: Turn
    name: str
    command: Command
    commands: Mapping[str, Command]
    words: list[str] = field(default_factory=list)

    def word(self, index: int, default: str) -> str:
        """The word at this place after the command's name."""
        return self.words[index] if index < len(self.words) else default

    def number(self, index: int, default: float, most: float) -> float:
        """The number at this place, from 0 to `most`."""
        try:
            value = float(self.word(index, str(default)))
        except ValueError:
            raise Usage from None
        if not 0 <= value <= most:  # NaN is refused here too: it compares false with everything
            raise Usage
        return value

    def count(self, index: int, default: int, most: int) -> int:
        """The whole number at this place, from 0 to `most`."""
        return int(self.number(index, default, most))


def read_call(thread: Thread, turn: Turn, commands: Mapping[str, Command]) -> Call | None:
    """The command in a turn's text, if it is one."""
    words = turn.text.split()
    if not words or words[0].lower() not in PREFIXES:
        return None
    name = words[1].lower() if len(words) > 1 else "help"
    command = commands.get(name, commands["help"])
    return Call(thread=thread, turn=turn, name=name, command=command, commands=commands, words=words[2:])


async def perform(call: Call) -> AsyncIterator[Frame]:
    """The frames of a command; words that make no sense are answered with its usage."""
    try:
        async for frame in call.command.run(call):
            yield frame
    except Usage:
        if call.command.begins_itself:
            yield events.started(call.turn.run_id)
        for event in events.say(call.turn, f"usage: {call.command.usage}"):
            yield event
