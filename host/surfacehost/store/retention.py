"""What is done with goes after a while, so that the file stays as large as a month is busy.

The file itself does not shrink: the room is used again. Letting it shrink (``auto_vacuum``) would move pages about on
every delete, and it would have to grow again by the next day.
"""

from surfacehost.store.transaction import Transaction

BATCH = 100
"""Events in one transaction: few enough that no message waits noticeably for it."""
LEAST_DAYS = 2
"""For as long at least an event is known by its id: Telegram tells one again for up to 24 hours
(https://core.telegram.org/bots/api#getting-updates), and clocks differ."""

_OLD = (
    "select id from inbox where state in ('done', 'ignored', 'refused') and received_at < :before"
    " order by received_at limit :batch"
)


async def forget(tx: Transaction, *, before: float, batch: int = BATCH) -> int:
    """Delete up to *batch* events that were received before *before* and are done with; how many it were.

    What is open stays, however old, and so does what is parked: it waits for a person.
    """
    await tx.run(f"delete from outbox where inbox in ({_OLD})", before=before, batch=batch)  # noqa: S608 - our words
    await tx.run(f"delete from prompt where state = 'closed' and taken_by in ({_OLD})", before=before, batch=batch)  # noqa: S608
    return await tx.run(f"delete from inbox where id in ({_OLD})", before=before, batch=batch)  # noqa: S608 - likewise
