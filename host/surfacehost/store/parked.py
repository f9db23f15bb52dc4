"""The operator's hand on the inbox: see what is parked or open, have it tried again, or drop it.

Everything here may happen beside a running host. What it works on is an open event of a thread that it claims; those
are let be, and what is parked is none of them. A thread is taken from its owner only where that is dead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from surfacehost.errors import SurfacehostError
from surfacehost.store import inbox, outbox, prompts
from surfacehost.store.transaction import Row, Transaction

STATES: Mapping[str, str] = {
    "open": "id in (select id from inbox where state in ('waiting', 'answered'))",
    "parked": "id in (select id from inbox where state = 'parked')",
    "refused": "state = 'refused'",
    "ignored": "state = 'ignored'",
    "done": "state = 'done'",
}
"""What an operator may ask for, as a condition: the few open and parked ones are found by their own indexes."""

COLUMNS = (
    "id as number, surface, event_id as event, rtrim(lane, '#') as thread, state, received_at, failed_at, attempts,"
    " retried, error"
)
"""What an operator sees of an event."""

OPEN = (inbox.WAITING, inbox.ANSWERED)

RETRIED = (inbox.PARKED, inbox.REFUSED)
"""What may be tried again: what the host gave up."""


class NotForThat(SurfacehostError):
    """The event can't be changed so; it was left as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One event and everything that was to be said to it, as rows."""

    event: Row
    replies: Sequence[Row]


async def listed(tx: Transaction, state: str, surface: str | None, at_most: int) -> list[Row]:
    """The newest events in *state*, a key of STATES, oldest first; not what people wrote."""
    rows = await tx.rows(
        f"select {COLUMNS} from inbox where {STATES[state]} and (:surface is null or surface = :surface)"  # noqa: S608 - our own words
        " order by id desc limit :most",
        surface=surface, most=at_most,
    )  # fmt: skip
    return rows[::-1]


async def parked_numbers(tx: Transaction, surface: str | None) -> list[int]:
    """The numbers of all parked events."""
    rows = await tx.rows(
        "select id from inbox where state = 'parked' and (:surface is null or surface = :surface) order by surface, id",
        surface=surface,
    )
    return [row["id"] for row in rows]


async def show(tx: Transaction, number: int) -> Letter:
    """Everything about event *number*. Raises NotForThat where there is none."""
    await _found(tx, number)
    events = await tx.rows(f"select {COLUMNS}, body from inbox where id = :id", id=number)  # noqa: S608 - our own words
    replies = await tx.rows(
        "select reply as id, kind, state, body from outbox where inbox = :id order by id", id=number
    )
    return Letter(event=events[0], replies=replies)


async def retry(tx: Transaction, number: int, *, now: float) -> bool:
    """Open event *number* again; whether its answer, which was there already, is sent. Raises NotForThat.

    An answer that was given up is sent as it stands: nobody is asked twice. Without one it is a new run, whose replies
    have ids of their own, so that neither the agent nor the platform takes it for the old one.
    """
    row = await _locked(tx, number)
    if row["head"] is not None:
        raise NotForThat(f"{number} was asked together with {row['head']}: try that again")
    if row["state"] not in RETRIED:
        raise NotForThat(f"{number} is {row['state']}: {_why_not(row['state'])}")
    if not row["body"]:
        raise NotForThat(f"{number} can't be tried again: what it said is no longer kept")
    replies = await tx.rows("select id, reply, state from outbox where inbox = :id order by id", id=number)
    answer = [reply for reply in replies if not outbox.is_sentence(reply["reply"], row["event_id"])]
    await _reopen(tx, answer, is_suspect=bool(row["suspect"]))
    await tx.run(
        "update inbox set state = :state, ends = 'done', attempts = 0, failed_at = null, waited_s = 0,"
        " retried = retried + 1, shown = null, stopped = 0, home = null, generation = null where id = :id",
        state=inbox.ANSWERED if answer else inbox.WAITING, id=number,
    )  # fmt: skip
    await tx.run("update inbox set state = 'waiting' where head = :id and state in ('parked', 'refused')", id=number)
    await tx.run(
        "insert into thread (lane, surface, pending, ready_at, paused_at) values (:lane, :surface, 1, :now, :now)"
        " on conflict (lane) do update set pending = 1, ready_at = excluded.ready_at, paused_at = excluded.paused_at",
        lane=row["lane"], surface=row["surface"], now=now,
    )  # fmt: skip
    return bool(answer)


async def drop(tx: Transaction, number: int, *, is_hosted: bool) -> None:
    """Settle event *number* for good, unanswered. Raises NotForThat.

    *is_hosted*: whether a host runs; else whoever stands as owner of the thread is dead.
    """
    row = await _locked(tx, number)
    if row["head"] is not None:
        raise NotForThat(f"{number} is asked together with {row['head']}: drop that")
    if row["state"] not in (inbox.WAITING, inbox.ANSWERED, inbox.PARKED):
        raise NotForThat(f"{number} is {row['state']}: nothing more happens to it")
    if row["is_claimed"] and row["state"] in OPEN:
        if is_hosted:
            raise NotForThat(
                f"{number} is {row['state']} and its conversation is being worked on: wait, or stop the host"
            )
        await tx.run("update thread set owner = null where lane = :lane", lane=row["lane"])
    await tx.run(
        "update inbox set state = 'ignored', error = 'dropped by the operator' || coalesce('; ' || error, '')"
        " where id = :id or head = :id",
        id=number,
    )
    await tx.run(
        "update outbox set state = 'refused' where inbox = :id and state in ('waiting', 'sending', 'doubtful')",
        id=number,
    )
    await prompts.close(tx, number, again=True)  # the agent may still wait to be told
    await inbox.release(tx, number)
    await tx.run("update thread set pending = 1 where lane = :lane", lane=row["lane"])


async def _reopen(tx: Transaction, answer: Sequence[Row], *, is_suspect: bool) -> None:
    """Have sent what was given up. Parts go one after another: only the first may have arrived, unless all may have."""
    given_up = [reply for reply in answer if reply["state"] == "refused"]
    for number, reply in enumerate(given_up):
        await tx.run(
            "update outbox set state = :state where id = :id",
            state="waiting" if number and not is_suspect else "doubtful", id=reply["id"],
        )  # fmt: skip


async def _found(tx: Transaction, number: int) -> Row:
    rows = await tx.rows("select * from inbox where id = :id", id=number)
    if not rows:
        raise NotForThat(f"there is no message {number}")
    return rows[0]


async def _locked(tx: Transaction, number: int) -> dict[str, Any]:
    """Event *number*, its thread locked, and whether somebody claims that."""
    lane = (await _found(tx, number))["lane"]
    await tx.run("update thread set ready_at = ready_at where lane = :lane", lane=lane)
    claims = await tx.rows("select 1 from thread where lane = :lane and owner is not null", lane=lane)
    return {**await _found(tx, number), "is_claimed": bool(claims)}


def _why_not(state: str) -> str:
    open_ = "the host tries it by itself"
    return open_ if state in OPEN else "only what was parked or refused can be tried again"
