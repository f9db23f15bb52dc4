"""The operator's hand on the inbox: what may be changed, what becomes of it, and that the host notices."""

import asyncio
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from surfacehost.conversation import _turn
from surfacehost.events import Message, dump_event
from surfacehost.store import arrivals, inbox, outbox, parked
from surfacehost.store.arrivals import Arrival, Seat
from surfacehost.store.beside import SqliteBeside
from surfacehost.store.inbox import Again, Entry, Settled
from surfacehost.store.outbox import Part, reply_id
from surfacehost.store.parked import NotForThat
from surfacehost.store.schema import VERSION
from surfacehost.store.sqlite import SqliteDatabase, _data_version, lock_of
from surfacehost.store.transaction import Fenced, StoreRefused


@pytest_asyncio.fixture
async def beside(seat: Seat, tmp_path: Path) -> AsyncIterator[SqliteBeside]:
    assert seat.surface == "toy"
    async with SqliteBeside(tmp_path / "x.db") as opened:
        yield opened


async def arrive(database: SqliteDatabase, seat: Seat, *numbers: int, chat: str = "c") -> None:
    messages = [
        Message(surface="toy", id=f"{chat}{number}", chat=chat, sender="ann", direct=True, text=f"text {number}")
        for number in numbers
    ]
    came = [Arrival(event=one, lane=str(one.key), body=dump_event(one)) for one in messages]
    await database.tx(arrivals.ingest, seat, came, now=time.time())


async def take(database: SqliteDatabase, after_s: float = 1) -> Entry:
    (entry,) = await database.tx(inbox.take, "toy", 10, now=time.time() + after_s)
    return entry


async def settle(database: SqliteDatabase, entry: Entry, outcome: Again | Settled) -> Entry | None:
    return await database.tx(inbox.settle, entry, outcome, now=time.time())


async def send(database: SqliteDatabase, entry: Entry, most: int = 100) -> list[tuple[str, bool]]:
    """Send *most* replies to *entry*: id and whether it is repeated. The one after them has been handed out."""
    sent: list[tuple[str, bool]] = []
    reply = await database.tx(outbox.send_next, entry)
    while reply is not None and len(sent) < most:
        sent.append((reply.id, reply.repeated))
        reply = await database.tx(outbox.send_next, entry, reply.id)
    return sent


async def park(database: SqliteDatabase, entry: Entry) -> Entry | None:
    """The way the host does it: a sentence, and then it is parked."""
    sorry = [Part(id=reply_id(entry, 0, is_sentence=True), kind="notice", body="sorry")]
    await database.tx(outbox.explain, entry, sorry, ends=inbox.PARKED, error="boom")
    assert await send(database, entry) == [(sorry[0].id, False)]
    return await settle(database, entry, Settled())


async def state(beside: SqliteBeside, number: int) -> str:
    return str((await beside.look(parked.show, number)).event["state"])


async def test_a_retry_is_a_new_run_whose_replies_and_sentence_are_said_anew(
    database: SqliteDatabase, seat: Seat, beside: SqliteBeside
) -> None:
    await arrive(database, seat, 1)
    first = await take(database)
    await settle(database, first, Again(delay_s=0, error="boom"))
    await park(database, await take(database))
    assert not await beside.tx(parked.retry, first.id, now=time.time())
    again = await take(database)
    assert (again.event.id, again.state, again.ends) == ("c1", inbox.WAITING, inbox.DONE)
    assert (again.attempts, again.failed_at, again.retried) == (0, None, 1)
    assert isinstance(again.event, Message)
    assert _turn(again, again.event, {}).run_id != _turn(first, again.event, {}).run_id
    await park(database, again)
    assert not await beside.tx(parked.retry, first.id, now=time.time())
    third = await take(database)
    await database.tx(outbox.answer, third, [Part(id=reply_id(third, 0), kind="answer", body="x")])
    assert await send(database, third) == [("c1/retry2/0", False)]


async def test_without_a_retry_the_ids_are_as_they_always_were(database: SqliteDatabase, seat: Seat) -> None:
    await arrive(database, seat, 1)
    entry = await take(database)
    assert (reply_id(entry, 0), reply_id(entry, 1, is_sentence=True)) == ("c1/0", "c1/error/1")
    assert isinstance(entry.event, Message)
    assert _turn(entry, entry.event, {}).run_id == "d05bd2af1ee3a7a3845234b660bf0a20"


@pytest.mark.parametrize("is_suspect", [False, True])
async def test_an_answer_that_was_given_up_is_sent_and_nobody_is_asked_again(
    database: SqliteDatabase, seat: Seat, beside: SqliteBeside, *, is_suspect: bool
) -> None:
    await arrive(database, seat, 1)
    entry = await take(database)
    parts = [Part(id=reply_id(entry, number), kind="answer", body=number) for number in range(4)]
    await database.tx(outbox.answer, entry, parts)
    assert len(await send(database, entry, most=1)) == 1
    await park(database, entry)
    database._connection.execute(f"update inbox set suspect = {is_suspect:d}")
    assert await beside.tx(parked.retry, entry.id, now=time.time())
    again = await take(database)
    assert again.state == inbox.ANSWERED
    assert await send(database, again) == [("c1/1", True), ("c1/2", is_suspect), ("c1/3", is_suspect)]
    await settle(database, again, Settled())
    assert await state(beside, entry.id) == inbox.DONE


async def test_an_answer_that_arrived_whole_is_not_given_twice(
    database: SqliteDatabase, seat: Seat, beside: SqliteBeside
) -> None:
    await arrive(database, seat, 1)
    entry = await take(database)
    await database.tx(outbox.answer, entry, [Part(id=reply_id(entry, 0), kind="answer", body="x")])
    await send(database, entry)
    await park(database, entry)
    await beside.tx(parked.retry, entry.id, now=time.time())
    again = await take(database)
    assert again.state == inbox.ANSWERED
    assert await send(database, again) == []


async def test_what_the_chat_did_not_take_can_be_sent_later(
    database: SqliteDatabase, seat: Seat, beside: SqliteBeside
) -> None:
    await arrive(database, seat, 1)
    entry = await take(database)
    await database.tx(outbox.answer, entry, [Part(id=reply_id(entry, 0), kind="answer", body="x")])
    await database.tx(outbox.send_next, entry)
    await settle(database, entry, Settled(state=inbox.REFUSED, error="blocked"))
    assert await beside.tx(parked.retry, entry.id, now=time.time())
    assert await send(database, await take(database)) == [("c1/0", True)]


async def test_a_sentence_that_waits_is_said_however_often_it_is_written_down(
    database: SqliteDatabase, seat: Seat
) -> None:
    await arrive(database, seat, 1)
    entry = await take(database)
    sorry = [Part(id=reply_id(entry, 0, is_sentence=True), kind="notice", body="sorry")]
    for _ in range(2):
        await database.tx(outbox.explain, entry, sorry, ends=inbox.PARKED, error="boom")
    assert await send(database, entry) == [("c1/error/0", False)]


async def test_a_retried_event_runs_before_newer_ones_of_its_thread(
    database: SqliteDatabase, seat: Seat, beside: SqliteBeside
) -> None:
    await arrive(database, seat, 1, 2, 3)
    first = await take(database)
    second = await park(database, first)
    assert second is not None
    await beside.tx(parked.retry, first.id, now=time.time())
    following = await settle(database, second, Settled())
    assert following is not None
    assert following.event.id == "c1"


async def test_an_event_that_cannot_be_read_parks_again(
    database: SqliteDatabase, seat: Seat, beside: SqliteBeside
) -> None:
    message = Message(surface="toy", id="c1", chat="c", sender="ann", direct=True, text="x")
    await database.tx(arrivals.ingest, seat, [Arrival(event=message, lane=str(message.key), body="{}")], now=0)
    for _ in range(2):
        assert await database.tx(inbox.take, "toy", 10, now=time.time()) == []
        ((number,), listed) = (
            await beside.look(parked.parked_numbers, None),
            await beside.look(parked.listed, "parked", "toy", 9),
        )
        assert "no event" in listed[0]["error"]
        await beside.tx(parked.retry, number, now=time.time())


@pytest.mark.parametrize(
    ("settled", "why"),
    [
        (Settled(), "1 is done: only what was parked or refused can be tried again"),
        (Settled(state=inbox.IGNORED), "1 is ignored: only what was parked or refused can be tried again"),
        (None, "1 is waiting: the host tries it by itself"),
    ],
)
async def test_what_was_not_given_up_is_not_tried_again(
    database: SqliteDatabase, seat: Seat, beside: SqliteBeside, settled: Settled | None, why: str
) -> None:
    await arrive(database, seat, 1)
    entry = await take(database)
    if settled is not None:
        await settle(database, entry, settled)
    with pytest.raises(NotForThat) as refusal:
        await beside.tx(parked.retry, entry.id, now=time.time())
    assert str(refusal.value) == why


async def test_what_is_no_longer_kept_is_not_tried_again(
    database: SqliteDatabase, seat: Seat, beside: SqliteBeside
) -> None:
    await arrive(database, seat, 1)
    await settle(database, await take(database), Settled(state=inbox.REFUSED))
    database._connection.execute("update inbox set body = ''")
    with pytest.raises(NotForThat, match="no longer kept"):
        await beside.tx(parked.retry, 1, now=time.time())


@pytest.mark.parametrize("operation", ["show", "retry", "drop"])
async def test_an_unknown_number_is_said(beside: SqliteBeside, operation: str) -> None:
    rest: dict[str, Any] = {"show": {}, "retry": {"now": 0.0}, "drop": {"is_hosted": False}}
    with pytest.raises(NotForThat, match="there is no message 7"):
        await beside.tx(getattr(parked, operation), 7, **rest[operation])


async def test_dropped_is_settled_for_good(database: SqliteDatabase, seat: Seat, beside: SqliteBeside) -> None:
    await arrive(database, seat, 1)
    await park(database, await take(database))
    await beside.tx(parked.drop, 1, is_hosted=beside.is_hosted())
    letter = await beside.look(parked.show, 1)
    assert (letter.event["state"], letter.event["error"]) == ("ignored", "dropped by the operator; boom")
    for act in (
        lambda: beside.tx(parked.retry, 1, now=0.0),
        lambda: beside.tx(parked.drop, 1, is_hosted=False),
    ):
        with pytest.raises(NotForThat, match="1 is ignored"):
            await act()


async def test_what_waits_for_its_next_attempt_can_be_dropped_and_the_next_goes(
    database: SqliteDatabase, seat: Seat, beside: SqliteBeside
) -> None:
    await arrive(database, seat, 1, 2)
    entry = await take(database)
    await database.tx(outbox.answer, entry, [Part(id="c1/0", kind="answer", body="x")])
    await settle(database, entry, Again(delay_s=0, error="boom"))
    await beside.tx(parked.drop, entry.id, is_hosted=beside.is_hosted())
    letter = await beside.look(parked.show, entry.id)
    assert [reply["state"] for reply in letter.replies] == ["refused"]
    assert (await take(database)).event.id == "c2"


async def test_what_a_living_host_works_on_is_let_be(
    database: SqliteDatabase, seat: Seat, beside: SqliteBeside
) -> None:
    await arrive(database, seat, 1, 2)
    entry = await take(database)
    assert beside.is_hosted()
    for number in (1, 2):
        with pytest.raises(NotForThat, match=f"{number} is waiting and its conversation is being worked on"):
            await beside.tx(parked.drop, number, is_hosted=beside.is_hosted())
    assert (await settle(database, entry, Settled())) is not None


async def test_what_a_dead_host_had_claimed_can_be_dropped_and_it_could_write_nothing(
    database: SqliteDatabase, seat: Seat, beside: SqliteBeside
) -> None:
    await arrive(database, seat, 1)
    entry = await take(database)
    await beside.tx(parked.drop, entry.id, is_hosted=False)
    with pytest.raises(Fenced):
        await settle(database, entry, Settled())
    assert await state(beside, 1) == inbox.IGNORED


async def test_whether_a_host_runs_is_seen_by_its_lock_alone(tmp_path: Path) -> None:
    beside = SqliteBeside(tmp_path / "x.db")
    assert not beside.is_hosted()
    async with SqliteDatabase(tmp_path / "x.db"):
        assert beside.is_hosted()
    assert not beside.is_hosted()


async def test_a_host_that_starts_while_someone_looks_for_it_starts(tmp_path: Path) -> None:
    with lock_of(tmp_path / "x.db").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)  # what a look does, only that it lasts
        release = threading.Timer(0.2, lambda: fcntl.flock(file, fcntl.LOCK_UN))
        release.start()
        async with SqliteDatabase(tmp_path / "x.db") as database:
            assert database.node
        release.join()


async def test_the_host_hears_of_what_another_process_writes_and_of_nothing_else(
    database: SqliteDatabase, seat: Seat, beside: SqliteBeside
) -> None:
    await arrive(database, seat, 1)
    await park(database, await take(database))
    hears = asyncio.create_task(database.others_wrote())
    await arrive(database, seat, 2)
    await beside.look(parked.show, 1)
    done, _ = await asyncio.wait({hears}, timeout=1.5)
    assert not done
    await beside.tx(parked.retry, 1, now=time.time())
    began = time.monotonic()
    await asyncio.wait_for(hears, 5)
    assert time.monotonic() - began < 2.5


async def test_asking_whether_another_process_wrote_writes_nothing(
    database: SqliteDatabase, seat: Seat, tmp_path: Path
) -> None:
    await arrive(database, seat, 1)
    before = (tmp_path / "x.db-wal").stat()
    for _ in range(10):
        await database.tx(_data_version)
    after = (tmp_path / "x.db-wal").stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)


async def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="there is no database at"):
        await SqliteBeside(tmp_path / "x.db").__aenter__()
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - of a test's own folder


@pytest.mark.parametrize(
    ("version", "do"), [(1, "its host, when started, updates it"), (999, "use the version that wrote it")]
)
async def test_a_database_of_another_version_is_refused_and_left_alone(tmp_path: Path, version: int, do: str) -> None:
    async with SqliteDatabase(tmp_path / "x.db") as database:
        database._connection.execute(f"update meta set value = '{version}' where key = 'version'")
    with pytest.raises(StoreRefused, match=f"has version {version}, this surfacehost works with {VERSION}: {do}"):
        await SqliteBeside(tmp_path / "x.db").__aenter__()
    connection = sqlite3.connect(tmp_path / "x.db")
    assert connection.execute("select value from meta").fetchall() == [(str(version),)]
    connection.close()


@pytest.mark.parametrize("content", [b"this is a letter, not a database" * 100, None, "a folder"])
async def test_what_is_no_database_of_ours_is_refused(tmp_path: Path, content: bytes | str | None) -> None:
    if isinstance(content, str):
        (tmp_path / "x.db").mkdir()
    elif content is None:
        connection = sqlite3.connect(tmp_path / "x.db")
        connection.execute("create table cheese (name text)")
        connection.close()
    else:
        (tmp_path / "x.db").write_bytes(content)
    with pytest.raises(StoreRefused, match="can't be used as a surfacehost database"):
        await SqliteBeside(tmp_path / "x.db").__aenter__()


async def test_a_long_history_costs_the_counts_and_the_list_nothing(
    database: SqliteDatabase, beside: SqliteBeside
) -> None:
    asked: list[str] = []
    for connection in (database._connection, beside._connection):
        connection.set_trace_callback(asked.append)
    await database.tx(inbox.counts)
    for name in ("open", "parked"):
        await beside.look(parked.listed, name, None, 100)
    await beside.look(parked.parked_numbers, None)
    database._connection.set_trace_callback(None)
    beside._connection.set_trace_callback(None)
    statements = [text for text in asked if text.startswith("select")]
    assert len(statements) == 5
    for text in statements:
        plan = [row[3] for row in database._connection.execute(f"explain query plan {text}")]
        read = [step for step in plan if "inbox" in step and "INTEGER PRIMARY KEY" not in step]
        assert read, text
        assert all("inbox_open" in step or "inbox_parked" in step for step in read), (text, plan)
