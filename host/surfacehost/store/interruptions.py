"""Runs that a later message of the same person stops (``busy = "interrupt"``), and what they were about.

That a message interrupts is written down in the transaction that stores it, so that it does after a crash as well.
Once the stopped run has ended, what it was about is asked with the one that interrupted it.
"""

from collections.abc import Collection

from surfacehost.events import Message
from surfacehost.store.gather import readable
from surfacehost.store.transaction import Transaction


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
        " where later.id = (select interrupter from inbox where id = :id) and later.state = 'waiting')",
        id=event,
    )


async def handed_on(tx: Transaction, events: Collection[int]) -> tuple[Message, ...]:
    """What was interrupted and is asked with any of *events*, oldest first; not what was taken back since."""
    found = []
    for number in sorted(events):
        rows = await tx.rows("select body from inbox where asked_with = :id order by id", id=number)
        found += [readable(row["body"]) for row in rows]
    return tuple(message for message in found if isinstance(message, Message))
