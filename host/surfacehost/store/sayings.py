"""What is said in a conversation unasked: by ``surfacehost send`` or ``POST /send``, and that a message waits."""

import hashlib
import uuid
from collections.abc import Collection
from dataclasses import replace

from surfacehost.errors import SurfacehostError
from surfacehost.events import Message, dump_event
from surfacehost.store import arrivals
from surfacehost.store.inbox import FAST
from surfacehost.store.transaction import Transaction
from surfacehost.threads import ThreadKey, ThreadKeyError, decode, encode

MARK = "host/say/"
"""How the id of the event begins that is the occasion to say it."""


MOST_BYTES = 1_000_000
"""How long what is said may be."""
NOTED = "host/noted/"
"""How the id of the event begins that is the occasion to say that a message waits."""


class CanNotSay(SurfacehostError):
    """It can't be said there."""


def occasion(to: str, text: str, name: str | None, surfaces: Collection[str], *, now: float) -> Message:
    """The occasion to say *text* in the conversation *to*, a thread key on one of *surfaces*.

    The same *name* is the same occasion: it is said once. Raises CanNotSay, with the reason.
    """
    try:
        key = decode(to)
    except ThreadKeyError as error:
        raise CanNotSay(f"{to!r} is no thread key: {error}") from error
    if key.surface not in surfaces:
        raise CanNotSay(f"there is no surface {key.surface!r} here; there are: {', '.join(sorted(surfaces)) or 'none'}")
    if not key.chat:
        raise CanNotSay(f"{to!r} names no chat")
    if not text.strip():
        raise CanNotSay("there is nothing to say")
    if len(text.encode()) > MOST_BYTES:
        raise CanNotSay(f"more than {MOST_BYTES} bytes")
    id_ = hashlib.sha256(name.encode()).hexdigest()[:32] if name else uuid.uuid4().hex
    return Message(
        surface=key.surface, id=MARK + id_, chat=key.chat, topic=key.thread, sender="", to=key.user,
        direct=bool(key.user), at=now, text=text,
    )  # fmt: skip


async def say(tx: Transaction, event: Message, *, now: float) -> bool:
    """Have it said on the occasion of *event*, in its turn; False where it is known, and said or being said."""
    lane = encode(ThreadKey(event.surface, event.to, event.chat, event.topic))
    return await arrivals.insert(tx, arrivals.Arrival(event=event, lane=lane, body=dump_event(event)), now)


async def acknowledge(tx: Transaction, waiting: Message, lane: str, text: str, *, now: float) -> bool:
    """Have *text* said at once, on the occasion that *waiting* waits in *lane*; False where it does not any more."""
    rows = await tx.rows(
        "select 1 from inbox where surface = :surface and event_id = :id and state = 'waiting' and head is null",
        surface=waiting.surface, id=waiting.id,
    )  # fmt: skip
    if not rows:
        return False
    event = replace(
        waiting, id=f"{NOTED}{waiting.id}", sender="", to=waiting.sender if waiting.direct else "", sender_name="",
        native={}, at=now, text=text, attachments=(), quote="", bundle="",
    )  # fmt: skip
    return await arrivals.insert(tx, arrivals.Arrival(event=event, lane=lane + FAST, body=dump_event(event)), now)
