"""The durable store: nothing lost, nothing twice, in order."""

import time

import pytest
from tests.host.storing import ingest, said, settle, take

from surfacehost.events import Event, Message, dump_event
from surfacehost.store import arrivals, inbox, notes, outbox
from surfacehost.store.arrivals import Arrival, Seat
from surfacehost.store.inbox import Again, Entry, Settled
from surfacehost.store.outbox import Part
from surfacehost.store.prompts import Prompt
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.store.transaction import Fenced, Transaction

PROMPT = Prompt(question="?", person="ann", interrupts=("i",), options=(), expires_at=1e12)


async def test_an_event_told_twice_is_stored_once(database: SqliteDatabase, seat: Seat) -> None:
    assert await ingest(database, seat, said(1), said(1)) == ["c1"]
    assert await ingest(database, seat, said(1), said(2)) == ["c2"]


async def test_the_cursor_moves_with_the_events_or_not_at_all(database: SqliteDatabase, seat: Seat) -> None:
    await ingest(database, seat, said(1), cursor="7", memory={"rooms": ["a"]})

    async def broken(tx: Transaction) -> None:
        await arrivals.ingest(tx, seat, [said(2)], now=0, cursor="8", memory={"rooms": ["a", "b"]})
        raise RuntimeError("the process is in trouble")

    with pytest.raises(RuntimeError):
        await database.tx(broken)
    assert (await database.tx(arrivals.elect, "toy")).cursor == "7"
    assert await database.tx(notes.read_one, "toy", "rooms") == ["a"]
    assert [entry.event.id for entry in await take(database)] == ["c1"]


async def test_a_thread_is_worked_off_in_order_by_one_at_a_time(database: SqliteDatabase, seat: Seat) -> None:
    await ingest(database, seat, said(1), said(2), said(3))
    (entry,) = await take(database)
    assert await take(database) == []
    order = []
    following: Entry | None = entry
    while following is not None:
        order.append(following.event.id)
        following = await settle(database, following, Settled())
    assert order == ["c1", "c2", "c3"]
    assert await take(database) == []


async def test_threads_go_side_by_side_up_to_the_limit(database: SqliteDatabase, seat: Seat) -> None:
    await ingest(database, seat, *[said(1, chat) for chat in "abcd"])
    assert len(await take(database, room=3)) == 3
    assert len(await take(database, room=3)) == 1


async def test_a_retry_waits_and_keeps_its_place(database: SqliteDatabase, seat: Seat) -> None:
    await ingest(database, seat, said(1), said(2))
    (entry,) = await take(database)
    assert await settle(database, entry, Again(delay_s=60, error="away")) is None
    assert await take(database) == []
    wait_s = await database.tx(inbox.next_ready, "toy", now=time.time())
    assert wait_s is not None
    assert wait_s == pytest.approx(60, abs=5)
    (again,) = await take(database, now=time.time() + 61)
    assert (again.event.id, again.attempts) == ("c1", 1)
    assert again.failed_at is not None


async def test_the_platforms_trouble_is_not_counted_against_the_event(database: SqliteDatabase, seat: Seat) -> None:
    await ingest(database, seat, said(1))
    (entry,) = await take(database)
    await settle(database, entry, Again(delay_s=0, error="away", counts=False))
    (again,) = await take(database, now=time.time() + 1)
    assert (again.attempts, again.failed_at) == (0, None)


@pytest.mark.parametrize("back_s", [60, 1800, 3600, 86_400])
async def test_a_clock_set_back_puts_nothing_off(database: SqliteDatabase, seat: Seat, back_s: float) -> None:
    await ingest(database, seat, said(1))
    (first,) = await take(database)
    await settle(database, first, Again(delay_s=30, error="away"))
    before = time.time() - back_s
    assert await database.tx(inbox.next_ready, "toy", now=before) == 0
    (again,) = await take(database, now=before)
    await settle(database, again, Settled())
    await ingest(database, seat, said(2))
    assert [entry.event.id for entry in await take(database, now=before)] == ["c2"]


async def test_a_thread_that_waits_may_be_let_go_on_and_one_that_is_taken_is_left_alone(
    database: SqliteDatabase, seat: Seat
) -> None:
    await ingest(database, seat, said(1, "a"), said(1, "b"), said(1, "c"))
    for entry in (await take(database))[:2]:
        await settle(database, entry, Again(delay_s=60, error="away"))
    await database.tx(inbox.hurry, {said(1, "a").lane, said(1, "c").lane})
    assert [entry.event.id for entry in await take(database)] == ["a1"]


async def test_patience_is_counted_in_pauses_and_not_by_the_clock(database: SqliteDatabase, seat: Seat) -> None:
    await ingest(database, seat, said(1))
    for number, late_s in enumerate((0, 86_400, -86_400)):
        (entry,) = await take(database, now=time.time() + late_s)
        assert entry.waited_s == 20 * number
        await database.tx(inbox.settle, entry, Again(delay_s=20, error="bug"), now=time.time() + late_s)


async def test_one_failing_thread_holds_up_no_other(database: SqliteDatabase, seat: Seat) -> None:
    await ingest(database, seat, said(1, "a"), said(1, "b"))
    first, second = await take(database)
    await settle(database, first, Again(delay_s=3600, error="away"))
    assert await settle(database, second, Settled()) is None
    await ingest(database, seat, said(2, "b"))
    assert [entry.event.id for entry in await take(database)] == ["b2"]


async def test_what_a_surface_notes_of_a_reply_and_of_itself_is_kept_together_or_not_at_all(
    database: SqliteDatabase, seat: Seat
) -> None:
    await ingest(database, seat, said(1))
    (entry,) = await take(database)
    await database.tx(outbox.answer, entry, [Part(id="c1/0", kind="answer", body="hi")])
    await database.tx(outbox.note, entry, "c1/0", {"after": 7}, memory={"chat": 1})
    await database.tx(outbox.note_preview, entry, {"placed": 8}, memory={"chat": 2, "other": 3})
    reply = await database.tx(outbox.send_next, entry)
    assert reply is not None
    assert reply.note == {"after": 7}
    database.node = "successor"
    for note in (
        database.tx(outbox.note, entry, "c1/0", {"after": 9}, memory={"chat": 9}),
        database.tx(outbox.note_preview, entry, {"placed": 9}, memory={"chat": 9}),
    ):
        with pytest.raises(Fenced):
            await note
    assert await database.tx(notes.read, "toy") == {"chat": 2, "other": 3}


async def test_a_successor_takes_over_and_the_predecessor_can_write_nothing(
    database: SqliteDatabase, seat: Seat
) -> None:
    await ingest(database, seat, said(1), cursor="1")
    (entry,) = await take(database)
    database.node = "successor"
    new_seat = await database.tx(arrivals.elect, "toy")
    assert (new_seat.cursor, new_seat.fence) == ("1", seat.fence + 1)
    (again,) = await take(database)
    assert again.fence == entry.fence + 1
    for write in (
        lambda: ingest(database, seat, said(2), cursor="2"),
        lambda: settle(database, entry, Settled()),
        lambda: database.tx(outbox.answer, entry, [Part(id="x", kind="answer", body="x")]),
        lambda: database.tx(outbox.send_next, entry),
    ):
        with pytest.raises(Fenced):
            await write()


async def test_an_answer_is_sent_in_order_and_each_part_once(database: SqliteDatabase, seat: Seat) -> None:
    await ingest(database, seat, said(1))
    (entry,) = await take(database)
    parts = [Part(id=f"c1/{number}", kind="answer", body={"text": str(number)}) for number in range(3)]
    await database.tx(outbox.answer, entry, parts)
    await database.tx(outbox.answer, entry, parts)
    sent = []
    reply = await database.tx(outbox.send_next, entry)
    while reply is not None:
        sent.append((reply.id, reply.body["text"], reply.repeated))
        reply = await database.tx(outbox.send_next, entry, reply.id)
    assert sent == [("c1/0", "0", False), ("c1/1", "1", False), ("c1/2", "2", False)]


async def test_after_a_crash_only_what_was_being_sent_is_repeated_and_marked(
    database: SqliteDatabase, seat: Seat
) -> None:
    await ingest(database, seat, said(1))
    (entry,) = await take(database)
    await database.tx(
        outbox.answer, entry, [Part(id=f"c1/{number}", kind="answer", body=number) for number in range(3)]
    )
    first = await database.tx(outbox.send_next, entry)
    assert first is not None
    await database.tx(outbox.send_next, entry, first.id)
    database.node = "successor"
    await database.tx(arrivals.elect, "toy")
    (again,) = await take(database)
    assert again.state == inbox.ANSWERED
    second = await database.tx(outbox.send_next, again)
    assert second is not None
    assert (second.id, second.repeated) == ("c1/1", True)
    third = await database.tx(outbox.send_next, again, second.id)
    assert third is not None
    assert (third.id, third.repeated) == ("c1/2", False)


@pytest.mark.parametrize(("sure", "repeated"), [(True, False), (False, True)])
async def test_a_send_that_certainly_failed_is_no_repetition(
    database: SqliteDatabase, seat: Seat, *, sure: bool, repeated: bool
) -> None:
    await ingest(database, seat, said(1))
    (entry,) = await take(database)
    await database.tx(outbox.answer, entry, [Part(id="c1/0", kind="answer", body="x")])
    await database.tx(outbox.send_next, entry)
    await settle(database, entry, Again(delay_s=0, error="away", counts=False, sure=sure))
    (again,) = await take(database, now=time.time() + 1)
    reply = await database.tx(outbox.send_next, again)
    assert reply is not None
    assert reply.repeated is repeated


async def test_a_command_does_not_wait_for_the_message_before_it(database: SqliteDatabase, seat: Seat) -> None:
    await ingest(database, seat, said(1), said(2, fast=inbox.FAST))
    taken = await take(database)
    assert {entry.event.id for entry in taken} == {"c1", "c2"}


async def test_a_new_generation_holds_for_both_lanes(database: SqliteDatabase, seat: Seat) -> None:
    await ingest(database, seat, said(1))
    (entry,) = await take(database)
    await database.tx(outbox.answer, entry, [], generation=2, prompt=PROMPT)
    await settle(database, entry, Settled())
    await ingest(database, seat, said(2), said(3, fast=inbox.FAST))
    taken = await take(database)
    assert [(one.generation, one.prompt and one.prompt.interrupts) for one in taken] == [(2, ("i",))] * 2


async def test_notes_are_kept_and_deleted(database: SqliteDatabase) -> None:
    await database.tx(notes.write, "toy", {"a/1": [1, "я"], "a/2": {"x": None}, "b": 3})
    assert await database.tx(notes.read, "toy", "a/") == {"a/1": [1, "я"], "a/2": {"x": None}}
    await database.tx(notes.write, "toy", {"a/1": None})
    assert await database.tx(notes.read, "toy") == {"a/2": {"x": None}, "b": 3}
    assert await database.tx(notes.read_one, "other", "b") is None


async def test_an_event_that_cannot_be_read_is_parked_alone(database: SqliteDatabase, seat: Seat) -> None:
    of_a_later_version = Arrival(event=said(1).event, lane=said(1).lane, body='{"kind":"Reaction","id":"c1"}')
    await ingest(database, seat, of_a_later_version, said(2), said(1, "other"))
    assert {entry.event.id for entry in await take(database)} == {"c2", "other1"}
    assert (await database.tx(inbox.counts))["toy"]["parked"] == 1


async def test_a_doubtful_reply_stays_doubtful(database: SqliteDatabase, seat: Seat) -> None:
    await ingest(database, seat, said(1))
    (entry,) = await take(database)
    await database.tx(outbox.answer, entry, [Part(id="c1/0", kind="answer", body="x")])
    await database.tx(outbox.send_next, entry)
    database.node = "successor"
    await database.tx(arrivals.elect, "toy")
    for _ in range(2):  # failing before the reply is handed out, then after: neither says that it has not arrived
        (again,) = await take(database, now=time.time() + 1)
        await settle(database, again, Again(delay_s=0, error="away", counts=False, sure=True))
        (again,) = await take(database, now=time.time() + 1)
        reply = await database.tx(outbox.send_next, again)
        assert reply is not None
        assert reply.repeated
        await settle(database, again, Again(delay_s=0, error="away", counts=False, sure=True))


async def test_an_explanation_takes_the_place_of_what_was_not_yet_said(database: SqliteDatabase, seat: Seat) -> None:
    await ingest(database, seat, said(1))
    (entry,) = await take(database)
    await database.tx(outbox.answer, entry, [Part(id=f"c1/{number}", kind="answer", body="x") for number in range(2)])
    sorry = [Part(id="c1/error/0", kind="notice", body="sorry")]
    await database.tx(outbox.explain, entry, sorry, ends=inbox.PARKED, error="because")
    reply = await database.tx(outbox.send_next, entry)
    assert reply is not None
    assert reply.id == "c1/error/0"
    assert await database.tx(outbox.send_next, entry, reply.id) is None
    await settle(database, entry, Settled())
    assert (await database.tx(inbox.counts))["toy"] == {"surface": "toy", "open": 0, "oldest": None, "parked": 1}


async def test_half_characters_do_not_keep_a_message_out(database: SqliteDatabase, seat: Seat) -> None:
    await ingest(database, seat, said(1, text="\ud83d\ude00 and \ud83d"))
    (entry,) = await take(database)
    assert isinstance(entry.event, Message)
    assert entry.event.text == "\U0001f600 and \ufffd"


def test_what_is_no_kind_of_event_is_refused() -> None:
    with pytest.raises(TypeError, match="no kind of event"):
        dump_event(Event(surface="toy", id="1", chat="c", sender="ann", direct=True))
