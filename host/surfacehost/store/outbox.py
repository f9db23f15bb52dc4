"""What is to be said: stored before a surface sees it, marked once it has been sent."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from surfacehost.events import Reply, ReplyKind
from surfacehost.jsontext import dump
from surfacehost.store import interruptions, notes, prompts
from surfacehost.store.inbox import FAST, PARKED, Entry, hold
from surfacehost.store.prompts import Prompt
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
    prompt: Prompt | None = None,
    hands_on: bool = False,
    finding: str = "",
) -> None:
    """Write down the whole answer to *entry* at once, and what it changes about the thread. Raises Fenced.

    From here on a restart sends what is open and asks nobody again. Parts that are already there stay as they are.
    *hands_on*: it was interrupted, and what it was about is asked with what did that. *finding*: why it is not heard.
    """
    await hold(tx, entry)
    await tx.run(
        "update inbox set state = 'answered', finding = case when :finding <> '' then :finding else finding end"
        " where id = :id",
        finding=finding, id=entry.id,
    )  # fmt: skip
    await _insert(tx, entry, parts)
    await tx.run(
        "update thread set generation = coalesce(:generation, generation) where lane = :home",
        generation=generation, home=entry.home,
    )  # fmt: skip
    if hands_on:
        await interruptions.hand_on(tx, entry.id)
    await prompts.close(tx, entry.id)
    if prompt is not None:
        await prompts.ask(tx, entry.event.surface, entry.lane.rstrip(FAST), entry.home, prompt)
        if entry.prompt is None or not entry.prompt.is_left:  # else it would be asked anew for ever
            await prompts.leave(tx)  # the chat may have been linked, or unlinked, while the agent was at it


async def take_prompt(tx: Transaction, entry: Entry, prompt: Prompt) -> bool:
    """Write down that *entry* decides *prompt*, before the agent is told. Raises Fenced.

    False: in a chat that shares the conversation somebody was sooner.
    """
    await hold(tx, entry)
    return await prompts.take(tx, prompt)


async def tell_decided(tx: Transaction, entry: Entry, part: Part, prompt: str) -> None:
    """Have *part* sent in place of the reply *prompt*, whose note it gets. Raises Fenced."""
    await hold(tx, entry)
    await _insert(tx, entry, [part], note_of=prompt)


async def explain(
    tx: Transaction, entry: Entry, parts: Sequence[Part], *, ends: str, error: str, undecided: bool = False
) -> None:
    """Write down that *parts* are said in place of an answer, and how the event ends after that. Raises Fenced.

    What is still open of an answer is given up in the same transaction: the person gets one or the other. A sentence
    that is there already, open or sent, stays as it is. Parking is the end of an attempt and counts as one.
    *undecided*: the agent never heard what was decided, so that it can be decided anew.
    """
    await hold(tx, entry)
    await tx.run(
        "update inbox set state = 'answered', ends = :ends, error = :error, attempts = attempts + :one where id = :id",
        ends=ends, error=error, one=int(ends == PARKED), id=entry.id,
    )  # fmt: skip
    await prompts.close(tx, entry.id, again=undecided)
    said = {part.id for part in parts}
    for row in await tx.rows(
        "select id, reply from outbox where inbox = :id and state in ('waiting', 'sending', 'doubtful')", id=entry.id
    ):
        if row["reply"] not in said:
            await tx.run("update outbox set state = 'refused' where id = :id", id=row["id"])
    await _insert(tx, entry, parts)


async def _insert(tx: Transaction, entry: Entry, parts: Sequence[Part], *, note_of: str | None = None) -> None:
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
    if note_of is not None:
        await tx.run(
            "update outbox set note = (select note from outbox where surface = :surface and reply = :prompt)"
            " where surface = :surface and reply = :reply and note is null",
            surface=entry.event.surface, prompt=note_of, reply=parts[0].id,
        )  # fmt: skip
    elif parts:
        await tx.run(
            "update outbox set note = (select shown from inbox where id = :inbox)"
            " where surface = :surface and reply = :reply and note is null",
            inbox=entry.id, surface=entry.event.surface, reply=parts[0].id,
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
        choices=await prompts.choices_of(tx, entry.event.surface, row["reply"]) if row["kind"] == "prompt" else (),
    )  # fmt: skip


async def note(
    tx: Transaction,
    entry: Entry,
    reply: str,
    value: Any,  # noqa: ANN401 - JSON
    *,
    memory: Mapping[str, Any] | None = None,
) -> None:
    """Write down what the surface says of the *reply* that it is about to send, and its own notes. Raises Fenced."""
    await hold(tx, entry)
    await notes.write(tx, entry.event.surface, memory or {})
    await tx.run(
        "update outbox set note = :note where inbox = :inbox and reply = :reply",
        note=dump(value), inbox=entry.id, reply=reply,
    )  # fmt: skip


async def note_preview(
    tx: Transaction,
    entry: Entry,
    value: Any,  # noqa: ANN401 - JSON
    *,
    memory: Mapping[str, Any] | None = None,
) -> None:
    """Write down what the surface says of the preview that it shows, for what will replace it. Raises Fenced."""
    await hold(tx, entry)
    await notes.write(tx, entry.event.surface, memory or {})
    await tx.run("update inbox set shown = :shown where id = :id", shown=dump(value), id=entry.id)
