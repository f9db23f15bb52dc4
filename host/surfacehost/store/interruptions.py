"""Runs that a later message of the same person stops (``busy = "interrupt"``), and what they were about.

That a message interrupts is written down in the transaction that stores it, so that it does after a crash as well.
Once the stopped run has ended, what it was about is asked with the one that interrupted it; by itself, written down as
with itself, where that one is taken back or says something else by then.
"""

from collections.abc import Sequence

from surfacehost.events import Message
from surfacehost.store.gather import readable
from surfacehost.store.transaction import Row, Transaction


async def interrupt(tx: Transaction, surface: str, running: str, by: str) -> None:
    """The event *by* interrupts the run of the event *running*, unless that is answered by now."""
    await tx.run(
        "update inbox set interrupter = (select id from inbox where surface = :surface and event_id = :by)"
        " where surface = :surface and event_id = :running and state = 'waiting' and interrupter is null",
        surface=surface, running=running, by=by,
    )  # fmt: skip


async def hand_on(tx: Transaction, event: int) -> None:
    """What the run of *event* was about is asked with the one that interrupted it, if that still waits."""
    await tx.run(
        "update inbox set asked_with = (select interrupter from inbox where id = :id)"
        " where (id = :id or head = :id or asked_with = :id) and exists (select 1 from inbox as later"
        " where later.id = (select interrupter from inbox where id = :id)"
        " and (later.state = 'waiting' or later.id = :id))",
        id=event,
    )


async def stopped_by(tx: Transaction, event: int) -> tuple[Message, ...]:
    """What *event* has stopped, or is about to: it is to be asked with that."""
    rows = await tx.rows(
        "select body from inbox where asked_with = :id or (interrupter = :id and state in ('waiting', 'answered')"
        " and lane = (select lane from inbox where id = :id))",
        id=event,
    )
    return _messages(rows)


async def let_go(tx: Transaction, by: int) -> None:
    """Nothing is asked with the event *by* any more: what it has stopped is asked by itself, once that has ended."""
    await tx.run(
        "update inbox set interrupter = id where interrupter = :by and state in ('waiting', 'answered')"
        " and lane = (select lane from inbox where id = :by)",
        by=by,
    )
    rows = await tx.rows("select id, coalesce(head, id) as first from inbox where asked_with = :by", by=by)
    for row in rows:
        await tx.run("update inbox set asked_with = :first where id = :id", first=row["first"], id=row["id"])
    for first in {row["first"] for row in rows}:
        await ask_again(tx, first)


async def ask_again(tx: Transaction, event: int) -> None:
    """Where *event* has ended and is to be asked by itself, what its run was about waits, for a run of its own.

    Not where ``/stop`` has ended it since.
    """
    if await tx.rows("select 1 from inbox where id = :id and asked_with = :id and not stopped", id=event):
        await tx.run(
            "update inbox set state = 'waiting', ends = 'done', attempts = 0, failed_at = null, waited_s = 0,"
            " shown = null, home = null, generation = null, gathered = 0, head = null, interrupter = null,"
            " asked_with = null, retried = retried + 1"
            " where asked_with = :id and state in ('done', 'refused') and body <> ''",
            id=event,
        )


async def handed_on(tx: Transaction, head: int) -> tuple[Message, ...]:
    """What was interrupted and is asked with the event *head*, or with what goes along; not what was taken back since.

    Oldest first.
    """
    rows = await tx.rows(
        "select body from inbox where asked_with in (select id from inbox where id = :head or head = :head)"
        " order by id",
        head=head,
    )
    return _messages(rows)


def _messages(rows: Sequence[Row]) -> tuple[Message, ...]:
    events = [readable(row["body"]) for row in rows]
    return tuple(event for event in events if isinstance(event, Message))
