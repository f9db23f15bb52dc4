"""Marks on people's messages: that one waits, that one was seen, that it failed.

They are put beside everything else, in order, and cost a message nothing: what fails is logged, what is too much is
left out. Where a surface can't put marks, one line tells that a message waits, if it does for long.
What stands is in the inbox, so that it goes also where the host is killed, or the platform away, in between.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from surfacehost.events import Event, Message
from surfacehost.store import marks
from surfacehost.store.inbox import FAST, Entry
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.store.transaction import StoreFailed
from surfacehost.surface import Reacts, Surface

WAITS, SEEN, FAILED = "⏳", "👀", "⚠️"
LOOK = "look"
"""No mark: the message that has one may have been given up by a command, and is looked for."""
MOST = 100
"""How many marks may wait to be put; more would only tell of a platform that is away. What is put is taken away."""
LIMIT_S = 10.0
"""How long one may take."""
AGAIN_S, TRIES = 60.0, 5
"""After how long one that could not be taken away is tried again, and how often; after that at the next start."""
TOLD_AFTER_S = 2.0
"""How long a message waits before a line says so: what is said sooner is soon followed by the answer itself."""

Tell = Callable[[Message, str], Awaitable[None]]
"""Says that a message waits in a lane."""

log = logging.getLogger(__name__)


class Courtesies:
    """The marks of one surface instance."""

    def __init__(self, surface: Surface, name: str, database: SqliteDatabase, tell: Tell) -> None:
        self._surface = surface if isinstance(surface, Reacts) else None
        self._name = name
        self._database = database
        self._tell = tell
        self._untold: asyncio.Queue[tuple[float, Message, str]] = asyncio.Queue(MOST)
        self._due: asyncio.Queue[tuple[Event, str | None]] = asyncio.Queue()
        self._working: set[str] = set()
        self._waiting: dict[str, Event] = {}
        """For each lane in which one waits, the first that does: it is told so, not each."""
        self._marked: set[str] = set()
        self._standing: set[str] = set()
        """Of those marked the ones that a mark was put on: what was left out need not be taken away."""
        self._left: dict[str, tuple[Event, str | None]] = {}
        """What could not be taken away; in place of it that some have failed may be shown."""
        self._again_at = time.monotonic() + AGAIN_S
        self._tries: Counter[str] = Counter()

    async def recall(self) -> None:
        """Go on with the marks that an earlier host has left. Raises StoreFailed."""
        if self._surface is None:
            return
        for one in await self._database.tx(marks.standing_marks, self._name):
            self._standing.add(one.event.id)
            if not one.is_open:
                self._left[one.event.id] = one.event, FAILED if one.has_failed else None
                continue
            self._marked.add(one.event.id)
            if one.mark == WAITS:
                self._waiting.setdefault(one.lane, one.event)

    def welcome(self) -> None:
        """The platform is there again: what could not be taken away may go now."""
        while self._left and self._due.qsize() < MOST:
            self._due.put_nowait(self._left.pop(next(iter(self._left))))

    async def run(self) -> None:
        """Put the marks, for as long as the host runs, or say the lines."""
        if self._surface is None:
            await self._say_lines()
        while self._surface is not None:
            event, mark = await self._next()
            if mark in (WAITS, SEEN):
                await self._put(self._surface, event, mark)
            elif mark == LOOK:
                await self._look(event)
            elif mark is not None or event.id in self._standing:
                await self._take_away(self._surface, event, mark)

    async def _next(self) -> tuple[Event, str | None]:
        """What is to be put next, or once a minute one that could not be taken away."""
        while True:
            try:
                async with asyncio.timeout(max(0.0, self._again_at - time.monotonic()) if self._left else None):
                    return await self._due.get()
            except TimeoutError:
                self._again_at = time.monotonic() + AGAIN_S
                if self._left:
                    return self._left.pop(next(iter(self._left)))

    async def _put(self, surface: Reacts, event: Event, mark: str | None) -> None:
        if not await self._note(event, mark):
            return
        failure = await self._react(surface, event, mark)
        if failure is None or isinstance(failure, TimeoutError):  # then it may be there
            self._standing.add(event.id)
        elif event.id not in self._standing:
            await self._note(event, None)

    async def _take_away(self, surface: Reacts, event: Event, mark: str | None) -> None:
        if await self._react(surface, event, mark) is None:
            self._standing.discard(event.id)
            self._tries.pop(event.id, None)
            await self._note(event, None)
            return
        self._tries[event.id] += 1
        if self._tries[event.id] < TRIES:
            self._again_at = max(self._again_at, time.monotonic() + AGAIN_S * (not self._left))
            self._left[event.id] = event, mark

    async def _look(self, event: Event) -> None:
        """Let *event*, the first that waits, be marked no longer where it does not wait any more."""
        try:
            waits = await self._database.tx(marks.is_waiting, event)
        except StoreFailed as error:
            log.info("%s can't tell whether %s waits: %s", event.surface, event.id, error)
            return
        lane = next((lane for lane, one in self._waiting.items() if one is event), None)
        if not waits and lane is not None:
            del self._waiting[lane]
            self._clear(event)

    async def _react(self, surface: Reacts, event: Event, mark: str | None) -> Exception | None:
        """Why *mark* could not be put in place of what is there, if it could not."""
        try:
            async with asyncio.timeout(LIMIT_S):
                await surface.react(event, mark)
        except Exception as error:  # noqa: BLE001 - a courtesy; see Reacts
            log.info("%s can't mark %s: %s: %s", event.surface, event.id, type(error).__name__, error)
            return error
        return None

    async def _note(self, event: Event, mark: str | None) -> bool:
        """Whether it could be noted that *mark* stands on *event*."""
        try:
            await self._database.tx(marks.note_mark, event, mark)
        except StoreFailed as error:
            log.info("%s can't note a mark on %s: %s", event.surface, event.id, error)
            return False
        return True

    def stored(self, event: Event, lane: str, is_held: bool = False) -> None:  # noqa: FBT001, FBT002 - a callback
        """*event* is in the inbox: the first that has to wait for the one before it is told so.

        *is_held*: it waits for what another person is to decide.
        """
        has_to_wait = (lane in self._working or is_held) and lane not in self._waiting
        if isinstance(event, Message) and event.sender and has_to_wait:
            self._waiting[lane] = event
            self._mark(event, WAITS)
            if self._surface is None and not self._untold.full():
                self._untold.put_nowait((time.monotonic() + TOLD_AFTER_S, event, lane))

    def begun(self, entry: Entry) -> None:
        """It is the turn of *entry*."""
        if entry.lane.endswith(FAST):
            return
        self._working.add(entry.lane)
        events = (entry.event, *(one.event for one in entry.along))
        waited = self._waiting.get(entry.lane)
        is_its_turn = waited is not None and waited.id in {event.id for event in events}
        if waited is not None and (is_its_turn or entry.prompt is None):  # else it may wait for what is to be decided
            del self._waiting[entry.lane]
            if not is_its_turn:
                self._clear(waited)
        for event in events:
            if isinstance(event, Message) and event.sender:
                if not event.direct:
                    self._mark(event, SEEN)
                else:
                    self._clear(event)

    def put_off(self, entry: Entry) -> None:
        """*entry* is tried again later."""
        self._working.discard(entry.lane)

    def ended(self, entry: Entry, *, has_failed: bool, is_last: bool) -> None:
        """*entry* is done with; *is_last*: nothing is taken up behind it, so what waited was given up."""
        self._working.discard(entry.lane)
        perhaps = self._waiting.get(entry.lane.removesuffix(FAST)) if entry.lane.endswith(FAST) else None
        if self._surface is not None and perhaps is not None and self._due.qsize() < MOST:
            self._due.put_nowait((perhaps, LOOK))
        if is_last and (waited := self._waiting.pop(entry.lane, None)):
            self._clear(waited)
        for event in (entry.event, *(one.event for one in entry.along)):
            if event.id in self._marked:
                self._mark(event, FAILED if has_failed else None)

    async def _say_lines(self) -> None:
        while True:
            due_at, event, lane = await self._untold.get()
            await asyncio.sleep(due_at - time.monotonic())
            if self._waiting.get(lane) is event:
                await self._tell(event, lane)

    def _clear(self, event: Event) -> None:
        if event.id in self._marked:
            self._mark(event, None)

    def _mark(self, event: Event, mark: str | None) -> None:
        if self._surface is None or (mark in (WAITS, SEEN) and self._due.qsize() >= MOST):
            return
        self._due.put_nowait((event, mark))
        if mark in (WAITS, SEEN):
            self._marked.add(event.id)
        else:
            self._marked.discard(event.id)
