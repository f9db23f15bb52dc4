"""What the agent wants to be told before it goes on: at most one question of a conversation stands at a time."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from surfacehost.events import Choice
from surfacehost.jsontext import dump
from surfacehost.store.transaction import Transaction

OPEN, EXPIRED, TAKEN, CLOSED = "open", "expired", "taken", "closed"
"""Waiting for somebody; its time has passed; decided, and the agent is being told; done with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One thing that can be said to a prompt."""

    choice: Choice
    payload: Any
    """What it is to the agent; JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A question to a person."""

    question: str
    person: str
    """Who may decide, besides owners; empty: anyone."""
    interrupts: tuple[str, ...]
    """The agent's own ids of what it asks: all are answered together, alike."""
    options: tuple[Option, ...]
    expires_at: float
    """When it can't be answered any more, in seconds since the epoch."""
    occasion: str = ""
    """The event, as it is stored, that tells the agent so then."""
    reply: str = ""
    """Id of the reply that shows it."""
    number: int = 0
    state: str = OPEN
    taken_by: int | None = None
    """The number of the event that decided it."""
    resume: tuple[Mapping[str, Any], ...] = ()
    """What that says to the agent."""
    outcome: str = ""
    """… and to whoever sees the prompt, Markdown."""


_KEPT = ("question", "person", "interrupts")


async def ask(tx: Transaction, surface: str, lane: str, prompt: Prompt) -> None:
    """Let *prompt* stand in *lane*."""
    body = {name: getattr(prompt, name) for name in _KEPT} | {"options": [asdict(one) for one in prompt.options]}
    await tx.run(
        "insert into prompt (surface, lane, reply, body, occasion, expires_at)"
        " values (:surface, :lane, :reply, :body, :occasion, :expires)",
        surface=surface, lane=lane, reply=prompt.reply, body=dump(body), occasion=prompt.occasion,
        expires=prompt.expires_at,
    )  # fmt: skip


async def standing(tx: Transaction, lane: str) -> Prompt | None:
    """The question that stands in *lane*, or in a chat that shares its conversation."""
    rows = await tx.rows(
        "select * from prompt where state <> 'closed' and (lane = :lane or lane in (select other.lane from link as mine"
        " join link as other on other.home = mine.home where mine.lane = :lane)) order by id desc",
        lane=lane,
    )
    if not rows:
        return None
    row = rows[0]
    return Prompt(
        **_body(row["body"]), reply=row["reply"], expires_at=row["expires_at"], occasion=row["occasion"],
        number=row["id"], state=row["state"], taken_by=row["taken_by"], resume=tuple(json.loads(row["resume"])),
        outcome=row["outcome"],
    )  # fmt: skip


async def choices_of(tx: Transaction, surface: str, reply: str) -> tuple[Choice, ...]:
    """What can be said to the prompt that *reply* shows."""
    rows = await tx.rows(
        "select body from prompt where surface = :surface and reply = :reply", surface=surface, reply=reply
    )
    return tuple(option.choice for option in _body(rows[0]["body"])["options"]) if rows else ()


async def take(tx: Transaction, prompt: Prompt) -> bool:
    """Write down that *prompt* is decided, by whom, and what the agent is told; False: another event has decided it."""
    taken = await tx.run(
        "update prompt set state = 'taken', taken_by = :by, resume = :resume, outcome = :outcome"
        " where id = :id and state in ('open', 'expired')",
        by=prompt.taken_by, resume=dump(list(prompt.resume)), outcome=prompt.outcome, id=prompt.number,
    )  # fmt: skip
    return bool(taken)


async def has_decided(tx: Transaction, event: int) -> bool:
    """Whether *event* decided a question; to withdraw one is not to decide it."""
    rows = await tx.rows("select resume from prompt where taken_by = :event", event=event)
    return any(answer["status"] == "resolved" for row in rows for answer in json.loads(row["resume"]))


async def close(tx: Transaction, event: int, *, again: bool = False) -> None:
    """What *event* decided is done with; *again*: the agent never heard of it, so it can be decided anew.

    Not where its time has passed: the agent is then told that again, see ``occasions``.
    """
    await tx.run(
        "update prompt set state = case when not :again then 'closed' when told > 0 then 'expired' else 'open' end"
        " where taken_by = :event and state = 'taken'",
        again=again, event=event,
    )  # fmt: skip


def _body(text: str) -> dict[str, Any]:
    body = json.loads(text)
    options = (Option(choice=Choice(**one["choice"]), payload=one["payload"]) for one in body["options"])
    return {**body, "interrupts": tuple(body["interrupts"]), "options": tuple(options)}
