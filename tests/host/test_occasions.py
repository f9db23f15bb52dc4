"""The time of a question passes: its agent is told so, until it has heard, and no other question ends by that."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from tests.host.storing import ingest, said, settle, take

from surfacehost.agent.wire import Interrupt
from surfacehost.approvals import Refusal, judged, prompt_of
from surfacehost.errors import Kind, PlatformError
from surfacehost.events import Message
from surfacehost.replies import Replies
from surfacehost.store import occasions, outbox, prompts
from surfacehost.store.arrivals import Seat
from surfacehost.store.inbox import DONE, Entry, Settled
from surfacehost.store.prompts import EXPIRED, OPEN, Prompt
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.visits import Visit

ASKED_AT, EXPIRES_AT = 1000.0, 2000.0


async def ask(database: SqliteDatabase, seat: Seat, number: int) -> None:
    """Have message *number* end with a question."""
    await ingest(database, seat, said(number))
    (entry,) = await take(database)
    assert isinstance(entry.event, Message)
    prompt = prompt_of([Interrupt("i", "Which?", expires_at=EXPIRES_AT)], entry.event, "ann", "en", now=ASKED_AT)
    await database.tx(outbox.answer, entry, [], prompt=replace(prompt, reply=f"c{number}/0"))
    await settle(database, entry, Settled())


async def due(database: SqliteDatabase, now: float) -> list[Entry]:
    """What there is to do once it is *now*."""
    if not await database.tx(occasions.is_due, now=now):
        return []
    await database.tx(occasions.expire, now=now)
    return await take(database)


def verdict(entry: Entry, prompt: Prompt | None) -> Prompt | Refusal | None:
    assert isinstance(entry.event, Message)
    return judged(prompt, entry.event, entry.id, (), "en")


async def end(database: SqliteDatabase, entry: Entry) -> Prompt:
    """*entry* ends the question that stands."""
    taken = verdict(entry, entry.prompt)
    assert isinstance(taken, Prompt)
    await database.tx(outbox.take_prompt, entry, taken)
    return taken


async def fail(database: SqliteDatabase, entry: Entry) -> None:
    """The agent is away while it is told what *entry* says."""
    await end(database, entry)
    await database.tx(outbox.explain, entry, [], ends=DONE, error="away", undecided=True)
    await settle(database, entry, Settled())


async def test_an_agent_that_was_away_is_told_again_until_it_has_heard(database: SqliteDatabase, seat: Seat) -> None:
    await ask(database, seat, 1)
    assert await due(database, EXPIRES_AT - 1) == []
    now = EXPIRES_AT
    for number in range(1, 11):
        (entry,) = await due(database, now)
        assert entry.event.id == f"host/expired/c1/1.{number}"
        now += 1000
        assert await due(database, now) == []  # it is on its way
        await fail(database, entry)
        standing = await database.tx(prompts.standing, entry.lane)
        assert standing is not None
        assert standing.state == EXPIRED  # nobody can decide it meanwhile
        now += min(2.0**number, occasions.LONGEST_PAUSE_S)
        assert await due(database, now - 1) == []
    (entry,) = await due(database, now)
    await end(database, entry)
    await database.tx(outbox.answer, entry, [])
    assert await due(database, now + 1e6) == []


async def test_the_time_of_one_question_ends_no_other(database: SqliteDatabase, seat: Seat) -> None:
    await ask(database, seat, 1)
    (entry,) = await due(database, EXPIRES_AT)
    assert isinstance(verdict(entry, entry.prompt), Prompt)
    assert entry.prompt is not None
    for state in (OPEN, EXPIRED):
        assert verdict(entry, replace(entry.prompt, number=2, state=state)) == Refusal()


@pytest.mark.parametrize(
    ("error", "has_shown", "seen"),
    [
        (PlatformError(Kind.UNREACHABLE, "away"), False, []),
        (PlatformError(Kind.PROTOCOL, "forgotten"), False, ["decided"]),
        (PlatformError(Kind.PROTOCOL, "broke off", partial="Well,"), False, ["notice"]),
        (PlatformError(Kind.TIMEOUT, "too long"), True, ["notice"]),
        (PlatformError(Kind.CANCELLED, "stopped"), False, ["notice"]),
    ],
)
async def test_what_nobody_has_asked_for_is_explained_only_where_something_of_it_was_seen(
    database: SqliteDatabase, seat: Seat, error: PlatformError, seen: list[str], *, has_shown: bool
) -> None:
    await ask(database, seat, 1)
    (entry,) = await due(database, EXPIRES_AT)
    taken = await end(database, entry)
    surface = SimpleNamespace(capabilities=SimpleNamespace(choices=True), compose=lambda text: [text])
    parts: Any = {"tenants": {"toy": SimpleNamespace(surface=surface)}} | dict.fromkeys(("ways", "files"))
    visit = Visit(replace(entry, prompt=taken), has_shown=has_shown)
    await Replies(database=database, locale="en", **parts).excuse(visit, error)
    reply = await database.tx(outbox.send_next, entry)
    assert ([reply.kind] if reply else []) == seen
