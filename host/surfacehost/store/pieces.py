"""Pieces of what a platform shows as one, an album say: where one of them is for the bot, all are.

Only one of them says so, whichever, and it may come last. So those that are for nobody by themselves are kept for a
short while, to be taken in before the one that says that they are. What came before a crash is known after it.
"""

from dataclasses import replace

from surfacehost.events import Edit, Message, Redaction, dump_event
from surfacehost.store.gather import readable
from surfacehost.store.transaction import Transaction

KEEP_S = 600.0
"""How long a piece is kept at least, in case the one that it goes with comes; at the most twice as long.

Longer than a platform waits before it brings again what could not be stored: Telegram up to two minutes.
"""


async def keep(tx: Transaction, piece: Message, lane: str, body: str, now: float) -> None:
    """Remember *piece* of *lane*: as *body*, should it turn out to be for the bot; an empty one: it and the rest is."""
    await tx.run(
        "insert into piece (surface, event_id, lane, bundle, body, received_at)"
        " values (:surface, :event, :lane, :bundle, :body, :now) on conflict (surface, event_id) do nothing",
        surface=piece.surface, event=piece.id, lane=lane, bundle=_bundle(piece), body=body, now=now,
    )  # fmt: skip


async def is_known(tx: Transaction, piece: Message) -> bool:
    """Whether *piece* has come before: what became of it then stays, and of what it goes with."""
    found = await tx.rows(
        "select 1 from inbox where surface = :surface and event_id = :event", surface=piece.surface, event=piece.id
    )
    return bool(found)


async def is_meant(tx: Transaction, piece: Message, lane: str) -> bool:
    """Whether one of the pieces that *piece* goes with was for the bot."""
    found = await tx.rows(
        "select 1 from piece where lane = :lane and bundle = :bundle and body = '' limit 1",
        lane=lane, bundle=_bundle(piece),
    )  # fmt: skip
    return bool(found)


async def take_out(tx: Transaction, piece: Message, lane: str) -> list[Message]:
    """What was kept and goes with *piece*, which is for the bot, as it came; it is as if none of it had been stored."""
    rows = await tx.rows(
        "select event_id, body from piece where lane = :lane and bundle = :bundle and body <> ''"
        " order by id",
        lane=lane, bundle=_bundle(piece),
    )  # fmt: skip
    for row in rows:
        for table in ("piece", "inbox"):
            await tx.run(
                f"delete from {table} where surface = :surface and event_id = :event",  # noqa: S608 - our own words
                surface=piece.surface, event=row["event_id"],
            )  # fmt: skip
    return [event for row in rows if isinstance(event := readable(row["body"]), Message)]


async def apply(tx: Transaction, change: Edit | Redaction) -> None:
    """A piece that is kept was changed by who sent it, or taken back, if *change* is about one."""
    rows = await tx.rows(
        "select id, body from piece where surface = :surface and event_id = :of and body <> ''",
        surface=change.surface, of=change.of,
    )  # fmt: skip
    said = readable(rows[0]["body"]) if rows else None
    if not isinstance(said, Message) or said.chat != change.chat:
        return
    if isinstance(change, Redaction):
        await tx.run("delete from piece where id = :id", id=rows[0]["id"])
    elif said.sender == change.sender:
        body = dump_event(replace(said, text=change.text))
        await tx.run("update piece set body = :body where id = :id", body=body, id=rows[0]["id"])


async def forget(tx: Transaction, *, now: float) -> None:
    """Forget what has been kept for long enough; what is of the future is from before the clock was set back."""
    await tx.run("delete from piece where received_at < :before or received_at > :now", before=now - KEEP_S, now=now)


def _bundle(piece: Message) -> str:
    return f"{piece.sender} {piece.bundle}"
