"""The file beneath the store: what shares a commit, what is refused, and what is found without a search."""

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest
from tests.host.storing import ingest, said, settle, take

from surfacehost.store import arrivals, inbox, notes, outbox
from surfacehost.store.arrivals import Seat
from surfacehost.store.inbox import Settled
from surfacehost.store.outbox import Part
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.store.transaction import StoreFailed, StoreRefused, Transaction


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
    await database.tx(arrivals.elect, "toy")
    database._connection.set_trace_callback(None)
    statements = [text for text in asked if text.split()[0] in ("select", "update", "insert", "with")]
    assert len(statements) >= 12
    for text in statements:
        plan = [row[3] for row in database._connection.execute(f"explain query plan {text}")]
        assert [step for step in plan if reads_everything(step)] == [], text


def reads_everything(step: str) -> bool:
    """Whether a *step* of a plan goes through all that was ever handled; what is open or old has indexes of its own.

    A start goes through the conversations, which are few compared to what was said in them, the chats that moved,
    and the latest two thousand events.
    """
    is_scan = step.startswith("SCAN") or step.endswith("(surface=?)")
    return is_scan and not any(
        part in step for part in ("CONSTANT", "SCAN open", "SCAN latest", "SCAN thread", "SEARCH moved", *PARTIAL)
    )


PARTIAL = ("thread_ready", "inbox_open", "inbox_parked", "inbox_handled")
