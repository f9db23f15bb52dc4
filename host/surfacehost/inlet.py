"""The way in: what a surface puts becomes rows on the disk, and only then is it acknowledged."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from surfacehost.admission import Verdict, conversation_of, judge
from surfacehost.behaviour import Behaviour
from surfacehost.busy import gathering, is_piece_of, may_be_rejected
from surfacehost.commands_in_chat import is_urgent, stop_before
from surfacehost.events import Edit, Event, Message, Redaction, dump_event
from surfacehost.flow import Allowance, LoopGuard
from surfacehost.health import SurfaceHealth
from surfacehost.store import inbox, moves, notes
from surfacehost.store.arrivals import Arrival, Aside, Seat, ingest
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.store.transaction import StoreFailed
from surfacehost.threads import encode
from surfacehost.ways import Step, Ways

log = logging.getLogger(__name__)


class Runs(Protocol):
    """What is being answered at the moment."""

    def may_restart(self, edit: Edit) -> bool:
        """Whether the run of the message that *edit* changes can still begin anew."""

    async def change(self, change: Edit | Redaction) -> None:
        """*change* is stored: the run of its message begins anew, or ends."""

    def interrupted_by(self, event: Event, lane: str) -> str:
        """The id of the message whose run in *lane* has to give way to *event*; empty: none has."""

    async def interrupt(self, surface: str, running: str) -> None:
        """That is stored: stop the run of the message *running*."""


class Inlet:
    """``Put`` of one surface instance."""

    def __init__(  # noqa: PLR0913 - each is another part of the host
        self,
        database: SqliteDatabase,
        seat: Seat,
        behaviour: Behaviour,
        *,
        health: SurfaceHealth,
        ways: Ways,
        guard: LoopGuard,
        wake: Callable[[], None],
        runs: Runs,
        stored: Callable[[Event, str, bool], None],
        formerly: dict[str, str] | None = None,
    ) -> None:
        """*formerly*: the ids that chats had before, kept up to date for whoever else goes by them."""
        self._database = database
        self._seat = seat
        self._behaviour = behaviour
        self._health = health
        self._ways = ways
        self._allowance = Allowance(behaviour.rate_per_minute, is_piece_of, behaviour.debounce_s)
        for event, at, finding in seat.lately:
            if isinstance(event, Message) and event.sender and not event.choice:
                self._allowance.recall(event, at, is_refused=finding == inbox.HASTY)
        self._guard = guard
        self._wake = wake
        self._formerly = {} if formerly is None else formerly
        self._formerly.update(seat.formerly)
        self._runs = runs
        self._gathering = gathering(behaviour)
        self._stored = stored

    @property
    def cursor(self) -> str | None:
        """The position that was stored last."""
        return self._seat.cursor

    async def __call__(
        self,
        *events: Event,
        cursor: str | None = None,
        notes: Mapping[str, Any] | None = None,
        moved: Mapping[str, str] | None = None,
        unread: Mapping[str, str] | None = None,
    ) -> None:
        """Store everything in one transaction; when it returns the platform may forget it."""
        heard: list[Event] = []
        if events or cursor is not None or notes or moved or unread:
            came_from = self._formerly | {new: self._formerly.get(old, old) for old, new in (moved or {}).items()}
            arrivals = [arrival for event in events for arrival in self._arrivals(event, came_from)]
            aside = self._aside(arrivals, Aside(moved=moved or {}, unread=unread or {}))
            fresh = await self._store(arrivals, cursor, notes, aside)
            heard = [arrival.event for arrival in fresh if arrival.state == inbox.WAITING]
            await self._tell_runs(fresh, aside)
        for event in heard:
            self._ways.mark(event, Step.STORED)
        was_away = self._health.state != "up"
        self._health.beat(events=len(heard))
        if heard or was_away:
            self._wake()

    def _aside(self, arrivals: list[Arrival], aside: Aside) -> Aside:
        """*aside* with what *arrivals* do to the runs that are on."""
        edits = [one.event for one in arrivals if isinstance(one.event, Edit)]
        stops = {
            one.event.id: self._runs.interrupted_by(one.event, one.lane)
            for one in arrivals
            if one.state == inbox.WAITING
        }
        return replace(
            aside,
            restarting={edit.of for edit in edits if self._runs.may_restart(edit)},
            interrupting={by: running for by, running in stops.items() if running},
            joins=self._gathering.joins,
        )

    async def _tell_runs(self, fresh: list[Arrival], aside: Aside) -> None:
        """Let the runs that are on hear what is stored and concerns them; the rest waits for its turn."""
        for arrival in fresh:
            if isinstance(arrival.event, Edit | Redaction):
                await self._runs.change(arrival.event)
            elif arrival.event.id in aside.interrupting:
                await self._runs.interrupt(arrival.event.surface, aside.interrupting[arrival.event.id])
            elif arrival.state == inbox.WAITING:
                self._stored(arrival.event, arrival.lane, arrival.held is not None)

    async def _store(
        self,
        arrivals: list[Arrival],
        cursor: str | None,
        notes: Mapping[str, Any] | None,
        aside: Aside,
    ) -> list[Arrival]:
        try:
            fresh = await self._database.tx(
                ingest, self._seat, arrivals,
                now=time.time(), cursor=cursor, memory=notes, aside=aside,
            )  # fmt: skip
            if aside.moved:
                self._formerly.update(await self._database.tx(moves.read, self._seat.surface))
        except StoreFailed as error:
            self._health.storage = str(error)
            raise
        self._health.storage = ""
        cursor = self._seat.cursor if cursor is None else cursor
        self._seat = replace(self._seat, cursor=cursor, formerly=self._formerly)
        return fresh

    def _arrivals(self, event: Event, formerly: Mapping[str, str]) -> list[Arrival]:
        """What *event* is stored as: itself, before a ``/new`` a ``/stop``, or nothing."""
        both = [self._arrival(one, formerly) for one in (stop_before(event), event) if one is not None]
        return [arrival for arrival in both if arrival is not None]

    def _arrival(self, event: Event, formerly: Mapping[str, str]) -> Arrival | None:
        """*event* as it is stored; None for one that can't be: it alone is dropped, or its batch comes for ever."""
        try:
            lane, body = encode(conversation_of(event, self._behaviour, formerly)), dump_event(event)
        except (ValueError, TypeError) as error:
            log.warning("event %r of %s is dropped, it can't be stored: %s", event.id, self._seat.surface, error)
            return None
        if not event.sender:
            log.warning("event %r of %s is dropped: nobody sent it", event.id, self._seat.surface)
            return None  # only the host itself has something to say unasked
        verdict = judge(event, self._behaviour, formerly)
        if verdict is Verdict.UNHEARD or isinstance(event, Edit | Redaction):
            is_piece = self._may_be_meant(event, formerly)
            waits = self._gathering.waits if is_piece else None
            return Arrival(event=event, lane=lane, body=body if is_piece else "", state=inbox.IGNORED, waits=waits)
        if is_urgent(event):
            return Arrival(event=event, lane=lane + inbox.FAST, body=body)
        if verdict is Verdict.WELCOME and isinstance(event, Message) and not event.choice:
            return self._rationed(event, lane, body)
        return Arrival(event=event, lane=lane, body=body)

    def _may_be_meant(self, event: Event, formerly: Mapping[str, str]) -> bool:
        """Whether *event* is for the bot should another piece of the same bundle be."""
        if not isinstance(event, Message) or not event.bundle:
            return False
        return judge(replace(event, addressed=True), self._behaviour, formerly) is Verdict.WELCOME

    def _rationed(self, event: Message, lane: str, body: str) -> Arrival:
        """*event*, if there is room for it. Where there is none that is told at once, once a minute."""
        if self._guard.is_loop(event):
            return Arrival(event=event, lane=lane, body="", state=inbox.IGNORED)
        match self._allowance.room_for(event):
            case "some":
                joins = self._gathering.joins if may_be_rejected(event, self._behaviour) else None
                return Arrival(event=event, lane=lane, body=body, joins=joins, waits=self._gathering.waits)
            case "none":
                return Arrival(event=event, lane=lane + inbox.FAST, body=body, finding=inbox.HASTY)
            case _:
                return Arrival(event=event, lane=lane, body="", state=inbox.IGNORED)


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
