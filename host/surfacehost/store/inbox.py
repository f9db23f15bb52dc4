"""What was received and is to be answered, and who works on it; how it gets there: ``arrivals``."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from surfacehost.events import Event, Message, load_event
from surfacehost.store import changes, interruptions, prompts
from surfacehost.store.gather import Along, Gathering, gather, gone_along
from surfacehost.store.prompts import Prompt
from surfacehost.store.transaction import Fenced, Row, Transaction

FAST = "#"
"""Behind a lane's name: where commands go that must not wait for the event running there. No thread key holds it."""

MAX_DELAY_S = 3600.0
"""No event waits longer for its next attempt."""

HASTY = "hasty"
"""What admission found about a message that is not read because its person writes too many."""

STRANGER = "stranger"
"""What is found about one whose person was told that they may not talk: nobody hears of it, whoever is let in since."""

WAITING, ANSWERED, DONE, IGNORED, REFUSED, PARKED = "waiting", "answered", "done", "ignored", "refused", "parked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The oldest open event of a thread that this host has claimed."""

    id: int
    lane: str
    fence: int
    event: Event
    home: str
    """The lane whose conversation the agent has: its own, without ``FAST``, or the one that it shares by ``/link``."""
    state: str
    attempts: int
    failed_at: float | None
    waited_s: float = 0.0
    """How long it has been made to wait after failed attempts, in all."""
    generation: int = 1
    prompt: Prompt | None = None
    """What the agent waits to be told in the thread."""
    along: tuple[Along, ...] = ()
    """What is asked with it, and settled with it."""
    revised: int = 0
    """How often its words were changed after the agent had been asked: each is a run of its own."""
    before: tuple[Message, ...] = ()
    """What is asked with it once more: messages whose runs were interrupted."""
    interrupter: int | None = None
    """The event that stops its run."""
    ends: str = DONE
    """The state it will have once what is said to it has been sent."""
    finding: str = ""
    """What admission found about it when it came."""
    account: str = ""
    """What the person is called who linked this chat with others; empty: nobody did."""
    role: str = ""
    """What the person was let in as, ``people.GUEST`` or ``people.OWNER``; empty: by the settings, or not at all."""
    stopped: bool = False
    """Whether its run was told to stop."""
    retried: int = 0
    """How often it was opened again, by the operator say: each is a run of its own, and what it says is said anew."""
    was_taken: bool = False
    """Whether it was worked on before, so that the agent may have been asked."""
    shown: Any = None
    """What the surface noted with the preview of an answer that was being made when it was claimed before."""


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


async def take(
    tx: Transaction,
    surface: str,
    room: int,
    *,
    now: float,
    is_fast_only: bool = False,
    gathering: Gathering | None = None,
) -> list[Entry]:
    """Claim up to *room* threads that have something open and are nobody's, the longest waiting first."""
    claimed = await tx.rows(
        "update thread set owner = :node, fence = fence + 1 where lane in"
        " (select lane from thread where surface = :surface and pending = 1 and owner is null"
        " and (ready_at <= :now or paused_at > :now) and (substr(lane, -1) = '#' or not :fast)"
        " order by ready_at limit :room) returning lane, fence",
        node=tx.node, surface=surface, now=now, room=room, fast=is_fast_only,
    )  # fmt: skip
    heads = [await head(tx, row["lane"], row["fence"], gathering, now=now) for row in claimed]
    return [entry for entry in heads if entry is not None]


async def head(
    tx: Transaction, lane: str, fence: int, gathering: Gathering | None = None, *, now: float = 0.0
) -> Entry | None:
    """The oldest open event of *lane*, which is claimed with *fence*, and what goes along with it by *gathering*.

    Without one, or while the rest of it may be on its way, the thread is let go.
    An event that can't be read, one of a later version say, is parked: it must not hold up those behind it.
    """
    while found := await tx.rows(
        "select inbox.id, inbox.lane, body, state, received_at, gathered, revised, erased, ends, finding, attempts,"
        " interrupter, retried, failed_at, waited_s, shown, stopped, generation,"
        " coalesce(inbox.home, link.home, rtrim(inbox.lane, '#')) as home, coalesce(link.account, '') as account"
        " from inbox left join link on link.lane = rtrim(inbox.lane, '#')"
        " where inbox.lane = :lane and state in ('waiting', 'answered') and head is null and held is null"
        " order by inbox.id limit 1",
        lane=lane,
    ):
        row = dict(found[0])
        if (event := await _event_of(tx, row)) is None:
            continue
        prompt = await prompts.told_by(tx, row["id"], prompts.number_of(event))
        row["home"] = prompt.home if prompt else row["home"]
        prompt = prompt or await prompts.standing(tx, row["home"])
        if gathering and prompt and await _is_held(tx, row, event, prompt, gathering):
            continue
        row["was_taken"], row["stopped"] = bool(row.pop("gathered")), bool(row["stopped"])
        if gathering is not None and row["state"] == WAITING and not row["was_taken"]:
            wait_s = await gather(tx, row, event, gathering, now=now)
            if wait_s > 0:
                await _let_go(tx, lane, wait_s, now=now)
                return None
        along = await gone_along(tx, row["id"])
        before = await interruptions.handed_on(tx, row["id"])
        del row["lane"], row["received_at"]
        if row["generation"] is None:
            row["generation"] = await _take_into(tx, row["id"], row["home"])
        role = await _role_of(tx, event)
        return Entry(lane=lane, fence=fence, event=event, prompt=prompt, along=along, before=before, role=role, **row)
    await tx.run("update thread set owner = null, pending = 0 where lane = :lane", lane=lane)
    return None


async def _event_of(tx: Transaction, row: dict[str, Any]) -> Event | None:
    """The event of *row*; none for one that nobody is asked about: it can't be read, or was taken back."""
    row["shown"] = None if row["shown"] is None else json.loads(row["shown"])
    try:
        event = load_event(row.pop("body"))
    except ValueError as error:
        await tx.run(
            "update inbox set state = 'parked', error = :error where id = :id or head = :id",
            error=str(error), id=row["id"],
        )  # fmt: skip
        return None
    if row.pop("erased") and row["state"] == WAITING:
        await changes.drop(tx, row["id"])
        return None
    return event


async def _is_held(tx: Transaction, row: Row, event: Event, prompt: Prompt, gathering: Gathering) -> bool:
    """Whether *event* waits until *prompt* is decided, written down; what comes behind it does not."""
    if row["state"] != WAITING or row["lane"].endswith(FAST) or not gathering.waits(event, prompt):
        return False
    await tx.run("update inbox set held = :prompt where id = :id", prompt=prompt.number, id=row["id"])
    return True


async def _take_into(tx: Transaction, event: int, home: str) -> int:
    """Which conversation that of the lane *home* is, counted from 1; *event* is asked there, after a crash as well."""
    rows = await tx.rows("select generation from thread where lane = :home", home=home)
    generation = int(rows[0]["generation"]) if rows else 1
    await tx.run(
        "update inbox set home = :home, generation = :generation where id = :id",
        home=home, generation=generation, id=event,
    )  # fmt: skip
    return generation


async def _role_of(tx: Transaction, event: Event) -> str:
    """What the person of *event* was let in as; empty: not at all."""
    rows = await tx.rows(
        "select role from person where surface = :surface and person = :person",
        surface=event.surface, person=event.sender,
    )  # fmt: skip
    return str(rows[0]["role"]) if rows else ""


async def settle(
    tx: Transaction, entry: Entry, outcome: Again | Settled, *, now: float, gathering: Gathering | None = None
) -> Entry | None:
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
        await prompts.close(tx, entry.id)
        await release(tx, entry.id)
        await changes.erase(tx, entry.id)
        await tx.run(
            "update inbox set state = (select state from inbox where id = :id) where head = :id and state = 'waiting'",
            id=entry.id,
        )
        await interruptions.ask_again(tx, entry.id)
        return await head(tx, entry.lane, entry.fence, gathering, now=now)
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
    await _let_go(tx, entry.lane, delay_s, now=now)
    return None


async def release(tx: Transaction, event: int) -> None:
    """Let be taken what waited for the question that *event* has ended."""
    await tx.run(
        "update inbox set held = null where held in"
        " (select id from prompt where taken_by = :event and state = 'closed')",
        event=event,
    )


async def _let_go(tx: Transaction, lane: str, delay_s: float, *, now: float) -> None:
    """Let *lane* be taken by whoever has time, after a while."""
    await tx.run(
        "update thread set owner = null, ready_at = :ready, paused_at = :now where lane = :lane",
        ready=now + delay_s, now=now, lane=lane,
    )  # fmt: skip


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
