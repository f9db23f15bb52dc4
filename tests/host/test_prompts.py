"""A question in chats that share a conversation: one of them decides it, once."""

from types import SimpleNamespace
from typing import Any

import pytest
from tests.host.storing import ingest, said, settle, take

from surfacehost.agent.wire import Interrupt
from surfacehost.approvals import Refusal, prompt_of
from surfacehost.client import RealPlatformClient
from surfacehost.conversation import Conversation
from surfacehost.events import Message
from surfacehost.store import outbox, parked, prompts
from surfacehost.store.arrivals import Seat
from surfacehost.store.inbox import Entry, Settled
from surfacehost.store.prompts import OPEN, TAKEN, Prompt
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.store.transaction import Transaction
from surfacehost.visits import Visit


async def share(tx: Transaction, *lanes: str) -> None:
    for lane in lanes:
        await tx.run(
            "insert into link (lane, surface, person, account, home, since)"
            " values (:lane, 'toy', 'ann', 'a', :home, 0)",
            lane=lane, home=lanes[0],
        )  # fmt: skip


async def ask(database: SqliteDatabase, seat: Seat) -> None:
    """Have a question stand in the chats c and d, which share a conversation."""
    await ingest(database, seat, said(1))
    (entry,) = await take(database)
    assert isinstance(entry.event, Message)
    await database.tx(share, entry.lane, said(1, "d").lane)
    prompt = prompt_of([Interrupt("i", "Which?")], entry.event, "ann", "en", now=1e12)
    await database.tx(outbox.answer, entry, [], prompt=prompt)
    await settle(database, entry, Settled())


async def decide(database: SqliteDatabase, visit: Visit) -> Prompt | Refusal | None:
    """What the message of *visit* does to the question."""
    agent: Any = None
    parts: Any = dict.fromkeys(("orders", "ways", "files"))
    tenants: Any = {"toy": SimpleNamespace(behaviour=SimpleNamespace(owners=()))}
    client = RealPlatformClient(
        database=database, conversation=Conversation(agent, "en"), tenants=tenants, locale="en", **parts
    )
    assert isinstance(visit.entry.event, Message)
    return await client._decide(visit, visit.entry.event)


async def standing(database: SqliteDatabase, entry: Entry) -> Prompt | None:
    return await database.tx(prompts.standing, entry.home)


@pytest.mark.parametrize(
    ("text", "is_late", "is_refused"),
    [
        ("hello", False, False), ("hello", True, False),
        ("yes", False, True),  # as long as it stands it is decided where it was asked
        ("yes", True, False), ("/approve", False, True), ("/approve", True, True),
    ],
)  # fmt: skip
async def test_of_two_chats_that_share_a_question_the_first_decides_it(
    database: SqliteDatabase, seat: Seat, text: str, *, is_refused: bool, is_late: bool
) -> None:
    """*is_late*: the other chat's message is taken up once the first has decided, else while the question stands."""
    await ask(database, seat)
    await ingest(database, seat, said(2, text="yes"))
    (first,) = await take(database)
    if is_late:
        taken = await decide(database, Visit(first))
    await ingest(database, seat, said(2, "d", text=text))
    (other,) = await take(database)
    if not is_late:
        taken = await decide(database, Visit(first))
    assert isinstance(taken, Prompt)
    visit = Visit(other)
    assert isinstance(await decide(database, visit), Refusal) is is_refused
    prompt = await standing(database, other)
    assert prompt is not None
    assert (prompt.state, prompt.taken_by, prompt.resume) == (TAKEN, first.id, taken.resume)
    assert prompt.resume[0]["status"] == "resolved"


async def test_what_was_decided_and_told_is_not_decided_again(database: SqliteDatabase, seat: Seat) -> None:
    await ask(database, seat)
    await ingest(database, seat, said(2, text="yes"), said(2, "d", text="hello"))
    first, other = sorted(await take(database), key=lambda entry: entry.id)
    await decide(database, Visit(first))
    await database.tx(outbox.answer, first, [])
    visit = Visit(other)
    assert await decide(database, visit) is None
    assert visit.entry.prompt is None  # so that the agent is asked "hello", and told nothing of the question
    assert await standing(database, other) is None


async def test_what_decided_it_and_is_dropped_unheard_leaves_it_to_others(database: SqliteDatabase, seat: Seat) -> None:
    await ask(database, seat)
    await ingest(database, seat, said(2, text="yes"))
    (entry,) = await take(database)
    assert isinstance(await decide(database, Visit(entry)), Prompt)
    await database.tx(parked.drop, entry.id, is_hosted=False)
    prompt = await standing(database, entry)
    assert prompt is not None
    assert prompt.state == OPEN
