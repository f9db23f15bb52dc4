"""What the host itself puts into the inbox: an occasion to say something, in order with everything else said there."""

from surfacehost.events import load_event
from surfacehost.store import arrivals
from surfacehost.store.transaction import Transaction


async def is_due(tx: Transaction, *, now: float) -> bool:
    """Whether the time of a question has passed."""
    return bool(await tx.rows("select 1 from prompt where state = 'open' and expires_at <= :now limit 1", now=now))


async def expire(tx: Transaction, *, now: float) -> None:
    """Questions whose time has passed can't be answered any more, and it is their thread's turn to tell the agent."""
    late = await tx.rows(
        "select id, lane, occasion from prompt where state = 'open' and expires_at <= :now order by id", now=now
    )
    for row in late:
        await tx.run("update prompt set state = 'expired' where id = :id", id=row["id"])
        if row["occasion"]:
            event = load_event(row["occasion"])
            await arrivals.insert(tx, arrivals.Arrival(event=event, lane=row["lane"], body=row["occasion"]), now)
