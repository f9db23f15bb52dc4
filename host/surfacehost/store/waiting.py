"""What waits in a conversation, seen from inside it: given up by ``/stop``, counted by ``/status``, asked again."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from surfacehost.events import Event, Message
from surfacehost.jsontext import dump
from surfacehost.store import receipts
from surfacehost.store.gather import Along, gone_along, readable
from surfacehost.store.inbox import FAST, Entry, hold
from surfacehost.store.interruptions import handed_on
from surfacehost.store.prompts import has_decided
from surfacehost.store.transaction import Row, Transaction

LOOK_BACK = 50
"""Among so many of the latest events of a conversation its last question is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The events of a conversation that are not yet answered."""

    running: tuple[Event, ...]
    """What is being worked on: in the chat itself, then in those that share its conversation."""
    count: int
    """How many wait behind it; of those that were given up, how many."""
    has_run: bool = False
    """Whether something was being worked on when they were given up by a host that was killed then."""


async def queue(tx: Transaction, entry: Entry) -> Queue:
    """What is open in the conversation of *entry*, itself left out; in all chats that share it."""
    running, waiting = await _open(tx, entry)
    count = len(waiting) + len(running[1:])  # one run at a time: those of the other chats wait for their turn
    return Queue(running=_readable(running), count=count)


async def give_up(tx: Transaction, entry: Entry, *, person: str | None) -> Queue:
    """Give up what waits and was said before *entry*: *person*'s alone where one is named. Raises Fenced.

    In all chats that share the conversation, and with what goes along. What is being worked on is let be, and what the
    host itself has to say. Where the host was killed since it was done, that counts as well: what ran then may wait.
    Of what is being worked on it is written down that it is to stop, where all of it is theirs.
    """
    await hold(tx, entry)
    running, waiting = await _open(tx, entry)
    events = {row["id"]: readable(row["body"]) for row in waiting}
    mine = [number for number, event in events.items() if event and event.sender and person in (None, event.sender)]
    for number in mine:
        await tx.run("update inbox set state = 'ignored', error = 'given up by /stop' where id = :id", id=number)
    if all(person in (None, event.sender) for event in _readable(running)):
        for row in running:
            await tx.run("update inbox set stopped = 1 where id = :id", id=row["id"])
    before, has_run = json.loads(await receipts.kept_of(tx, entry) or "[0, false]")
    count = before + len(mine)
    await receipts.keep(tx, entry, dump([count, has_run or bool(running)]))
    return Queue(running=_readable(running), count=count, has_run=has_run)


async def latest(tx: Transaction, entry: Entry) -> list[Message]:
    """What the person of *entry* said in its conversation before, the latest first; what was asked together as one.

    What decided a question of the agent's is left out: it was an answer.
    """
    rows = await tx.rows(
        "select id, body from inbox where lane = :lane and state in ('done', 'refused', 'parked') and id < :id"
        " and head is null order by id desc limit :most",
        lane=entry.lane.rstrip(FAST), id=entry.id, most=LOOK_BACK,
    )  # fmt: skip
    found = []
    for row in rows:
        event = readable(row["body"])
        is_theirs = isinstance(event, Message) and event.sender == entry.event.sender
        if isinstance(event, Message) and is_theirs and not await has_decided(tx, row["id"]):
            along = await gone_along(tx, row["id"])
            before = await handed_on(tx, row["id"])
            found.append(_together(event, before, along))
    return found


def _readable(rows: Sequence[Row]) -> tuple[Event, ...]:
    return tuple(event for row in rows if (event := readable(row["body"])))


def _together(first: Message, before: Sequence[Message], along: Sequence[Along]) -> Message:
    pieces = [*before, first, *(one.event for one in along if isinstance(one.event, Message))]
    text = "\n\n".join(piece.text for piece in pieces if piece.text)
    return replace(first, text=text, attachments=tuple(file for piece in pieces for file in piece.attachments))


async def _open(tx: Transaction, entry: Entry) -> tuple[list[Row], list[Row]]:
    """From before *entry*: of each chat of the conversation the event being worked on, if any; and those that wait.

    Those that go along with what is being worked on are no others; those that go along with what was put off wait too.
    """
    own = entry.lane.rstrip(FAST)
    sharing = await tx.rows("select lane from link where home = :home and lane <> :own", home=entry.home, own=own)
    running, waiting = [], []
    for lane in (own, *(row["lane"] for row in sharing)):
        rows = await tx.rows(
            "select id, body, state, head, held from inbox where lane = :lane and state in ('waiting', 'answered')"
            " and id < :id order by id",
            lane=lane, id=entry.id,
        )  # fmt: skip
        heads = [row for row in rows if row["head"] is None]
        due = [row for row in heads if row["held"] is None]
        if due and await tx.rows("select 1 from thread where lane = :lane and owner is not null", lane=lane):
            first = due[0]
            heads.remove(first)
            running += [first] * (first["state"] == "waiting")
        unasked = {row["id"] for row in heads if row["state"] == "waiting"}
        waiting += [row for row in rows if (row["head"] or row["id"]) in unasked]
    return running, waiting
