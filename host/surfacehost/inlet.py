"""The way in: what a surface puts becomes rows on the disk, and only then is it acknowledged."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from surfacehost.admission import Verdict, judge
from surfacehost.commands_in_chat import is_urgent
from surfacehost.events import Event
from surfacehost.health import SurfaceHealth
from surfacehost.store import inbox, notes
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.surface import Behaviour
from surfacehost.threads import ThreadKeyError, encode
from surfacehost.ways import Step, Ways

log = logging.getLogger(__name__)


class Inlet:
    """``Put`` of one surface instance."""

    def __init__(
        self,
        database: SqliteDatabase,
        seat: inbox.Seat,
        behaviour: Behaviour,
        *,
        health: SurfaceHealth,
        ways: Ways,
        wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._seat = seat
        self._behaviour = behaviour
        self._health = health
        self._ways = ways
        self._wake = wake

    @property
    def cursor(self) -> str | None:
        """The position that was stored last."""
        return self._seat.cursor

    async def __call__(self, *events: Event, cursor: str | None = None, notes: Mapping[str, Any] | None = None) -> None:
        """Store everything in one transaction; when it returns the platform may forget it."""
        fresh: list[Event] = []
        if events or cursor is not None or notes:
            arrivals = [arrival for event in events if (arrival := self._arrival(event))]
            fresh = await self._database.tx(
                inbox.ingest, self._seat, arrivals, now=time.time(), cursor=cursor, memory=notes
            )
            self._seat = replace(self._seat, cursor=self._seat.cursor if cursor is None else cursor)
        for event in fresh:
            self._ways.mark(event, Step.STORED)
        self._health.beat(with_event=bool(fresh))
        if fresh:
            self._wake()

    def _arrival(self, event: Event) -> tuple[Event, str, str] | None:
        """*event* with its lane and its first state; None for one that no thread can hold."""
        try:
            lane = encode(event.key)
        except ThreadKeyError as error:  # it alone is dropped: raising would stop the surface for good
            log.warning("event %s of %s is dropped, it has no thread: %s", event.id, event.surface, error)
            return None
        if judge(event, self._behaviour) is Verdict.UNHEARD:
            return event, lane, inbox.IGNORED
        return event, lane + inbox.FAST if is_urgent(event) else lane, inbox.WAITING


class StoredMemory:
    """``Memory`` of one surface instance, in the host's database."""

    def __init__(self, database: SqliteDatabase, surface: str) -> None:
        self._database = database
        self._surface = surface

    async def get(self, key: str) -> Any:  # noqa: ANN401 - JSON
        """The value of *key*, None where there is none."""
        return await self._database.tx(notes.read_one, self._surface, key)

    async def items(self, prefix: str = "") -> dict[str, Any]:
        """Every note whose key starts with *prefix*."""
        return await self._database.tx(notes.read, self._surface, prefix)

    async def set(self, values: Mapping[str, Any]) -> None:
        """Write all of *values* in one transaction; None deletes."""
        await self._database.tx(notes.write, self._surface, values)
