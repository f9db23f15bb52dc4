"""From the inbox to the hooks and back: the oldest event of each thread, threads side by side."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from surfacehost.backoff import delay, pause
from surfacehost.client import RealPlatformClient
from surfacehost.courtesies import Courtesies
from surfacehost.errors import NotReady, PlatformError, Refused, Uncertain, Undeliverable
from surfacehost.events import Event
from surfacehost.health import SurfaceHealth
from surfacehost.plugins import Plugins
from surfacehost.store import inbox
from surfacehost.store.gather import Gathering
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.store.transaction import Fenced, StoreFailed
from surfacehost.ways import Step, Ways

LOOK_AGAIN_S = 30.0
"""The longest the loop waits for its bell: a safety net, not the way it works."""

STORE_PAUSE_S = 1.0
"""Between two tries of a write that the database did not take: a full disk does not empty by asking faster."""

LET_GO_S = 2.0
"""How long a hook may take to end once it is cancelled."""

FAST_PLACES = 4
"""Places kept for commands that must not wait."""

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """When an event that keeps failing is parked: after both."""

    attempts: int = 5
    age_s: float = 600.0
    """Of the pauses between its attempts, summed up: a clock that is set makes nothing older."""


class Dispatch:
    """Works off the events of one surface instance. One each, so that no surface takes another's places."""

    def __init__(  # noqa: PLR0913 - each is a part of the host
        self,
        database: SqliteDatabase,
        plugins: Plugins,
        client: RealPlatformClient,
        health: SurfaceHealth,
        *,
        ways: Ways,
        places: int,
        patience: Patience,
        gathering: Gathering,
        courtesies: Courtesies,
    ) -> None:
        self._database = database
        self._plugins = plugins
        self._client = client
        self._health = health
        self._ways = ways
        self._places = places
        self._patience = patience
        self._gathering = gathering
        self.courtesies = courtesies
        self._bell = asyncio.Event()
        self._lanes: set[asyncio.Task[None]] = set()
        self._misses: dict[str, int] = {}
        self._sent_at_miss: dict[str, int] = {}
        """For each lane that waits: how much the surface had sent when it last had to."""
        self._patient: set[str] = set()
        """Lanes that wait for the platform to be there again, for no time that anybody named."""
        self._up_since = 0.0

    def wake(self) -> None:
        """Something new is in the inbox, a place is free, or the platform is there again."""
        self._bell.set()

    async def run(self) -> None:
        """Take threads for as long as the host runs; when cancelled, what is running is left to ``drain``."""
        while True:
            self._bell.clear()
            await self._insist(self._welcome)
            if not self._is_parked:
                for entry in await self._insist(self._take):
                    lane = asyncio.create_task(self._work(entry), name=f"lane {entry.lane}")
                    self._lanes.add(lane)
                    lane.add_done_callback(self._left)
            await self._wait_for_bell(await self._insist(self._until_next))

    async def drain(self, grace_s: float) -> None:
        """Let running events finish for *grace_s* seconds, then leave them to the next start."""
        if self._lanes:
            await asyncio.wait(self._lanes, timeout=grace_s)
        stuck = set(self._lanes)
        for lane in stuck:
            lane.cancel()
        if stuck:
            _, stuck = await asyncio.wait(stuck, timeout=LET_GO_S)
        for lane in stuck:
            log.error("%s was cancelled %g s ago and still runs", lane.get_name(), LET_GO_S)

    @property
    def _is_parked(self) -> bool:
        return self._health.state == "parked"

    async def _welcome(self) -> None:
        """Once the platform is there again, let go on who waited for that: the rest of a pause would help nobody."""
        if self._health.state != "up" or self._health.since == self._up_since:
            return
        if self._patient:
            await self._database.tx(inbox.hurry, self._patient)
        self._up_since = self._health.since
        self.courtesies.welcome()
        self._misses.clear()
        self._patient.clear()

    async def _take(self) -> list[inbox.Entry]:
        """Claim what there is room for. Commands find room always: one of them may be what makes it."""
        room = self._places - len(self._lanes)
        return await self._database.tx(
            inbox.take, self._health.name, room if room > 0 else FAST_PLACES, now=time.time(), is_fast_only=room <= 0,
            gathering=self._gathering,
        )  # fmt: skip

    async def _until_next(self) -> float:
        """Seconds until the next thread may be taken."""
        if len(self._lanes) >= self._places or self._is_parked:
            return LOOK_AGAIN_S
        wait_s = await self._database.tx(inbox.next_ready, self._health.name, now=time.time())
        return LOOK_AGAIN_S if wait_s is None else min(LOOK_AGAIN_S, wait_s)

    async def _wait_for_bell(self, at_most_s: float) -> None:
        waits = asyncio.get_running_loop().call_later(at_most_s, self._bell.set)
        await self._bell.wait()
        waits.cancel()

    def _left(self, lane: asyncio.Task[None]) -> None:
        self._lanes.discard(lane)
        if not lane.cancelled() and (error := lane.exception()):
            log.critical("%s ended with an error of the host itself", lane.get_name(), exc_info=error)
        self.wake()

    async def _work(self, first: inbox.Entry) -> None:
        """Work off a thread until nothing in it is open."""
        entry: inbox.Entry | None = first
        try:
            while entry is not None:
                entry = await self._one(entry)
        except Fenced:
            log.warning("%s was taken over; its event is left to whoever has it", first.lane)

    async def _one(self, entry: inbox.Entry) -> inbox.Entry | None:
        """Deliver *entry* and settle it; the next of its thread."""
        for event in _events(entry):
            self._ways.mark(event, Step.TAKEN)
        self._patient.discard(entry.lane)
        self.courtesies.begun(entry)
        try:
            async with self._client.visiting(entry) as visit:
                await self._plugins.overhear([one.event for one in entry.along], entry.event, self._client)
                error = await self._plugins.deliver(entry.event, self._client)
                outcome = inbox.Settled() if error is None else await self._judge(entry, error)
        except Fenced:
            raise
        except StoreFailed as error:
            outcome = self._later(entry, error)
        except Exception as error:  # noqa: BLE001 - the host's own; the thread must be given back all the same
            outcome = self._again(entry, error)

        async def write_down() -> inbox.Entry | None:
            return await self._database.tx(inbox.settle, entry, outcome, now=time.time(), gathering=self._gathering)

        following = await self._insist(write_down)
        if isinstance(outcome, inbox.Settled):
            self._settled(entry, visit.entry.ends if outcome.state == inbox.DONE else outcome.state)
            has_failed = visit.has_failed or outcome.error is not None
            self.courtesies.ended(entry, has_failed=has_failed, is_last=following is None and not visit.leaves_open)
        else:
            self.courtesies.put_off(entry)
        return following

    def _settled(self, entry: inbox.Entry, state: str) -> None:
        self._misses.pop(entry.lane, None)
        self._sent_at_miss.pop(entry.lane, None)
        for event in _events(entry):
            self._ways.mark(event, Step.SETTLED)
        if state == inbox.PARKED:
            self._health.parkings += 1
            log.error("%s of %s is parked: see surfacehost inbox show %d", entry.event.id, entry.event.key, entry.id)

    async def _judge(self, entry: inbox.Entry, error: Exception) -> inbox.Again | inbox.Settled:
        """What becomes of an event whose surface raised *error*: its class says."""
        match error:
            case Fenced():
                raise error
            case Refused():
                self._health.park(str(error))
                return self._later(entry, error)
            case NotReady() if not self._is_alone_with(entry, error):
                return self._later(entry, error)
            case Undeliverable():
                log.warning("%s of %s can't be delivered: %s", entry.event.id, entry.event.key, error)
                return inbox.Settled(state=inbox.REFUSED, error=str(error))
            case PlatformError():
                return await self._tell(entry, error, inbox.DONE)
            case _ if self._has_patience(entry):
                return self._again(entry, error)
            case _:
                return await self._tell(entry, error, inbox.PARKED)

    def _later(self, entry: inbox.Entry, error: Exception) -> inbox.Again:
        """The platform's trouble, not the event's: wait, however often."""
        misses = self._misses[entry.lane] = self._misses.get(entry.lane, 0) + 1
        delay_s = delay(misses, getattr(error, "retry_after", None))
        self._sent_at_miss[entry.lane] = self._health.sends
        log.info("%s waits %.1f s: %s", entry.event.key, delay_s, error)
        if isinstance(error, NotReady) and error.retry_after is None:
            self._patient.add(entry.lane)
        is_sure = not isinstance(error, Uncertain | StoreFailed)  # a full disk says nothing about what was sent
        return inbox.Again(delay_s=delay_s, error=str(error), counts=False, sure=is_sure)

    def _is_alone_with(self, entry: inbox.Entry, error: NotReady) -> bool:
        """Whether others got through since *entry* had to wait: then it is no longer the trouble of the platform.

        Not while the platform itself says how long; what it names will be over.
        """
        before = self._sent_at_miss.get(entry.lane)
        is_told_when = error.retry_after is not None or isinstance(error, StoreFailed)
        return not is_told_when and before is not None and self._health.sends > before

    def _has_patience(self, entry: inbox.Entry) -> bool:
        return entry.attempts + 1 < self._patience.attempts or entry.waited_s < self._patience.age_s

    def _again(self, entry: inbox.Entry, error: Exception) -> inbox.Again:
        """A bug, or a message that can't be handled: try again, but not for ever."""
        attempts = entry.attempts + 1
        self._sent_at_miss[entry.lane] = self._health.sends
        log.error("%s of %s failed (%d)", entry.event.id, entry.event.key, attempts, exc_info=error)
        is_sure = isinstance(error, NotReady) and not isinstance(error, Uncertain)
        return inbox.Again(
            delay_s=pause(attempts, longest_s=120), error=f"{type(error).__name__}: {error}", sure=is_sure
        )

    async def _tell(self, entry: inbox.Entry, error: Exception, ends: str) -> inbox.Again | inbox.Settled:
        """Let the person know. The sentence is on the disk first, so it is said whatever happens now."""
        try:
            await self._client.excuse(entry.event, error, ends)
        except (Fenced, StoreFailed):
            raise
        except Exception:  # the surface can't even put the sentence into its own form
            log.exception("%s could not say that %s failed", entry.event.surface, entry.event.id)
            return inbox.Settled(state=ends, error=f"{type(error).__name__}: {error}")
        failure = await self._plugins.explain(error, entry.event, self._client)
        if failure is None:
            return inbox.Settled()
        if isinstance(failure, NotReady | Refused | Fenced):
            return await self._judge(entry, failure)
        log.error("%s could not say that %s failed", entry.event.surface, entry.event.id, exc_info=failure)
        return inbox.Settled()

    async def _insist(self, operation: Callable[..., Awaitable[T]], *args: object) -> T:
        """*operation* on the database, again and again while its disk is full or failing."""
        while True:
            try:
                return await operation(*args)
            except StoreFailed as error:
                log.error("%s: %s", self._health.name, error)  # noqa: TRY400 - once a second, the cause is in the text
                await asyncio.sleep(error.retry_after or STORE_PAUSE_S)


def _events(entry: inbox.Entry) -> list[Event]:
    """The event of *entry*, and those that go along with it."""
    return [entry.event, *(one.event for one in entry.along)]
