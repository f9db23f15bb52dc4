"""Messages that are not taken because an earlier one of their conversation is being answered (``busy = "reject"``).

Which they are is decided in the transaction that stores them, so nobody changes their mind after a crash.
"""

from collections.abc import Callable
from enum import Enum

from surfacehost.events import Event
from surfacehost.store.gather import readable
from surfacehost.store.prompts import Prompt
from surfacehost.store.transaction import Transaction

BUSY = "busy"
"""What admission found about the one whose person is told."""

REASON = 'not taken: an earlier message was being answered (busy = "reject")'
"""What the operator reads of them."""


class Rejection(Enum):
    """Whether a message is taken."""

    NONE = "taken"
    FIRST = "not taken, and its person is to be told"
    FURTHER = "not taken, and its person has been told since the run began"


async def judged(
    tx: Transaction, lane: str, event: Event, joins: Callable[[Event, Event], bool], prompt: Prompt | None
) -> Rejection:
    """Whether *event*, about to be stored in *lane*, is taken: it is not while the agent has another one to answer.

    What *joins* one that has not begun is a piece of that, and taken with it. *prompt*: what it would have to wait for.
    """
    rows = await tx.rows(
        "select id, body, gathered from inbox where lane = :lane and state = 'waiting' and head is null"
        " and held is null order by id",
        lane=lane,
    )
    if not rows and prompt is not None:
        rows = await tx.rows(
            "select inbox.id, inbox.body, 1 as gathered from inbox join outbox on outbox.inbox = inbox.id"
            " where outbox.surface = :surface and outbox.reply = :reply",
            surface=event.surface, reply=prompt.reply,
        )  # fmt: skip
    if not rows:
        return Rejection.NONE
    pieces = (readable(row["body"]) for row in rows if not row["gathered"])
    if any(piece is not None and joins(piece, event) for piece in pieces):
        return Rejection.NONE
    told = await tx.rows(
        "select body from inbox where lane = :lane || '#' and finding = :busy and id > :id",
        lane=lane, busy=BUSY, id=rows[0]["id"],
    )  # fmt: skip
    people = {found.sender for row in told if (found := readable(row["body"])) is not None}
    return Rejection.FURTHER if event.sender in people else Rejection.FIRST
