"""Messages that go together, when one of them is given up, taken back or changed before it is answered."""

import time
from dataclasses import replace
from typing import Any

import pytest
from tests.host.storing import ingest, said, settle

from surfacehost import Edit, Redaction
from surfacehost.behaviour import Behaviour
from surfacehost.busy import gathering
from surfacehost.events import Event
from surfacehost.store import inbox, outbox, parked, waiting
from surfacehost.store.arrivals import Arrival, Aside, Seat
from surfacehost.store.inbox import FAST, PARKED, Again, Entry, Settled
from surfacehost.store.outbox import Part
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.store.transaction import Transaction

TOGETHER = gathering(Behaviour(busy="interrupt", debounce_s=0))
PERSON: dict[str, Any] = {"surface": "toy", "chat": "c", "sender": "ann", "direct": True}
OTHER: dict[str, Any] = PERSON | {"chat": "other"}


async def take(database: SqliteDatabase, late_s: float = 0) -> Entry | None:
    """What is taken next, with what goes along."""
    entries = await database.tx(inbox.take, "toy", 1, now=time.time() + late_s, gathering=TOGETHER)
    return next(iter(entries), None)


async def taken(database: SqliteDatabase, late_s: float = 0) -> Entry:
    entry = await take(database, late_s)
    assert entry is not None
    return entry


def change(event: Event) -> Arrival:
    return Arrival(event=event, lane=str(event.key), body="", state="ignored")


def took_back(of: str) -> Arrival:
    return change(Redaction(id=f"no {of}", of=of, **PERSON))


def edited(of: str, text: str) -> Arrival:
    return change(Edit(id=f"else {of}", of=of, text=text, **PERSON))


def states(database: SqliteDatabase) -> dict[str, str]:
    rows = database._connection.execute(
        "select event_id, state from inbox where body <> '' or state <> 'ignored'"
    ).fetchall()
    return {row[0]: row[1] for row in rows}


def texts(entry: Entry) -> list[str]:
    return [getattr(event, "text", "") for event in (entry.event, *(one.event for one in entry.along))]


async def _answered(tx: Transaction, entry: Entry) -> None:
    await outbox.answer(tx, entry, [Part(id="1", kind="answer", body="hi")])


async def test_what_was_put_off_together_is_given_up_together(database: SqliteDatabase, seat: Seat) -> None:
    await ingest(database, seat, *[said(number) for number in (1, 2, 3)])
    entry = await taken(database)
    assert len(entry.along) == 2
    await ingest(database, seat, said(4), said(5, text="/status", fast=FAST))
    status = await taken(database)
    assert (await database.tx(waiting.queue, status)).count == 1  # what goes along is being worked on
    await settle(database, status, Settled())
    await settle(database, entry, Again(delay_s=60, error="away"))

    await ingest(database, seat, said(6, text="/stop", fast=FAST))
    stop = await taken(database)
    queue = await database.tx(waiting.queue, stop)
    given_up = await database.tx(waiting.give_up, stop, person=None)
    assert (queue.count, given_up.count, given_up.running) == (4, 4, ())
    await settle(database, stop, Settled())
    assert await take(database, 61) is None
    assert (await database.tx(inbox.counts)).get("toy", {}).get("open", 0) == 0


async def test_what_only_has_to_be_sent_is_not_given_up(database: SqliteDatabase, seat: Seat) -> None:
    await ingest(database, seat, said(1), said(2))
    entry = await taken(database)
    await database.tx(_answered, entry)
    await settle(database, entry, Again(delay_s=60, error="away"))
    await ingest(database, seat, said(3, text="/stop", fast=FAST))
    assert (await database.tx(waiting.give_up, await taken(database), person=None)).count == 0


async def test_a_message_whose_host_was_killed_is_asked_as_it_was_or_not_at_all(
    database: SqliteDatabase, seat: Seat
) -> None:
    await ingest(database, seat, said(1), said(1, "other"))
    for entry in [await taken(database), await taken(database)]:
        await settle(database, entry, Again(delay_s=0, error="killed", counts=False))
    await ingest(database, seat, edited("c1", "other words"), change(Redaction(id="no", of="other1", **OTHER)))
    again = await taken(database, 1)
    assert (again.event.id, texts(again), again.revised) == ("c1", ["text 1"], 0)
    assert await take(database, 1) is None
    assert "other1" not in states(database)


async def test_what_was_parked_with_a_message_that_is_taken_back_can_be_tried_again(
    database: SqliteDatabase, seat: Seat
) -> None:
    await ingest(database, seat, said(1), said(2))
    await settle(database, await taken(database), Settled(state=PARKED, error="a bug"))
    await ingest(database, seat, took_back("c1"))
    (number,) = await database.tx(parked.parked_numbers, None)
    await database.tx(parked.retry, number, now=time.time())
    assert texts(await taken(database)) == ["text 2"]


async def test_what_goes_along_with_a_message_that_can_not_be_read_is_parked_with_it(
    database: SqliteDatabase, seat: Seat
) -> None:
    await ingest(database, seat, said(1), said(2))
    await settle(database, await taken(database), Again(delay_s=0, error="away"))
    database._connection.execute("update inbox set body = '{}' where event_id = 'c1'")
    assert await take(database, 1) is None
    assert states(database) == {"c1": "parked", "c2": "parked"}


def bob(number: int) -> Arrival:
    """Somebody else, in the same group."""
    return replace(said(number, sender="bob"), lane=said(number).lane)


async def stopped(database: SqliteDatabase, entry: Entry) -> Entry:
    """The run of *entry* has ended, having been stopped, and its person has seen so; what comes next."""
    notice = Part(id=outbox.reply_id(entry, 0), kind="notice", body="⏹")
    await database.tx(outbox.answer, entry, [notice], hands_on=True)
    return await following(database, entry)


async def following(database: SqliteDatabase, entry: Entry) -> Entry:
    """What comes after *entry*, once that is done."""
    after = await database.tx(inbox.settle, entry, Settled(), now=time.time(), gathering=TOGETHER)
    assert after is not None
    return after


@pytest.mark.parametrize("is_over", [True, False])
@pytest.mark.parametrize("words", [None, "/help"])
async def test_what_was_stopped_is_asked_by_itself_where_it_can_not_be_asked_with_what_did_that(
    database: SqliteDatabase, seat: Seat, *, words: str | None, is_over: bool
) -> None:
    await ingest(database, seat, said(1), said(2))
    entry = await taken(database)
    await ingest(database, seat, bob(3))
    await ingest(database, seat, said(4), aside=Aside(interrupting={"c4": "c1"}))
    no_more = took_back("c4") if words is None else edited("c4", words)
    if is_over:  # bob is being answered by then
        bobs = await stopped(database, entry)
        await ingest(database, seat, no_more, aside=Aside(joins=TOGETHER.joins))
        again = await following(database, bobs)
    else:
        await ingest(database, seat, no_more, aside=Aside(joins=TOGETHER.joins))
        again = await stopped(database, entry)
    assert (texts(again), again.before, again.interrupter) == (["text 1", "text 2"], (), None)
    assert again.retried == 1  # a run of its own, and what it says is said
    if not is_over:
        again = await following(database, again)
        assert texts(again) == ["text 3"]
    if words is not None:
        again = await following(database, again)
        assert (texts(again), again.before) == ([words], ())
    assert await database.tx(inbox.settle, again, Settled(), now=time.time()) is None


async def test_what_is_told_to_stop_is_not_asked_by_itself_either(database: SqliteDatabase, seat: Seat) -> None:
    await ingest(database, seat, said(1))
    entry = await taken(database)
    await ingest(database, seat, said(2), aside=Aside(interrupting={"c2": "c1"}))
    await ingest(database, seat, took_back("c2"), aside=Aside(joins=TOGETHER.joins))
    await ingest(database, seat, said(3, text="/stop", fast=FAST))
    stop = await taken(database)
    assert len((await database.tx(waiting.give_up, stop, person="ann")).running) == 1
    await settle(database, stop, Settled())
    notice = Part(id=outbox.reply_id(entry, 0), kind="notice", body="⏹")
    await database.tx(outbox.answer, entry, [notice], hands_on=True)
    assert await database.tx(inbox.settle, entry, Settled(), now=time.time(), gathering=TOGETHER) is None


async def test_what_was_stopped_is_asked_with_other_words_of_what_did_that(
    database: SqliteDatabase, seat: Seat
) -> None:
    await ingest(database, seat, said(1))
    entry = await taken(database)
    await ingest(database, seat, bob(2))
    await ingest(database, seat, said(3), aside=Aside(interrupting={"c3": "c1"}))
    bobs = await stopped(database, entry)
    await ingest(database, seat, edited("c3", "other words"), aside=Aside(joins=TOGETHER.joins))
    again = await following(database, bobs)
    assert (texts(again), [one.text for one in again.before]) == (["other words"], ["text 1"])
    assert await database.tx(inbox.settle, again, Settled(), now=time.time()) is None


async def test_what_was_stopped_twice_is_asked_by_itself_but_not_what_was_taken_back_of_it(
    database: SqliteDatabase, seat: Seat
) -> None:
    await ingest(database, seat, said(1))
    first = await taken(database)
    await ingest(database, seat, said(2), aside=Aside(interrupting={"c2": "c1"}))
    second = await stopped(database, first)
    assert [one.text for one in second.before] == ["text 1"]
    await ingest(database, seat, bob(3))
    await ingest(database, seat, said(4), aside=Aside(interrupting={"c4": "c2"}))
    bobs = await stopped(database, second)
    await ingest(database, seat, took_back("c2"), took_back("c4"))
    again = await following(database, bobs)
    assert texts(again) == ["text 1"]
    assert await database.tx(inbox.settle, again, Settled(), now=time.time()) is None
    assert await database.tx(inbox.counts) == {}


async def test_what_is_taken_back_of_what_was_put_off_is_not_asked_but_what_it_had_stopped_is(
    database: SqliteDatabase, seat: Seat
) -> None:
    await ingest(database, seat, said(1))
    first = await taken(database)
    await ingest(database, seat, said(2))
    await ingest(database, seat, said(3), aside=Aside(interrupting={"c3": "c1"}))
    entry = await stopped(database, first)
    assert (texts(entry), [one.text for one in entry.before]) == (["text 2", "text 3"], ["text 1"])
    await settle(database, entry, Again(delay_s=0, error="away"))
    await ingest(database, seat, took_back("c3"))
    again = await taken(database, 1)
    assert (texts(again), [one.text for one in again.before]) == (["text 2"], ["text 1"])
