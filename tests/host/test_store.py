"""The durable store: nothing lost, nothing twice, in order."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from surfacehost.events import Event, Message, dump_event
from surfacehost.store import inbox, notes, outbox
from surfacehost.store.inbox import Again, Arrival, Entry, Seat, Settled
from surfacehost.store.outbox import Part
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.store.transaction import Fenced, StoreFailed, StoreRefused, Transaction


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    async with SqliteDatabase(tmp_path / "x.db") as opened:
        yield opened


@pytest_asyncio.fixture
async def seat(database: SqliteDatabase) -> Seat:
    return await database.tx(inbox.elect, "toy")


def said(number: int, chat: str = "c", *, text: str = "", fast: str = "", at: float = 0) -> Arrival:
    text = text or f"text {number}"
    message = Message(surface="toy", id=f"{chat}{number}", chat=chat, sender="ann", direct=True, text=text, at=at)
    return Arrival(event=message, lane=str(message.key) + fast, body=dump_event(message))


async def ingest(database: SqliteDatabase, seat: Seat, *arrivals: Any, **rest: Any) -> list[str]:
    fresh = await database.tx(inbox.ingest, seat, list(arrivals), now=time.time(), **rest)
    return [arrival.event.id for arrival in fresh]


async def take(database: SqliteDatabase, room: int = 10, now: float | None = None) -> list[Entry]:
    return await database.tx(inbox.take, "toy", room, now=time.time() if now is None else now)


async def settle(database: SqliteDatabase, entry: Entry, outcome: Again | Settled) -> Entry | None:
    return await database.tx(inbox.settle, entry, outcome, now=time.time())


async def test_an_event_told_twice_is_stored_once(database: SqliteDatabase, seat: Seat) -> None:
    assert await ingest(database, seat, said(1), said(1)) == ["c1"]
    assert await ingest(database, seat, said(1), said(2)) == ["c2"]


async def test_the_cursor_moves_with_the_events_or_not_at_all(database: SqliteDatabase, seat: Seat) -> None:
    await ingest(database, seat, said(1), cursor="7", memory={"rooms": ["a"]})

    async def broken(tx: Transaction) -> None:
        await inbox.ingest(tx, seat, [said(2)], now=0, cursor="8", memory={"rooms": ["a", "b"]})
        raise RuntimeError("the process is in trouble")

    with pytest.raises(RuntimeError):
        await database.tx(broken)
    assert (await database.tx(inbox.elect, "toy")).cursor == "7"
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


async def test_a_successor_takes_over_and_the_predecessor_can_write_nothing(
    database: SqliteDatabase, seat: Seat
) -> None:
    await ingest(database, seat, said(1), cursor="1")
    (entry,) = await take(database)
    database.node = "successor"
    new_seat = await database.tx(inbox.elect, "toy")
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
    await database.tx(inbox.elect, "toy")
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
    await database.tx(outbox.answer, entry, [], generation=2, interrupts=[{"id": "i", "question": "?"}])
    await settle(database, entry, Settled())
    await ingest(database, seat, said(2), said(3, fast=inbox.FAST))
    taken = await take(database)
    assert [(one.generation, one.interrupts) for one in taken] == [(2, ({"id": "i", "question": "?"},))] * 2


async def test_many_transactions_share_a_commit(database: SqliteDatabase, seat: Seat) -> None:
    commits = 0

    def count(statement: str) -> None:
        nonlocal commits
        commits += statement.lower() == "commit"

    database._connection.set_trace_callback(count)
    gate = threading.Event()

    async def hold_the_writer(_: Transaction) -> None:
        gate.wait()  # in the writer's thread: what arrives meanwhile has to wait for the next commit

    holding = asyncio.create_task(database.tx(hold_the_writer))
    waiting = [asyncio.create_task(ingest(database, seat, said(number))) for number in range(50)]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(holding, *waiting)
    database._connection.set_trace_callback(None)
    assert commits <= 3


async def test_one_bad_transaction_spoils_no_other_of_its_commit(database: SqliteDatabase, seat: Seat) -> None:
    async def bad(_: Transaction) -> None:
        raise ValueError("bad")

    results = await asyncio.gather(
        ingest(database, seat, said(1)), database.tx(bad), ingest(database, seat, said(2)), return_exceptions=True
    )
    assert results[0] == ["c1"]
    assert isinstance(results[1], ValueError)
    assert results[2] == ["c2"]


async def test_a_full_disk_is_said_and_nothing_is_half_stored(database: SqliteDatabase, seat: Seat) -> None:
    pages = database._connection.execute("pragma page_count").fetchone()[0]
    database._connection.execute(f"pragma max_page_count = {pages}")
    big = said(1, text="x" * 100_000)
    with pytest.raises(StoreFailed, match="full"):
        await ingest(database, seat, big, cursor="9")
    database._connection.execute("pragma max_page_count = 1000000")
    assert await ingest(database, seat, big, cursor="9") == ["c1"]


async def test_a_second_host_is_refused(database: SqliteDatabase, tmp_path: Path) -> None:
    assert database.node
    with pytest.raises(StoreRefused, match="another surfacehost"):
        await SqliteDatabase(tmp_path / "x.db").__aenter__()


async def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    async with SqliteDatabase(tmp_path / "x.db"):
        pass
    connection = sqlite3.connect(tmp_path / "x.db")
    connection.execute("update meta set value = '999' where key = 'version'")
    connection.commit()
    connection.close()
    with pytest.raises(StoreRefused, match="version 999"):
        await SqliteDatabase(tmp_path / "x.db").__aenter__()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"this is a letter, not a database" * 100)
    with pytest.raises(StoreRefused, match="can't be read"):
        await SqliteDatabase(tmp_path / "x.db").__aenter__()


async def test_the_database_is_for_its_owner_only(database: SqliteDatabase, tmp_path: Path) -> None:
    assert database.node
    assert (tmp_path / "x.db").stat().st_mode & 0o077 == 0


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
    await database.tx(inbox.elect, "toy")
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


async def test_what_is_asked_often_needs_no_scan(database: SqliteDatabase, seat: Seat) -> None:
    await ingest(database, seat, said(1))
    (entry,) = await take(database)
    asked: list[str] = []
    database._connection.set_trace_callback(asked.append)
    await database.tx(outbox.answer, entry, [Part(id="c1/0", kind="answer", body="x")])
    reply = await database.tx(outbox.send_next, entry)
    assert reply is not None
    await database.tx(outbox.send_next, entry, reply.id)
    await database.tx(notes.read, "toy", "a/")
    await database.tx(inbox.counts)
    await settle(database, entry, Settled())
    await take(database)
    await database.tx(inbox.next_ready, "toy", now=0)
    await database.tx(inbox.elect, "toy")
    database._connection.set_trace_callback(None)
    statements = [text for text in asked if text.split()[0] in ("select", "update", "insert", "with")]
    assert len(statements) >= 12
    for text in statements:
        plan = [row[3] for row in database._connection.execute(f"explain query plan {text}")]
        assert [step for step in plan if reads_everything(step)] == [], text


def reads_everything(step: str) -> bool:
    """Whether a *step* of a plan goes through all that was ever handled; what is open or old has indexes of its own.

    A start goes through the conversations, which are few compared to what was said in them.
    """
    is_scan = step.startswith("SCAN") or step.endswith("(surface=?)")
    return is_scan and not any(part in step for part in ("CONSTANT", "SCAN open", "SCAN thread", *PARTIAL))


PARTIAL = ("thread_ready", "inbox_open", "inbox_parked", "inbox_handled")
