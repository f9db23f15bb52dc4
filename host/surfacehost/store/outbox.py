"""What is to be said: stored before a surface sees it, marked once it has been sent."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from surfacehost.events import Reply, ReplyKind
from surfacehost.jsontext import dump
from surfacehost.store.inbox import PARKED, Entry, hold
from surfacehost.store.transaction import Transaction

SENTENCE = "error"
"""In the id of what is said in place of an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of an answer, as the surface composed it."""

    id: str
    kind: ReplyKind
    body: Any


def reply_id(entry: Entry, number: int, *, is_sentence: bool = False) -> str:
    """The id of part *number*: the same after a restart, another for each try that the operator asked for."""
    retry = f"retry{entry.retried}" if entry.retried else ""
    return "/".join(filter(None, [entry.event.id, retry, SENTENCE if is_sentence else "", str(number)]))


def is_sentence(reply: str, event_id: str) -> bool:
    """Whether *reply* is the id of something that was said to *event_id* in place of an answer."""
    return reply.removeprefix(event_id).split("/")[-2:-1] == [SENTENCE]


async def answer(
    tx: Transaction,
    entry: Entry,
    parts: Sequence[Part],
    *,
    generation: int | None = None,
    interrupts: Sequence[dict[str, Any]] | None = None,
) -> None:
    """Write down the whole answer to *entry* at once, and what it changes about the thread. Raises Fenced.

    From here on a restart sends what is open and asks nobody again. Parts that are already there stay as they are.
    """
    await hold(tx, entry)
    await tx.run("update inbox set state = 'answered' where id = :id", id=entry.id)
    await _insert(tx, entry, parts)
    await tx.run(
        "update thread set generation = coalesce(:generation, generation),"
        " interrupts = coalesce(:interrupts, interrupts) where lane = rtrim(:lane, '#')",
        generation=generation, lane=entry.lane, interrupts=None if interrupts is None else dump(list(interrupts)),
    )  # fmt: skip


async def explain(tx: Transaction, entry: Entry, parts: Sequence[Part], *, ends: str, error: str) -> None:
    """Write down that *parts* are said in place of an answer, and how the event ends after that. Raises Fenced.

    What is still open of an answer is given up in the same transaction: the person gets one or the other. A sentence
    that is there already, open or sent, stays as it is. Parking is the end of an attempt and counts as one.
    """
    await hold(tx, entry)
    await tx.run(
        "update inbox set state = 'answered', ends = :ends, error = :error, attempts = attempts + :one where id = :id",
        ends=ends, error=error, one=int(ends == PARKED), id=entry.id,
    )  # fmt: skip
    said = {part.id for part in parts}
    for row in await tx.rows(
        "select id, reply from outbox where inbox = :id and state in ('waiting', 'sending', 'doubtful')", id=entry.id
    ):
        if row["reply"] not in said:
            await tx.run("update outbox set state = 'refused' where id = :id", id=row["id"])
    await _insert(tx, entry, parts)


async def _insert(tx: Transaction, entry: Entry, parts: Sequence[Part]) -> None:
    """The parts of an answer; what answers a suspect event may be there already."""
    rows = await tx.rows("select suspect from inbox where id = :id", id=entry.id)
    state = "doubtful" if rows[0]["suspect"] else "waiting"
    for part in parts:
        await tx.run(
            "insert into outbox (inbox, surface, reply, kind, body, state)"
            " values (:inbox, :surface, :reply, :kind, :body, :state) on conflict (surface, reply) do nothing",
            inbox=entry.id, surface=entry.event.surface, reply=part.id, kind=part.kind,
            body=dump(part.body), state=state,
        )  # fmt: skip


async def send_next(tx: Transaction, entry: Entry, sent: str | None = None) -> Reply | None:
    """Mark the reply *sent* as sent, and the next open one of *entry* as being sent; None: nothing is left.

    A reply whose earlier attempt ended without our hearing how is ``repeated``, for good. Raises Fenced.
    """
    await hold(tx, entry)
    if sent is not None:
        await tx.run(
            "update outbox set state = 'sent' where inbox = :inbox and reply = :reply", inbox=entry.id, reply=sent
        )
    found = await tx.rows(
        "select id, reply, kind, body, state, note from outbox where inbox = :inbox"
        " and state in ('waiting', 'sending', 'doubtful') order by id limit 1",
        inbox=entry.id,
    )
    if not found:
        return None
    row = found[0]
    is_repeated = row["state"] != "waiting"
    await tx.run(
        "update outbox set state = :state where id = :id", state="doubtful" if is_repeated else "sending", id=row["id"]
    )
    return Reply(
        id=row["reply"], event=entry.event, kind=row["kind"], body=json.loads(row["body"]), repeated=is_repeated,
        note=None if row["note"] is None else json.loads(row["note"]),
    )  # fmt: skip


async def note(tx: Transaction, entry: Entry, reply: str, value: Any) -> None:  # noqa: ANN401 - JSON
    """Write down what the surface says of the *reply* that it is about to send. Raises Fenced."""
    await hold(tx, entry)
    await tx.run(
        "update outbox set note = :note where inbox = :inbox and reply = :reply",
        note=dump(value), inbox=entry.id, reply=reply,
    )  # fmt: skip
