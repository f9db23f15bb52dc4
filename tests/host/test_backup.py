"""``surfacehost backup`` beside the real host, and a host that goes on with such a copy."""

import sqlite3
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from surfacehost.store import arrivals, copies, inbox, outbox, parked
from surfacehost.store.outbox import Part
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.restoring import back_up, restore
from surfacehost_devkit.smalldisk import SmallDisk

from .logbook import OPEN, Book
from .storing import ingest, said, take


def refusal(host: HostProcess, target: Path) -> str:
    """Why there is no backup; nothing is left of one."""
    before = set(target.parent.iterdir())
    ended = host.command("backup", str(target))
    assert (ended.returncode, ended.stdout, "Traceback" in ended.stderr) == (1, "", False)
    assert set(target.parent.iterdir()) == before
    return ended.stderr


@pytest.fixture
def book(tmp_path: Path) -> Book:
    book = Book(tmp_path)
    (book.folder / "said.jsonl").touch()
    return book


def test_a_copy_made_under_load_is_whole_and_for_its_owner_only(book: Book, tmp_path: Path) -> None:
    with book.host:
        keys = book.host.folder / "var" / "logbook" / "keys"
        keys.mkdir(parents=True)
        (keys / "secret").write_text("s")
        (keys / "lock").touch()
        other = sqlite3.connect(keys / "own.db", check_same_thread=False)
        other.executescript("create table t (x); insert into t values (1); begin exclusive; insert into t values (2);")
        writing = threading.Timer(1, other.rollback)
        writing.start()
        ids = [book.say(f"number {number}", f"person {number % 7}") for number in range(200)]
        copy = back_up(book.host, tmp_path / "copy")
        assert not writing.is_alive()  # who is writing is waited for
        assert book.hear(ids[-1], 60)
        other.close()
    names = {str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file()}
    assert names == {"surfacehost.db", "logbook/keys/secret", "logbook/keys/own.db"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in copy.rglob("*") if path.is_file()} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (copy, *copy.rglob("*")) if path.is_dir()} == {0o700}
    connection = sqlite3.connect(copy / "surfacehost.db")
    assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    cursor, known = connection.execute("select cursor, (select count(*) from inbox) from surface").fetchone()
    connection.close()
    lines = (book.folder / "said.jsonl").read_bytes()[: int(cursor or 0)].count(b"\n")
    assert lines == known  # cursor and events are of one moment


def test_a_database_elsewhere_is_copied_with_the_rest(book: Book, tmp_path: Path) -> None:
    book.host.configure(f'[store]\nurl = "sqlite:///{tmp_path}/elsewhere.db"\n{OPEN}{book.table}')
    with book.host:
        book.ask("hi")
        book.host.stop()
    assert (back_up(book.host, tmp_path / "copy") / "elsewhere.db").exists()


def test_why_there_is_no_backup_is_said(book: Book, tmp_path: Path) -> None:
    assert "does not exist yet: no host has run" in refusal(book.host, tmp_path / "copy")
    with book.host:
        book.ask("hi")
        assert "exists already" in refusal(book.host, book.folder)
        assert "name a folder elsewhere" in refusal(book.host, book.host.folder / "var" / "copy")
        with SmallDisk(tmp_path / "disk", 1) as disk:
            disk.fill()
            assert "the disk is full" in refusal(book.host, disk.path / "copy")
        book.host.stop()
    data = book.host.folder / "var" / "surfacehost.db"
    data.write_bytes(b"this is a letter, not a database" * 100)
    assert f"{data} can't be read as a database (file is not a database): restore" in refusal(
        book.host, tmp_path / "copy"
    )


def test_what_was_answered_after_the_copy_is_not_answered_again(book: Book, tmp_path: Path) -> None:
    with book.host:
        before = book.ask("before")
        slow = book.say("/demo slow 2", "bob")
        book.host.wait_for(lambda status: any("asked" in str(way["steps"]) for way in status["ways"]))
        assert book.host.status()["restored"] is None
        copy = back_up(book.host, tmp_path / "copy")
        assert book.hear(slow) == "I waited 2 s."
        after = book.say("after")
        book.hear(after)
        book.host.kill()
    while_away = book.say("while it was away")
    restore(book.host, copy)
    with book.host:
        assert book.hear(while_away) == "echo: while it was away"
        assert book.ask("and now?") == "echo: and now?"
        status = book.host.wait_for(lambda status: not status["inbox"])
        restored = status["restored"]
        assert restored["copied_at"] < restored["at"] < restored["until"]
        assert "the data is a copy of" in book.host.log_text()
    assert [len(book.answers(one)) for one in (slow, after, while_away)] == [1, 1, 1]
    assert before == "echo: before"
    with book.host:  # once it is told, it is no news
        assert book.host.status()["restored"] == restored
    assert book.host.log_text().count("the data is a copy of") == 1


async def test_in_a_copy_everything_open_is_suspect_and_what_is_told_of_before(tmp_path: Path) -> None:
    async with SqliteDatabase(tmp_path / "x.db") as original:
        seat = await original.tx(arrivals.elect, "toy")
        await ingest(original, seat, *(said(1, chat) for chat in ("answered", "open", "settled", "refused")))
        for entry in await take(original):
            if entry.event.chat != "open":
                parts = [Part(id=f"{entry.event.id}/{number}", kind="answer", body="x") for number in range(2)]
                await original.tx(outbox.answer, entry, parts)
            if entry.event.chat in ("settled", "refused"):
                state = inbox.DONE if entry.event.chat == "settled" else inbox.REFUSED
                await original.tx(inbox.settle, entry, inbox.Settled(state=state), now=0)
        copies.copy_marked(tmp_path / "x.db", tmp_path / "copy.db")
        assert await original.tx(copies.recognise, now=1000) is None
    async with SqliteDatabase(tmp_path / "copy.db") as database:
        restored = await database.tx(copies.recognise, now=1000)
        assert restored is not None
        assert await database.tx(copies.recognise, now=2000) is None
        assert await database.tx(copies.last_restored) == restored
        seat = await database.tx(arrivals.elect, "toy")
        happened = {"early": 900.0, "late": 1000.0 + copies.MARGIN_S}
        messages = [said(1, chat, at=at) for chat, at in happened.items()]
        await ingest(database, seat, *messages)
        (refused,) = await database.tx(parked.listed, "refused", None, 9)
        await database.tx(parked.retry, refused["number"], now=1000)
        repeated = {entry.event.chat: await all_repeated(database, entry) for entry in await take(database)}
    assert repeated == {
        "answered": [True, True], "refused": [True, True], "open": [True], "early": [True], "late": [False],
    }  # fmt: skip


async def all_repeated(database: SqliteDatabase, entry: inbox.Entry) -> list[bool]:
    """What is sent in answer to *entry*, and whether it may be there already."""
    if entry.state == inbox.WAITING:
        await database.tx(outbox.answer, entry, [Part(id=f"{entry.event.id}/0", kind="answer", body="x")])
    found: list[Any] = [await database.tx(outbox.send_next, entry)]
    while found[-1] is not None:
        found.append(await database.tx(outbox.send_next, entry, found[-1].id))
    return [reply.repeated for reply in found[:-1]]


async def test_without_a_time_what_comes_soon_after_is_suspect(tmp_path: Path) -> None:
    async with SqliteDatabase(tmp_path / "x.db"):
        pass
    copies.copy_marked(tmp_path / "x.db", tmp_path / "copy.db")
    async with SqliteDatabase(tmp_path / "copy.db") as database:
        await database.tx(copies.recognise, now=1000)
        seat = await database.tx(arrivals.elect, "toy")
        await database.tx(arrivals.ingest, seat, [said(1, "soon")], now=1200)
        await database.tx(arrivals.ingest, seat, [said(1, "later")], now=1000 + copies.MARGIN_S)
        repeated = {entry.event.chat: await all_repeated(database, entry) for entry in await take(database)}
    assert repeated == {"soon": [True], "later": [False]}
