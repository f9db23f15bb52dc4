"""People who keep writing, each in a thread of their own, and the account of what they got for it.

Judged from outside: by what the homeserver's history and the simulator's chats hold, and what the agent remembers.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Protocol

from surfacehost_devkit.botapi import Account, World
from surfacehost_devkit.matrixperson import MatrixPerson

UNREACHABLE = "I can't reach the assistant right now. Please try again in a minute."
LOST = "The connection broke before the answer was finished."
OVERLOADED = "The assistant is overloaded. Please try again in a minute."

MEMORY = re.compile(r"I remember:\n.*", re.DOTALL)

Wanted = str | re.Pattern[str]


def in_part(text: str) -> re.Pattern[str]:
    """What may come of an answer that was cut: as much of *text* as there was, and why that is not all."""
    parts = "|".join(re.escape(text[:end].rstrip()) for end in range(len(text), 0, -1))
    sentences = "|".join(map(re.escape, (LOST, OVERLOADED, UNREACHABLE)))
    return re.compile(rf"(?:(?:{parts})\n\n)?(?:{sentences}|Something went wrong \(ref [0-9a-f]{{4}}\)\.)")


class Thread(Protocol):
    """One person's conversation with the bot."""

    @property
    def name(self) -> str:
        """What the platform calls the place."""
        ...

    async def say(self, text: str) -> None: ...

    async def heard(self, count: int, timeout_s: float) -> list[str]:
        """Everything the bot has said there, once it is *count* messages or the time is up."""
        ...


class OnMatrix:
    def __init__(self, person: MatrixPerson, room: str, bot: str) -> None:
        self._person = person
        self.name = room
        self._bot = bot

    async def say(self, text: str) -> None:
        await self._person.send(self.name, text)

    async def heard(self, count: int, timeout_s: float) -> list[str]:
        def bodies() -> list[str]:
            return [one.body for one in self._person.seen.events[self.name] if one.sender == self._bot and one.body]

        try:
            await self._person.wait_for(lambda: len(bodies()) > count, timeout_s)
        except TimeoutError:
            return bodies()[1:]
        # What the server keeps, not what its client was told; the first word is the greeting.
        history = await self._person.history(self.name)
        return [event.body for event in history if event.sender == self._bot and event.body][1:]


class OnTelegram:
    def __init__(self, world: World, person: Account) -> None:
        self._world = world
        self._person = person
        self.name = str(person.id)

    async def say(self, text: str) -> None:
        self._world.write(self._person, text)

    async def heard(self, count: int, timeout_s: float) -> list[str]:
        def texts() -> list[str]:
            return [one.content.text for one in self._world.replies(self._person.id)]

        try:
            await self._world.wait_for(lambda: len(texts()) >= count or None, timeout_s=timeout_s)
        except TimeoutError:
            return texts()
        return texts()


@dataclass(slots=True)
class Told:
    """What was said in a thread, and for each what may be answered: one of these, once."""

    thread: Thread
    texts: list[str] = field(default_factory=list)
    answers: list[Sequence[Wanted]] = field(default_factory=list)

    async def say(self, text: str, *answers: Wanted) -> None:
        """Say *text*; without *answers* it wants to be echoed."""
        self.texts.append(text)
        self.answers.append(answers or (f"echo: {text}",))
        await self.thread.say(text)


class Talk:
    """Threads on both surfaces, and the account."""

    def __init__(self, threads: Sequence[Thread], at_rest: Callable[[], Awaitable[None]]) -> None:
        self.told = [Told(thread) for thread in threads]
        self._at_rest = at_rest

    @property
    def count(self) -> int:
        return sum(len(told.texts) for told in self.told)

    async def say(self, text: str, *answers: Wanted) -> None:
        """Everyone says *text*."""
        await asyncio.gather(*(told.say(text, *answers) for told in self.told))

    @asynccontextmanager
    async def going(self, *answers: Wanted, every_s: float = 1.5) -> AsyncIterator[None]:
        """Everyone keeps writing while the body runs; an echo is always right, *answers* are as well."""
        over = asyncio.Event()
        writing = [asyncio.create_task(self._keep_writing(told, answers, every_s, over)) for told in self.told]
        try:
            yield
        finally:
            over.set()
            await asyncio.gather(*writing)

    async def _keep_writing(self, told: Told, answers: Sequence[Wanted], every_s: float, over: asyncio.Event) -> None:
        while not over.is_set():
            text = f"number {len(told.texts)}"
            await told.say(text, f"echo: {text}", *answers)
            try:
                await asyncio.wait_for(over.wait(), every_s)
            except TimeoutError:
                continue

    async def caught_up(self, timeout_s: float) -> None:
        """Wait until everything that was said so far has an answer; the account is taken later."""
        counts = [len(told.texts) for told in self.told]
        for told, count in zip(self.told, counts, strict=True):
            heard = await told.thread.heard(count, timeout_s)
            assert len(heard) >= count, f"{len(heard)} answers to {count} messages within {timeout_s:g} s"

    async def check(self, timeout_s: float = 60) -> None:
        """Everything that was said is answered once and in order, and nothing else was said."""
        await asyncio.gather(*(told.thread.heard(len(told.texts), timeout_s) for told in self.told))
        await self._at_rest()
        for told in self.told:
            heard = await told.thread.heard(len(told.texts), 5)
            wrong = [line for pair in zip_longest(heard, told.answers, told.texts) if (line := _fits(*pair))]
            assert not wrong, "\n".join(wrong)

    async def check_agent(self) -> None:
        """The agent, which must not have been restarted, was asked everything once and in order."""
        for told in self.told:
            asked = list(told.texts)
            await told.say("!demo memory", MEMORY)
            remembered = (await told.thread.heard(len(told.texts), 30))[-1]
            found = re.findall(r"^\s*\d+\. (.*)$", remembered, re.MULTILINE)
            assert found == asked, f"it was asked {found} and not {asked}"


def _fits(heard: str | None, wanted: Sequence[Wanted] | None, asked: str | None) -> str:
    """What is wrong with an answer; empty when it is one of those that are wanted."""
    if heard is None or wanted is None:
        return f"{asked!r} was answered by {heard!r}"
    is_right = any(one == heard if isinstance(one, str) else one.fullmatch(heard) for one in wanted)
    return "" if is_right else f"{asked!r} was answered by {heard!r}"
