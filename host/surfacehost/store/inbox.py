"""What was received, and who works on it."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from surfacehost.events import Event, load_event
from surfacehost.store import copies, notes
from surfacehost.store.transaction import Fenced, Transaction

FAST = "#"
"""Behind a lane's name: where commands go that must not wait for the event running there. No thread key holds it."""

MAX_DELAY_S = 3600.0
"""No event waits longer for its next attempt."""

WAITING, ANSWERED, DONE, IGNORED, REFUSED, PARKED = "waiting", "answered", "done", "ignored", "refused", "parked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A surface instance that this host listens for."""

    surface: str
    fence: int
    cursor: str | None
    suspect_until: float = 0.0
    """What happened before then may have been answered by a host whose database this is an older copy of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An event on its way in: where it waits, and whether anybody will be asked about it."""

    event: Event
    lane: str
    body: str
    """The event as it is stored; empty for one that is only remembered so that it is not taken again."""
    state: str = "waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The oldest open event of a thread that this host has claimed."""

    id: int
    lane: str
    fence: int
    event: Event
    state: str
    attempts: int
    failed_at: float | None
    waited_s: float = 0.0
    """How long it has been made to wait after failed attempts, in all."""
    generation: int = 1
    interrupts: tuple[dict[str, Any], ...] = field(default=())
    ends: str = DONE
    """The state it will have once what is said to it has been sent."""
    retried: int = 0
    """How often the operator asked for another try: each is a run of its own, and what it says is said anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Not settled: try once more after a while."""

    delay_s: float
    error: str
    counts: bool = True
    """Whether it was the event's own failure; a platform that is away is nobody's."""
    sure: bool = False
    """Whether the reply being sent, if any, certainly did not arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Settled for good."""

    state: str = DONE
    error: str | None = None


async def elect(tx: Transaction, surface: str) -> Seat:
    """Become the one who listens for *surface*, and set free what a predecessor had claimed.

    Only for a database that no other host can have open: there, whoever else stands as owner is dead.
    """
    await tx.run("insert into surface (name) values (:name) on conflict (name) do nothing", name=surface)
    await tx.run("update surface set owner = :node, fence = fence + 1 where name = :name", node=tx.node, name=surface)
    await tx.run("update thread set owner = null where surface = :name and owner <> :node", name=surface, node=tx.node)
    await tx.run(
        # Materialized, or SQLite would look through everything that the surface ever received.
        "with open as materialized (select id, surface from inbox where state in ('waiting', 'answered'))"
        " update outbox set state = 'doubtful'"
        " where state = 'sending' and inbox in (select id from open where surface = :name)",
        name=surface,
    )
    row = (await tx.rows("select fence, cursor from surface where name = :name", name=surface))[0]
    restored = await copies.last_restored(tx)
    return Seat(
        surface=surface, fence=row["fence"], cursor=row["cursor"], suspect_until=restored.until if restored else 0.0
    )


async def ingest(
    tx: Transaction,
    seat: Seat,
    arrivals: Sequence[Arrival],
    *,
    now: float,
    cursor: str | None = None,
    memory: Mapping[str, Any] | None = None,
) -> list[Arrival]:
    """Store those of *arrivals* that are new, the cursor behind them and the surface's notes.

    Returns the new ones. Raises Fenced when another host listens for the surface by now.
    """
    held = await tx.run(
        "update surface set cursor = coalesce(:cursor, cursor) where name = :name and owner = :node and fence = :fence",
        cursor=cursor, name=seat.surface, node=tx.node, fence=seat.fence,
    )  # fmt: skip
    if not held:
        raise Fenced(f"another host listens for {seat.surface}")
    fresh = [arrival for arrival in arrivals if await _insert(tx, seat, arrival, now)]
    await notes.write(tx, seat.surface, memory or {})
    return fresh


async def _insert(tx: Transaction, seat: Seat, arrival: Arrival, now: float) -> bool:
    inserted = await tx.run(
        "insert into inbox (surface, event_id, lane, body, state, received_at, suspect)"
        " values (:surface, :event, :lane, :body, :state, :now, :suspect) on conflict (surface, event_id) do nothing",
        surface=arrival.event.surface, event=arrival.event.id, lane=arrival.lane, body=arrival.body,
        state=arrival.state, now=now, suspect=(arrival.event.at or now) < seat.suspect_until,
    )  # fmt: skip
    if inserted and arrival.state == WAITING:
        await tx.run(
            "insert into thread (lane, surface, pending) values (:lane, :surface, 1)"
            " on conflict (lane) do update set pending = 1",
            lane=arrival.lane, surface=arrival.event.surface,
        )  # fmt: skip
    return bool(inserted)


async def take(tx: Transaction, surface: str, room: int, *, now: float, is_fast_only: bool = False) -> list[Entry]:
    """Claim up to *room* threads that have something open and are nobody's, the longest waiting first."""
    claimed = await tx.rows(
        "update thread set owner = :node, fence = fence + 1 where lane in"
        " (select lane from thread where surface = :surface and pending = 1 and owner is null"
        " and (ready_at <= :now or paused_at > :now) and (substr(lane, -1) = '#' or not :fast)"
        " order by ready_at limit :room) returning lane, fence",
        node=tx.node, surface=surface, now=now, room=room, fast=is_fast_only,
    )  # fmt: skip
    heads = [await head(tx, row["lane"], row["fence"]) for row in claimed]
    return [entry for entry in heads if entry is not None]


async def head(tx: Transaction, lane: str, fence: int) -> Entry | None:
    """The oldest open event of *lane*, which is claimed with *fence*; without one the thread is let go.

    An event that can't be read, one of a later version say, is parked: it must not hold up those behind it.
    """
    while found := await tx.rows(
        "select inbox.id, body, state, ends, attempts, retried, failed_at, waited_s,"
        " coalesce(generation, 1) as generation,"
        " coalesce(interrupts, '[]') as interrupts from inbox left join thread on thread.lane = rtrim(inbox.lane, '#')"
        " where inbox.lane = :lane and state in ('waiting', 'answered') order by inbox.id limit 1",
        lane=lane,
    ):
        row = dict(found[0])
        try:
            event, interrupts = load_event(row.pop("body")), tuple(json.loads(row.pop("interrupts")))
        except ValueError as error:
            await tx.run(
                "update inbox set state = 'parked', error = :error where id = :id", error=str(error), id=row["id"]
            )
            continue
        return Entry(lane=lane, fence=fence, event=event, interrupts=interrupts, **row)
    await tx.run("update thread set owner = null, pending = 0 where lane = :lane", lane=lane)
    return None


async def settle(tx: Transaction, entry: Entry, outcome: Again | Settled, *, now: float) -> Entry | None:
    """Write down how *entry* ended and return the next one of its thread, which stays claimed.

    None: nothing is open, or the next attempt has to wait; the thread is then free. Raises Fenced.
    """
    await hold(tx, entry)
    if isinstance(outcome, Settled):
        await tx.run(
            "update inbox set state = case when :state = 'done' then ends else :state end,"
            " error = coalesce(:error, error), attempts = attempts + :one where id = :id",
            state=outcome.state, error=outcome.error, one=int(outcome.state == PARKED), id=entry.id,
        )  # fmt: skip
        await tx.run(
            "update outbox set state = 'refused' where inbox = :id and state in ('waiting', 'sending', 'doubtful')",
            id=entry.id,
        )
        return await head(tx, entry.lane, entry.fence)
    delay_s = min(outcome.delay_s, MAX_DELAY_S)
    await tx.run(
        "update inbox set attempts = attempts + :one, error = :error, waited_s = waited_s + :one * :delay,"
        " failed_at = case when :one = 1 then coalesce(failed_at, :now) else failed_at end where id = :id",
        one=int(outcome.counts), error=outcome.error, delay=delay_s, now=now, id=entry.id,
    )  # fmt: skip
    await tx.run(
        "update outbox set state = :state where inbox = :id and state = 'sending'",
        state="waiting" if outcome.sure else "doubtful", id=entry.id,
    )  # fmt: skip
    await tx.run(
        "update thread set owner = null, ready_at = :ready, paused_at = :now where lane = :lane",
        ready=now + delay_s, now=now, lane=entry.lane,
    )  # fmt: skip
    return None


async def hurry(tx: Transaction, lanes: Collection[str]) -> None:
    """Let the free ones of *lanes* be taken at once."""
    for lane in lanes:
        await tx.run("update thread set ready_at = 0 where lane = :lane and owner is null", lane=lane)


async def hold(tx: Transaction, entry: Entry) -> None:
    """Lock the thread of *entry*; raises Fenced when it is no longer ours."""
    held = await tx.run(
        "update thread set ready_at = ready_at where lane = :lane and owner = :node and fence = :fence",
        lane=entry.lane, node=tx.node, fence=entry.fence,
    )  # fmt: skip
    if not held:
        raise Fenced(f"{entry.lane} was taken over")


async def next_ready(tx: Transaction, surface: str, *, now: float) -> float | None:
    """In how many seconds the next free thread of *surface* may be taken; None: there is none."""
    row = await tx.rows(
        "select min(case when paused_at > :now then 0 else max(0, ready_at - :now) end) as wait_s from thread"
        " where surface = :surface and pending = 1 and owner is null",
        surface=surface, now=now,
    )  # fmt: skip
    wait_s: float | None = row[0]["wait_s"]
    return wait_s


async def counts(tx: Transaction) -> dict[str, dict[str, Any]]:
    """For each surface: how many events are open and parked, and since when the oldest open one waits.

    Grouped by no plain column: for the sake of the order SQLite would read an index of everything there ever was.
    """
    waiting = await tx.rows(
        "select surface, count(*) as open, min(received_at) as oldest from inbox"
        " where state in ('waiting', 'answered') group by surface || ''"
    )
    parked = await tx.rows("select surface, count(*) as parked from inbox where state = 'parked' group by surface")
    found: dict[str, dict[str, Any]] = {}
    for row in (*waiting, *parked):
        found.setdefault(row["surface"], {"open": 0, "oldest": None, "parked": 0}).update(row)
    return found
