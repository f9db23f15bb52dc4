"""What the host itself puts into the inbox: an occasion to say something, in order with everything else said there."""

from dataclasses import replace

from surfacehost.events import dump_event, load_event
from surfacehost.store import arrivals
from surfacehost.store.inbox import Entry, hold
from surfacehost.store.prompts import SHOWN, Prompt, occasion_id
from surfacehost.store.transaction import Transaction

LONGEST_PAUSE_S = 300.0
"""How long, at most, until an agent that was away is told once more that the time of a question has passed."""


async def is_due(tx: Transaction, *, now: float) -> bool:
    """Whether the time of a question has passed, or an agent that could not be told so may be by now."""
    found = await tx.rows(
        "select 1 from prompt where state in ('open', 'expired') and expires_at <= :now limit 1", now=now
    )
    return bool(found)


async def expire(tx: Transaction, *, now: float) -> None:
    """Questions whose time has passed can't be answered any more, and it is their thread's turn to tell the agent.

    Where it could not be told it is tried again, after pauses that grow: each try is an event of its own.
    """
    late = await tx.rows(
        "select id, lane, occasion, told from prompt where state in ('open', 'expired') and expires_at <= :now"
        " order by id",
        now=now,
    )
    for row in late:
        await tx.run("update inbox set held = null where held = :id", id=row["id"])  # whoever speaks next may end it
        event = load_event(row["occasion"]) if row["occasion"] else None
        is_new = event is None or not await _waits(tx, event.surface, occasion_id(event.id, row["id"], row["told"]))
        told = row["told"] + is_new
        await tx.run(
            "update prompt set state = 'expired', told = :told, expires_at = :again where id = :id",
            told=told, again=now + min(2.0 ** min(told, 10), LONGEST_PAUSE_S), id=row["id"],
        )  # fmt: skip
        if event is not None and is_new:
            event = replace(event, id=occasion_id(event.id, row["id"], told))
            await arrivals.insert(tx, arrivals.Arrival(event=event, lane=row["lane"], body=dump_event(event)), now)


async def show_elsewhere(tx: Transaction, entry: Entry, prompt: Prompt, *, now: float) -> None:
    """Have it shown where *prompt* was asked what *entry*, of another chat, has made of it. Raises Fenced."""
    await hold(tx, entry)
    event = replace(load_event(prompt.occasion), id=f"{SHOWN}{prompt.number}")
    await arrivals.insert(tx, arrivals.Arrival(event=event, lane=prompt.lane, body=dump_event(event)), now)


async def _waits(tx: Transaction, surface: str, event_id: str) -> bool:
    """Whether the event is in the inbox and not yet done with."""
    found = await tx.rows(
        "select 1 from inbox where surface = :surface and event_id = :event and state in ('waiting', 'answered')",
        surface=surface, event=event_id,
    )  # fmt: skip
    return bool(found)
