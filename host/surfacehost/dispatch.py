"""From the inbox to the hooks and back: the oldest event of each thread, threads side by side."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from surfacehost.backoff import pause
from surfacehost.client import RealPlatformClient
from surfacehost.errors import NotReady, PlatformError, Refused, Uncertain, Undeliverable
from surfacehost.health import SurfaceHealth
from surfacehost.plugins import Plugins
from surfacehost.store import inbox
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.store.transaction import Fenced, StoreFailed
from surfacehost.ways import Step, Ways

LOOK_AGAIN_S = 30.0
"""The longest the loop waits for its bell: a safety net, not the way it works."""

STORE_PAUSE_S = 1.0
"""Between two tries of a write that the database did not take: a full disk does not empty by asking faster."""

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """When an event that keeps failing is parked: after both."""

    attempts: int = 5
    age_s: float = 600.0


class Dispatch:
    """Works off the events of one surface instance. One each, so that no surface takes another's places."""

    def __init__(
        self,
        database: SqliteDatabase,
        plugins: Plugins,
        client: RealPlatformClient,
        health: SurfaceHealth,
        *,
        ways: Ways,
        places: int,
        patience: Patience,
    ) -> None:
        self._database = database
        self._plugins = plugins
        self._client = client
        self._health = health
        self._ways = ways
        self._places = places
        self._patience = patience
        self._bell = asyncio.Event()
        self._lanes: set[asyncio.Task[None]] = set()
        self._misses: dict[str, int] = {}

    def wake(self) -> None:
        """Something new is in the inbox, or a place is free."""
        self._bell.set()

    async def run(self) -> None:
        """Take threads for as long as the host runs; when cancelled, what is running is left to ``drain``."""
        while True:
            self._bell.clear()
            room = self._places - len(self._lanes)
            if room > 0 and self._health.state != "parked":
                for entry in await self._insist(self._take, room):
                    lane = asyncio.create_task(self._work(entry), name=f"lane {entry.lane}")
                    self._lanes.add(lane)
                    lane.add_done_callback(self._left)
            await self._wait_for_bell(await self._insist(self._until_next))

    async def drain(self, grace_s: float) -> None:
        """Let running events finish for *grace_s* seconds, then leave them to the next start."""
        if self._lanes:
            await asyncio.wait(self._lanes, timeout=grace_s)
        for lane in self._lanes:
            lane.cancel()
        await asyncio.gather(*self._lanes, return_exceptions=True)

    async def _take(self, room: int) -> list[inbox.Entry]:
        return await self._database.tx(inbox.take, self._health.name, room, now=time.time())

    async def _until_next(self) -> float:
        """Seconds until the next thread may be taken."""
        if len(self._lanes) >= self._places:
            return LOOK_AGAIN_S
        at = await self._database.tx(inbox.next_ready, self._health.name)
        return LOOK_AGAIN_S if at is None else min(LOOK_AGAIN_S, max(0.0, at - time.time()))

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
        self._ways.mark(entry.event, Step.TAKEN)
        async with self._client.visiting(entry):
            error = await self._plugins.deliver(entry.event, self._client)
            outcome = inbox.Settled() if error is None else await self._judge(entry, error)

        async def write_down() -> inbox.Entry | None:
            return await self._database.tx(inbox.settle, entry, outcome, now=time.time())

        following = await self._insist(write_down)
        if isinstance(outcome, inbox.Settled):
            self._misses.pop(entry.lane, None)
            self._ways.mark(entry.event, Step.SETTLED)
        return following

    async def _judge(self, entry: inbox.Entry, error: Exception) -> inbox.Again | inbox.Settled:
        """What becomes of an event whose surface raised *error*: its class says."""
        match error:
            case Fenced():
                raise error
            case Refused():
                self._health.park(str(error))
                return self._later(entry, error)
            case NotReady():
                return self._later(entry, error)
            case Undeliverable():
                log.warning("%s of %s can't be delivered: %s", entry.event.id, entry.event.key, error)
                return inbox.Settled(state=inbox.REFUSED, error=str(error))
            case PlatformError():
                return await self._tell(entry, error, inbox.Settled(error=str(error)))
            case _:
                return await self._failed(entry, error)

    def _later(self, entry: inbox.Entry, error: Exception) -> inbox.Again:
        """The platform's trouble, not the event's: wait, however often."""
        misses = self._misses[entry.lane] = self._misses.get(entry.lane, 0) + 1
        delay_s = max(getattr(error, "retry_after", None) or 0.0, pause(misses))
        log.info("%s waits %.1f s: %s", entry.event.key, delay_s, error)
        return inbox.Again(delay_s=delay_s, error=str(error), counts=False, sure=not isinstance(error, Uncertain))

    async def _failed(self, entry: inbox.Entry, error: Exception) -> inbox.Again | inbox.Settled:
        """A bug, or a message that can't be handled: try again, but not for ever."""
        attempts = entry.attempts + 1
        log.error("%s of %s failed (%d)", entry.event.id, entry.event.key, attempts, exc_info=error)
        age_s = time.time() - (entry.failed_at or time.time())
        if attempts < self._patience.attempts or age_s < self._patience.age_s:
            return inbox.Again(delay_s=pause(attempts, longest_s=120), error=f"{type(error).__name__}: {error}")
        return await self._tell(
            entry, error, inbox.Settled(state=inbox.PARKED, error=f"{type(error).__name__}: {error}")
        )

    async def _tell(self, entry: inbox.Entry, error: Exception, outcome: inbox.Settled) -> inbox.Again | inbox.Settled:
        """Let the person know; *outcome*, unless the platform is away just now."""
        failure = await self._plugins.explain(error, entry.event, self._client)
        if isinstance(failure, NotReady):
            return self._later(entry, failure)
        if failure is not None:
            log.error("%s could not say that %s failed", entry.event.surface, entry.event.id, exc_info=failure)
        return outcome

    async def _insist(self, operation: Callable[..., Awaitable[T]], *args: object) -> T:
        """*operation* on the database, again and again while its disk is full or failing."""
        while True:
            try:
                return await operation(*args)
            except StoreFailed as error:
                log.error("%s: %s", self._health.name, error)  # noqa: TRY400 - once a second, the cause is in the text
                await asyncio.sleep(STORE_PAUSE_S)
