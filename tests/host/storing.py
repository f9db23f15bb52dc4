"""What tests of the store do again and again: events that come, are taken, and are settled."""

import time
from typing import Any

from surfacehost.events import Message, dump_event
from surfacehost.store import arrivals, inbox
from surfacehost.store.arrivals import Arrival, Seat
from surfacehost.store.inbox import Again, Entry, Settled
from surfacehost.store.sqlite import SqliteDatabase


def said(
    number: int, chat: str = "c", *, text: str = "", fast: str = "", at: float = 0, sender: str = "ann"
) -> Arrival:
    text = text or f"text {number}"
    message = Message(surface="toy", id=f"{chat}{number}", chat=chat, sender=sender, direct=True, text=text, at=at)
    return Arrival(event=message, lane=str(message.key) + fast, body=dump_event(message))


async def ingest(database: SqliteDatabase, seat: Seat, *came: Any, **rest: Any) -> list[str]:
    fresh = await database.tx(arrivals.ingest, seat, list(came), now=time.time(), **rest)
    return [arrival.event.id for arrival in fresh]


async def take(database: SqliteDatabase, room: int = 10, now: float | None = None) -> list[Entry]:
    return await database.tx(inbox.take, "toy", room, now=time.time() if now is None else now)


async def settle(database: SqliteDatabase, entry: Entry, outcome: Again | Settled) -> Entry | None:
    return await database.tx(inbox.settle, entry, outcome, now=time.time())
