"""Steady load on every surface while the host is killed again and again; then the audit."""

import asyncio
import random
import signal
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from surfacehost_devkit.chaos.agent import ScriptedAgent
from surfacehost_devkit.chaos.audit import Verdict
from surfacehost_devkit.chaos.doom import Doom
from surfacehost_devkit.chaos.lives import Lives
from surfacehost_devkit.chaos.points import AT_START, HOST
from surfacehost_devkit.chaos.script import heard, text_of, wanted
from surfacehost_devkit.chaos.sides import Side
from surfacehost_devkit.ports import free_port

MOST_OPEN = 8
"""Messages of one conversation that wait for an answer at the most: the load is steady, not a flood."""

QUIET_S = 60.0
"""How long the end may go without anything new being heard before what is missing counts as lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """How one life of the host ends."""

    surface: str = ""
    point: str = ""
    """Empty: at any moment."""
    nth: int = 1
    after_s: float = 0.0
    """For one at any moment: when, in seconds since the start."""
    towards: str = ""
    """The point of a later death that this one prepares; empty: it is wanted for itself."""


@dataclass(slots=True)
class Storm:
    """What happened, and to whom."""

    lives: Lives
    agent: ScriptedAgent
    sides: Sequence[Side]
    every_s: float
    albums: bool = False
    """Whether every second answer has files, for sides whose ``heard`` gives what is in each."""
    said: defaultdict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    deaths: list[Death] = field(default_factory=list)
    missed: list[Death] = field(default_factory=list)
    """Deaths at a point that was not reached."""

    @classmethod
    @asynccontextmanager
    async def over(
        cls,
        folder: Path,
        sides: Sequence[Side],
        *,
        every_s: float = 1.5,
        albums: bool = False,
        settings: str = "",
        first: Callable[[], None] | None = None,
    ) -> AsyncIterator["Storm"]:
        """A host with *sides* that has met everybody, and has ended; each conversation says something *every_s*."""
        async with AsyncExitStack() as stack:
            agent = await stack.enter_async_context(
                ScriptedAgent({one.name: one.part_chars for one in sides}).serving()
            )
            here = f"127.0.0.1:{free_port()}"  # the same in every life, for platforms that come to us
            text = f"""
                [host]
                locale = "en"
                [web]
                listen = "{here}"
                public_url = "http://{here}"
                [agent]
                embedded = false
                url = "{agent.url}"
                [defaults]
                busy = "queue"
                dm_policy = "open"
                rate_per_minute = 0
                loop_limit = 0
                {settings}
            """ + "".join(side.table() for side in sides)
            lives = stack.enter_context(Lives.of(folder, text, first))
            storm = cls(lives, agent, sides, every_s, albums)
            await storm._meet()
            yield storm

    async def _meet(self) -> None:
        self._begin()
        await self.lives.ready()
        for side in self.sides:
            await side.meet()
        await self.lives.end(by=signal.SIGTERM)

    async def follow(self, side: Side, texts: Sequence[str]) -> set[str]:
        """Say *texts*, one after another, in a life that is left in peace; every step that was passed meanwhile."""
        conversation, trace = side.conversations[0], self.lives.folder / "trace.txt"
        said = self.said[side.name, conversation]
        self._begin(Doom(trace=trace))
        await self.lives.ready()
        start = len(_lines(trace))
        for text in texts:
            said.append(text)
            await side.say(conversation, text)
            async with asyncio.timeout(QUIET_S):
                await self._wait_until_heard()
        await self.lives.end(by=signal.SIGTERM)
        return {point for surface, _, point in map(_parts, _lines(trace)[start:]) if surface in ("", side.name)}

    async def rage(self, deaths: Sequence[Death]) -> None:
        """Let the host live and die as *deaths* say, under load."""
        over = asyncio.Event()
        async with asyncio.TaskGroup() as people:
            for side in self.sides:
                for conversation in side.conversations:
                    people.create_task(self._talk(side, conversation, over))
            for death in deaths:
                await self._die(death)
            over.set()  # not cancelled: what somebody is saying is said

    async def _die(self, death: Death) -> None:
        if death.point:
            self._begin(Doom(point=death.point, surface=death.surface, nth=death.nth))
            try:
                status = await self.lives.ended()
            except TimeoutError:
                self.missed.append(death)
                status = await self.lives.end()
        else:
            self._begin()
            await asyncio.sleep(death.after_s)  # any moment is what it is about
            status = await self.lives.end()
        if status != -signal.SIGKILL:
            raise AssertionError(f"the host ended by itself, with {status}; see {self.lives.log}")
        self.deaths.append(death)

    def _begin(self, doom: Doom | None = None) -> None:
        self.lives.begin(doom or Doom())
        self.agent.life = self.lives.count

    async def _talk(self, side: Side, conversation: str, over: asyncio.Event) -> None:
        """One person's part: say the next thing, unless too much waits for an answer."""
        said = self.said[side.name, conversation]
        pause_s = random.uniform(0, self.every_s)  # noqa: S311 - people don't speak in step
        while not await _happens(over, pause_s):
            if len(wanted(said)) - len(heard(await side.heard(conversation))) < MOST_OPEN:
                number = len(said) + 1
                text = f"{number} album" if self.albums and number % 2 == 0 else text_of(number)
                said.append(text)
                await side.say(conversation, text)
            pause_s = self.every_s * random.uniform(0.7, 1.3)  # noqa: S311 - a person's own pace

    async def calm(self) -> dict[str, Verdict]:
        """Let the host work off what is left, undisturbed; then judge."""
        self._begin()
        async with asyncio.timeout(1800):
            await self._wait_until_heard()
        await self.lives.end(by=signal.SIGTERM)
        return {side.name: await self._judge(side) for side in self.sides}

    async def _wait_until_heard(self) -> None:
        """Wait until everybody has heard everything, or nothing new for ``QUIET_S``."""
        best, quiet_s = -1, 0.0
        while quiet_s < QUIET_S:
            open_, got = 0, 0
            for (name, conversation), texts in self.said.items():
                marks = heard(await self._side(name).heard(conversation))
                open_ += (Counter(wanted(texts)) - Counter(marks)).total()  # what came twice makes up for nothing
                got += len(marks)
            if not open_:
                return
            quiet_s = 0.0 if got > best else quiet_s + 0.1
            best = max(best, got)
            await asyncio.sleep(0.1)  # what was heard is looked at from outside

    def _side(self, name: str) -> Side:
        return next(side for side in self.sides if side.name == name)

    async def _judge(self, side: Side) -> Verdict:
        verdict = Verdict(asked=sum(len(texts) for (name, _), texts in self.said.items() if name == side.name))
        for conversation in side.conversations:
            said = self.said[side.name, conversation]
            verdict.judge_thread(f"{side.name} {conversation}", wanted(said), heard(await side.heard(conversation)))
        verdict.judge_runs(
            (one.event, one.run_id, self.lives.stored.get((one.surface, one.event), one.life) < one.life)
            for one in self.agent.asked
            if one.surface == side.name
        )
        return verdict


async def _happens(event: asyncio.Event, within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            return await event.wait()
    except TimeoutError:
        return False


def _lines(trace: Path) -> list[str]:
    return trace.read_text().splitlines()


def _parts(line: str) -> tuple[str, str, str]:
    return line.partition("\t")


def at_every_point(side: Side, times: int) -> Iterator[Death]:
    """Deaths of the host at each step that a message of *side* passes, *times* each."""
    for point in (*HOST, *side.steps, *AT_START):
        for _ in range(times):
            yield Death(surface=side.name, point=point, nth=random.randint(1, 3) if point in HOST else 1)  # noqa: S311
    for point, before in side.rare.items():
        for _ in range(times):
            yield Death(surface=side.name, point=before, towards=point)
            yield Death(surface=side.name, point=point)


def at_any_moment(times: int, longest_s: float = 5.0) -> Iterator[Death]:
    """Deaths at random moments of lives of up to *longest_s*."""
    return (Death(after_s=random.uniform(0.05, longest_s)) for _ in range(times))  # noqa: S311 - as above
