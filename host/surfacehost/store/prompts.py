"""What the agent wants to be told before it goes on: at most one question of a conversation stands at a time."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from surfacehost.events import Choice, Event
from surfacehost.jsontext import dump
from surfacehost.store.transaction import Row, Transaction

OPEN, EXPIRED, TAKEN, CLOSED = "open", "expired", "taken", "closed"
"""Waiting for somebody; its time has passed; decided, and the agent is being told; done with."""

OCCASION = "host/expired/"
"""How the id of the event begins that tells the agent that the time of a question has passed."""

SHOWN = "host/decided/"
"""How the id of the event begins on which it is shown what a question came to, as that was in another chat."""


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
    lane: str = ""
    """The chat in which it was asked: it is decided there and nowhere else."""
    home: str = ""
    """The lane whose conversation asks: the agent is told there, whatever has become of the chat since."""
    is_left: bool = False
    """Whether the chat has another conversation by now: nobody can decide it any more."""
    state: str = OPEN
    taken_by: int | None = None
    """The number of the event that decided it."""
    resume: tuple[Mapping[str, Any], ...] = ()
    """What that says to the agent."""
    outcome: str = ""
    """… and to whoever sees the prompt, Markdown."""


_KEPT = ("question", "person", "interrupts")


async def ask(tx: Transaction, surface: str, lane: str, home: str, prompt: Prompt) -> None:
    """Let *prompt* stand in *lane*, for the conversation of *home*."""
    body = {name: getattr(prompt, name) for name in _KEPT} | {"options": [asdict(one) for one in prompt.options]}
    await tx.run(
        "insert into prompt (surface, lane, home, reply, body, occasion, expires_at)"
        " values (:surface, :lane, :home, :reply, :body, :occasion, :expires)",
        surface=surface, lane=lane, home=home, reply=prompt.reply, body=dump(body), occasion=prompt.occasion,
        expires=prompt.expires_at,
    )  # fmt: skip


async def standing(tx: Transaction, home: str) -> Prompt | None:
    """The question that stands in the conversation of *home*, in whichever of its chats it was asked."""
    rows = await tx.rows(
        "select * from prompt where home = :home and state <> 'closed' and not is_left order by id desc limit 1",
        home=home,
    )
    return _prompt(rows[0]) if rows else None


async def told_by(tx: Transaction, event: int, prompt: int | None) -> Prompt | None:
    """The question that *event* has decided and the agent is told of, or that of the number *prompt*."""
    rows = await tx.rows(
        "select * from prompt where (taken_by = :event and state = 'taken') or (id = :id and state <> 'closed')"
        " order by id = :id desc limit 1",
        event=event, id=prompt,
    )  # fmt: skip
    return _prompt(rows[0]) if rows else None


async def decided(tx: Transaction, event_id: str) -> Prompt | None:
    """The question of which it is to be shown, on the event, what it came to; None: it is not known any more."""
    rows = await tx.rows(
        "select * from prompt where id = :id and state in ('taken', 'closed')", id=int(event_id.removeprefix(SHOWN))
    )
    return _prompt(rows[0]) if rows else None


async def leave(tx: Transaction) -> None:
    """Questions of conversations that their chats have left, linked or unlinked by now, are over: the agent is told."""
    await tx.run(
        "update prompt set is_left = 1, expires_at = 0 where state in ('open', 'expired') and not is_left"
        " and home <> coalesce((select home from link where link.lane = prompt.lane), lane)"
    )


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


def occasion_id(occasion: str, prompt: int, told: int) -> str:
    """The id of the event that tells the agent for the *told*-th time that the time of *prompt* has passed."""
    return f"{occasion}/{prompt}.{told}"


def number_of(event: Event) -> int | None:
    """The question of which *event* tells the agent that its time has passed; None: it tells no such thing."""
    number = event.id.rpartition("/")[2].partition(".")[0]
    return int(number) if not event.sender and event.id.startswith(OCCASION) and number.isdecimal() else None


def _prompt(row: Row) -> Prompt:
    return Prompt(
        **_body(row["body"]), reply=row["reply"], expires_at=row["expires_at"], occasion=row["occasion"],
        number=row["id"], lane=row["lane"], home=row["home"], is_left=bool(row["is_left"]), state=row["state"],
        taken_by=row["taken_by"], resume=tuple(json.loads(row["resume"])), outcome=row["outcome"],
    )  # fmt: skip


def _body(text: str) -> dict[str, Any]:
    body = json.loads(text)
    options = (Option(choice=Choice(**one["choice"]), payload=one["payload"]) for one in body["options"])
    return {**body, "interrupts": tuple(body["interrupts"]), "options": tuple(options)}
