"""What comes in: who listens for a surface, and how an event of it is stored, once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from surfacehost.events import Edit, Event, Message, Redaction, dump_event
from surfacehost.jsontext import dump
from surfacehost.store import changes, copies, interruptions, moves, notes, pieces, prompts, rejections
from surfacehost.store.gather import Joins, Waits, readable
from surfacehost.store.inbox import FAST, IGNORED, WAITING
from surfacehost.store.transaction import Fenced, Transaction
from surfacehost.threads import ThreadKey, encode

LATELY_S = 60.0
MOST_LATELY = 2000
"""What counts when a host is started again; of a crowd only the latest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A surface instance that this host listens for."""

    surface: str
    fence: int
    cursor: str | None
    suspect_until: float = 0.0
    """What happened before then may have been answered by a host whose database this is an older copy of."""
    formerly: Mapping[str, str] = field(default_factory=dict)
    """Chats that have another id than their conversations: the present one to the first."""
    lately: Sequence[tuple[Event, float, str]] = ()
    """What came in the last minute before, when, and what admission found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An event on its way in: where it waits, and whether anybody will be asked about it."""

    event: Event
    lane: str
    body: str
    """The event as it is stored; empty for one that is only remembered so that it is not taken again."""
    state: str = "waiting"
    """``ignored`` with a body: a piece of what may turn out to be for the bot, see ``pieces``."""
    finding: str = ""
    """What admission found about it, if there is something to tell the person."""
    ends: str = "done"
    """The state it will have once that has been told."""
    error: str | None = None
    joins: Joins | None = None
    """What is a piece of what; given where it is not taken while an earlier message is being answered."""
    waits: Waits | None = None
    """Whether it waits for a question that stands; none: it waits for none."""
    held: int | None = None
    """The question that it waits for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """What a surface has to tell besides events."""

    moved: Mapping[str, str] = field(default_factory=dict)
    """Chats that got another id: old to new."""
    unread: Mapping[str, str] = field(default_factory=dict)
    """What it could not make sense of, by the id that an event would have."""
    restarting: Collection[str] = ()
    """Ids of messages whose run can begin anew with other words."""
    interrupting: Mapping[str, str] = field(default_factory=dict)
    """Messages that stop a run, by their ids: the message whose run it is."""
    joins: Joins | None = None
    """What may be asked with what; none: nothing that was stopped is asked with a message that was changed."""


async def elect(tx: Transaction, surface: str, *, now: float = 0.0) -> Seat:
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
        surface=surface, fence=row["fence"], cursor=row["cursor"], suspect_until=restored.until if restored else 0.0,
        formerly=await moves.read(tx, surface), lately=await _lately(tx, surface, now),
    )  # fmt: skip


async def _lately(tx: Transaction, surface: str, now: float) -> list[tuple[Event, float, str]]:
    """What people said in the minute before *now*, as far as it counts for how much they may say."""
    rows = await tx.rows(
        # Materialized, as above.
        "with latest as materialized (select * from inbox where id > (select max(id) from inbox) - :most)"
        " select body, received_at, finding from latest"
        " where surface = :surface and received_at > :old and received_at <= :now and body <> ''"
        " and (substr(lane, -1) <> '#' or finding <> '') order by id",
        surface=surface, now=now, old=now - LATELY_S, most=MOST_LATELY,
    )  # fmt: skip
    found = ((readable(row["body"]), row["received_at"], row["finding"]) for row in rows)
    return [(event, at, finding) for event, at, finding in found if event is not None]


async def ingest(
    tx: Transaction,
    seat: Seat,
    arrivals: Sequence[Arrival],
    *,
    now: float,
    cursor: str | None = None,
    memory: Mapping[str, Any] | None = None,
    aside: Aside | None = None,
) -> list[Arrival]:
    """Store those of *arrivals* that are new, the cursor behind them, the surface's notes, and what came aside.

    What is changed or taken back of earlier ones is, see ``changes``.
    Returns the new ones. Raises Fenced when another host listens for the surface by now.
    """
    held = await tx.run(
        "update surface set cursor = coalesce(:cursor, cursor) where name = :name and owner = :node and fence = :fence",
        cursor=cursor, name=seat.surface, node=tx.node, fence=seat.fence,
    )  # fmt: skip
    if not held:
        raise Fenced(f"another host listens for {seat.surface}")
    formerly, aside = seat.formerly, aside or Aside()
    if aside.moved:
        await moves.write(tx, seat.surface, aside.moved)
        formerly = await moves.read(tx, seat.surface)
    arrivals = [replace(arrival, lane=moves.lane_of(arrival.lane, formerly, FAST)) for arrival in arrivals]
    fresh: list[Arrival] = []
    for arrival in arrivals:
        came = await _with_its_pieces(tx, await _judged(tx, arrival), now)
        fresh += [one for one in came if await insert(tx, one, now, suspect_until=seat.suspect_until)]
    for event_id, text in aside.unread.items():
        await _park(tx, seat.surface, event_id, text, now)
    for arrival in fresh:
        if isinstance(arrival.event, Edit | Redaction):
            await changes.apply(tx, arrival.event, aside.restarting, aside.joins)
        elif arrival.event.id in aside.interrupting:
            await interruptions.interrupt(tx, seat.surface, aside.interrupting[arrival.event.id], by=arrival.event.id)
    await notes.write(tx, seat.surface, memory or {})
    return fresh


async def _judged(tx: Transaction, arrival: Arrival) -> Arrival:
    """*arrival* as it is stored: it may have to wait for what another one was asked, or not be taken meanwhile."""
    prompt = await prompts.standing(tx, arrival.lane) if arrival.waits and not arrival.event.direct else None
    if prompt is not None and arrival.waits and arrival.waits(arrival.event, prompt):
        arrival = replace(arrival, held=prompt.number)
    if arrival.joins is None:
        return arrival
    match await rejections.judged(tx, arrival.lane, arrival.event, arrival.joins, prompt if arrival.held else None):
        case rejections.Rejection.FIRST:
            lane, finding = arrival.lane + FAST, rejections.BUSY
            return replace(arrival, lane=lane, held=None, finding=finding, ends=IGNORED, error=rejections.REASON)
        case rejections.Rejection.FURTHER:
            return replace(arrival, body="", state=IGNORED, error=rejections.REASON)
    return arrival


async def _with_its_pieces(tx: Transaction, arrival: Arrival, now: float) -> list[Arrival]:
    """*arrival* as it is stored, behind the pieces of the same bundle that are for the bot because it is."""
    event, lane = arrival.event, arrival.lane.removesuffix(FAST)
    if not isinstance(event, Message) or not event.bundle or await pieces.is_known(tx, event):
        return [arrival]
    if arrival.state == WAITING and not arrival.finding:
        kept = await pieces.take_out(tx, event, lane)
        await pieces.keep(tx, event, lane, "", now)
        return [*(replace(arrival, event=one, lane=lane, body=dump_event(one)) for one in kept), arrival]
    if arrival.state == IGNORED and arrival.body:
        if await pieces.is_meant(tx, event, lane):
            return [replace(arrival, state=WAITING)]
        await pieces.keep(tx, event, lane, arrival.body, now)
        return [replace(arrival, body="")]
    return [arrival]


async def insert(tx: Transaction, arrival: Arrival, now: float, *, suspect_until: float = 0.0) -> bool:
    """Store *arrival*; False where it is known by its id."""
    inserted = await tx.run(
        "insert into inbox (surface, event_id, lane, body, state, finding, ends, error, held, received_at, suspect)"
        " values (:surface, :event, :lane, :body, :state, :finding, :ends, :error, :held, :now, :suspect)"
        " on conflict (surface, event_id) do nothing",
        surface=arrival.event.surface, event=arrival.event.id, lane=arrival.lane, body=arrival.body,
        state=arrival.state, finding=arrival.finding, ends=arrival.ends, error=arrival.error, held=arrival.held,
        now=now,
        suspect=(arrival.event.at or now) < suspect_until,
    )  # fmt: skip
    if inserted and arrival.state == WAITING:
        await tx.run(
            "insert into thread (lane, surface, pending) values (:lane, :surface, 1)"
            " on conflict (lane) do update set pending = 1",
            lane=arrival.lane, surface=arrival.event.surface,
        )  # fmt: skip
    return bool(inserted)


async def _park(tx: Transaction, surface: str, event_id: str, text: str, now: float) -> None:
    """Keep what the surface could not read, for the operator. It belongs to no conversation and holds up none."""
    await tx.run(
        "insert into inbox (surface, event_id, lane, body, state, received_at, error)"
        " values (:surface, :event, :lane, :body, 'parked', :now, :error) on conflict (surface, event_id) do nothing",
        surface=surface, event=event_id, lane=encode(ThreadKey(surface, "", "")), body=dump({"unread": text}),
        now=now, error="the surface can't read it; the log says why",
    )  # fmt: skip
