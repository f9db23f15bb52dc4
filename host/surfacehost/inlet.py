"""The way in: what a surface puts becomes rows on the disk, and only then is it acknowledged."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from surfacehost.admission import Verdict, judge
from surfacehost.commands_in_chat import is_urgent
from surfacehost.events import Event, dump_event
from surfacehost.health import SurfaceHealth
from surfacehost.store import inbox, notes
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.store.transaction import StoreFailed
from surfacehost.surface import Behaviour
from surfacehost.threads import encode
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
        heard: list[Event] = []
        if events or cursor is not None or notes:
            arrivals = [arrival for event in events if (arrival := self._arrival(event))]
            fresh = await self._store(arrivals, cursor, notes)
            heard = [arrival.event for arrival in fresh if arrival.state == inbox.WAITING]
        for event in heard:
            self._ways.mark(event, Step.STORED)
        was_away = self._health.state != "up"
        self._health.beat(events=len(heard))
        if heard or was_away:
            self._wake()

    async def _store(
        self, arrivals: list[inbox.Arrival], cursor: str | None, notes: Mapping[str, Any] | None
    ) -> list[inbox.Arrival]:
        try:
            fresh = await self._database.tx(
                inbox.ingest, self._seat, arrivals, now=time.time(), cursor=cursor, memory=notes
            )
        except StoreFailed as error:
            self._health.storage = str(error)
            raise
        self._health.storage = ""
        self._seat = replace(self._seat, cursor=self._seat.cursor if cursor is None else cursor)
        return fresh

    def _arrival(self, event: Event) -> inbox.Arrival | None:
        """*event* as it is stored; None for one that can't be: it alone is dropped, or its batch comes for ever."""
        try:
            lane, body = encode(event.key), dump_event(event)
        except (ValueError, TypeError) as error:
            log.warning("event %r of %s is dropped, it can't be stored: %s", event.id, self._seat.surface, error)
            return None
        if judge(event, self._behaviour) is Verdict.UNHEARD:
            return inbox.Arrival(event=event, lane=lane, body="", state=inbox.IGNORED)
        return inbox.Arrival(event=event, lane=lane + inbox.FAST if is_urgent(event) else lane, body=body)


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
