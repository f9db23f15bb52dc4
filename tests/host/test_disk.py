"""What a disk does to the host: full, read-only, damaged, taken. The real process, a real disk without room."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.smalldisk import SmallDisk

from .logbook import OPEN, Book

NO_ROOM = "there is no room for {}, the disk is full: make room and start again"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with SmallDisk(tmp_path / "disk") as disk:
        yield disk


def on(disk: SmallDisk, tmp_path: Path) -> Book:
    """A host that keeps its data on *disk*, and nothing else."""
    book = Book(tmp_path, f'[host]\ndata_dir = "{disk.path / "var"}"\n{OPEN}')
    (book.folder / "said.jsonl").touch()
    return book


def run(host: HostProcess) -> tuple[int, str]:
    """How a host ends that can't start: its exit status and what it says."""
    ended = host.command("run")
    assert "Traceback" not in ended.stderr
    return ended.returncode, ended.stderr


def test_what_comes_while_the_disk_is_full_is_answered_when_there_is_room(disk: SmallDisk, tmp_path: Path) -> None:
    book = on(disk, tmp_path)
    with book.host:
        book.ask("before")
        disk.fill()
        asked = [book.say(f"number {number}") for number in range(20)]
        status = book.host.wait_for(lambda status: "full" in status["ready"]["store"])
        assert "full" in status["ready"]["logbook"]
        code, said = book.host.readiness()
        assert (code, "store: the database did not store it: database or disk is full" in said) == (503, True)
        assert [book.answers(one) for one in asked] == [[]] * 20
        disk.free()
        book.hear(asked[-1])
        book.host.wait_ready()
        book.host.wait_for(lambda status: not status["inbox"])
        assert book.host.stop() == 0
    assert [one["to"] for one in book.answers() if one["to"] in asked] == asked


def test_an_answer_that_finds_no_room_is_kept_when_there_is_some(disk: SmallDisk, tmp_path: Path) -> None:
    book = on(disk, tmp_path)
    with book.host:
        slow = book.say("/demo slow 1")
        book.host.wait_for(lambda status: any("asked" in str(way["steps"]) for way in status["ways"]))
        disk.fill()
        status = book.host.wait_for(lambda status: "full" in status["ready"]["store"])
        (way,) = status["ways"]
        assert "answered" not in [step for step, _ in way["steps"]]
        disk.free()
        assert book.hear(slow) == "I waited 1 s."
        book.host.wait_for(lambda status: not status["inbox"])
        assert book.ask("/demo memory").count("/demo slow") == 1  # asked again it was the same run
    assert len(book.answers(slow)) == 1


def test_a_full_disk_at_the_start_is_a_sentence(disk: SmallDisk, tmp_path: Path) -> None:
    book = on(disk, tmp_path)
    disk.fill()
    assert run(book.host) == (1, f"surfacehost: {NO_ROOM.format(disk.path / 'var' / 'surfacehost.db')}\n")
    disk.free()
    with book.host:
        book.ask("hi")
        book.host.kill()
    disk.fill()
    code, said = run(book.host)
    assert code == 1
    assert "full" in said
    disk.free()
    with book.host:
        assert book.ask("again") == "echo: again"


def test_a_disk_that_takes_no_writes_is_a_sentence(disk: SmallDisk, tmp_path: Path) -> None:
    book = on(disk, tmp_path)
    disk.read_only(on=True)
    code, said = run(book.host)
    assert (code, "can't be written (Read-only file system): the host needs a folder" in said) == (1, True)


def test_a_newer_database_is_a_sentence(tmp_path: Path) -> None:
    book = Book(tmp_path)
    changed(book, "update meta set value = '999' where key = 'version'")
    code, said = run(book.host)
    assert (code, "the database has version 999" in said) == (1, True)


def test_a_file_that_is_no_database_is_a_sentence(tmp_path: Path) -> None:
    book = Book(tmp_path)
    (book.host.folder / "var").mkdir()
    database(book).write_bytes(b"this is a letter, not a database" * 1000)
    code, said = run(book.host)
    assert (code, "can't be read as a database (file is not a database): restore a backup" in said) == (1, True)


def test_a_damaged_database_is_refused_at_the_start(tmp_path: Path) -> None:
    book = Book(tmp_path)
    numbers = "with recursive number (n) as (select 1 union all select n + 1 from number where n < 200)"
    changed(book, f"insert into note {numbers} select 'x', n, hex(randomblob(1000)) from number")
    damage(database(book))
    code, said = run(book.host)
    assert (code, "surfacehost.db can't be read as a database" in said, "restore a backup" in said) == (1, True, True)


def test_damage_that_is_met_while_running_is_shown_and_what_is_whole_goes_on(tmp_path: Path) -> None:
    book = Book(tmp_path)
    (book.folder / "said.jsonl").touch()
    with book.host:
        book.ask("hi")
        book.host.stop()
    with sqlite3.connect(database(book)) as connection:  # too large to be looked through at the start
        connection.execute("insert into note values ('x', 'ballast', zeroblob(70000000))")
        (page,) = connection.execute("select rootpage from sqlite_master where name = 'outbox'").fetchone()
    connection.close()
    damage(database(book), page)
    with book.host:
        asked = book.say("and now?")
        status = book.host.wait_for(lambda status: "damaged" in status["ready"]["store"])
        assert "restore a backup, see the runbook" in status["ready"]["store"]
        assert book.host.readiness()[0] == 503
        assert book.host.is_alive
    assert book.answers(asked) == []
    assert book.host.log_text().count("malformed") < 10


def test_a_second_host_on_the_same_data_is_refused_wherever_its_database_is(tmp_path: Path) -> None:
    book = Book(tmp_path)
    (book.folder / "said.jsonl").touch()
    second = HostProcess(tmp_path / "second", "")
    elsewhere = f'[store]\nurl = "sqlite:///{tmp_path}/elsewhere.db"\n'
    second.configure(f'[host]\ndata_dir = "{book.host.folder / "var"}"\n{elsewhere}{OPEN}')
    with book.host:
        code, said = run(second)
        assert (code, "another surfacehost is using" in said) == (1, True)
        assert book.ask("still here?") == "echo: still here?"


def database(book: Book) -> Path:
    return book.host.folder / "var" / "surfacehost.db"


def changed(book: Book, statement: str) -> None:
    """Run the host once, then *statement* on its database."""
    (book.folder / "said.jsonl").touch()
    with book.host:
        book.host.stop()
    connection = sqlite3.connect(database(book))
    connection.execute(statement)
    connection.commit()
    connection.close()


def damage(path: Path, page: int | None = None) -> None:
    """Overwrite one page, by default one in the middle."""
    size = 4096
    number = path.stat().st_size // size // 2 if page is None else page - 1
    with path.open("r+b") as file:
        file.seek(number * size)
        file.write(b"\xa5" * size)
