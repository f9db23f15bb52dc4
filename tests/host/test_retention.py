"""What is done with goes after a while, and nothing else."""

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from surfacehost.housekeeping import DAY_S, forget_old
from surfacehost.store import inbox, retention
from surfacehost.store.sqlite import SqliteDatabase

from .logbook import OPEN, Book

STATES = (inbox.WAITING, inbox.ANSWERED, inbox.DONE, inbox.IGNORED, inbox.REFUSED, inbox.PARKED)
HANDLED = {inbox.DONE, inbox.IGNORED, inbox.REFUSED}
Row = tuple[str, float]


def insert(connection: sqlite3.Connection, number: int, state: str, received_at: float) -> None:
    """An event with two replies."""
    connection.execute(
        "insert into inbox (id, surface, event_id, lane, body, state, received_at)"
        " values (?, 'toy', ?, 'l', '{}', ?, ?)",
        (number, f"e{number}", state, received_at),
    )
    for part in range(2):
        connection.execute(
            "insert into outbox (inbox, surface, reply, kind, body, state)"
            " values (?, 'toy', ?, 'answer', '{}', 'sent')",
            (number, f"e{number}/{part}"),
        )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(st.sampled_from(STATES), st.floats(0, 100)), max_size=30), before=st.floats(0, 100))
async def test_only_what_is_handled_and_old_goes_and_its_replies_with_it(
    tmp_path: Path, rows: list[Row], before: float
) -> None:
    path = tmp_path / f"{time.monotonic_ns()}.db"
    async with SqliteDatabase(path) as database:
        with closing(sqlite3.connect(path)) as connection, connection:
            for number, row in enumerate(rows):
                insert(connection, number, *row)
        counts = [await database.tx(retention.forget, before=before, batch=7)]
        while counts[-1]:
            counts.append(await database.tx(retention.forget, before=before, batch=7))
        with closing(sqlite3.connect(path)) as connection:
            kept = {number for (number,) in connection.execute("select id from inbox")}
            replies = [number for (number,) in connection.execute("select inbox from outbox order by inbox")]
    wanted = {number for number, (state, at) in enumerate(rows) if state not in HANDLED or at >= before}
    assert kept == wanted
    assert replies == sorted([*wanted, *wanted])
    assert max(counts) <= 7


async def test_what_is_asked_of_many_needs_no_scan(tmp_path: Path) -> None:
    async with SqliteDatabase(tmp_path / "x.db") as database:
        asked: list[str] = []
        database._connection.set_trace_callback(asked.append)
        await database.tx(retention.forget, before=1)
        database._connection.set_trace_callback(None)
        statements = [text for text in asked if text.startswith("delete")]
        assert len(statements) == 3
        plans = [row[3] for text in statements for row in database._connection.execute(f"explain query plan {text}")]
    assert [step for step in plans if step.startswith("SCAN")] == []
    assert any("inbox_handled" in step for step in plans)


async def test_much_is_forgotten_a_little_at_a_time_and_messages_go_between(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    async with SqliteDatabase(path) as database:
        with closing(sqlite3.connect(path)) as connection, connection:
            for number in range(1001):
                insert(connection, number, inbox.DONE, 0)
        forgetting = asyncio.create_task(forget_old(database, 30))
        for _ in range(5):
            await database.tx(inbox.next_ready, "toy", now=0)
        assert not forgetting.done()
        assert await forgetting == 1001


def rewrite(book: Book, statement: str) -> None:
    with closing(sqlite3.connect(book.host.folder / "var" / "surfacehost.db")) as connection, connection:
        connection.execute(statement)


def known(book: Book) -> list[str]:
    with closing(sqlite3.connect(book.host.folder / "var" / "surfacehost.db")) as connection:
        return [event for (event,) in connection.execute("select event_id from inbox order by id")]


@pytest.mark.parametrize(("keep_days", "left"), [(2, 1), (30, 2), (0, 3)])
def test_keep_days(tmp_path: Path, keep_days: int, left: int) -> None:
    book = Book(tmp_path, f"{OPEN}[store]\nkeep_days = {keep_days}\n")
    (book.folder / "said.jsonl").touch()
    with book.host:
        ids = [book.say(f"number {number}") for number in range(3)]
        book.hear(ids[-1])
        book.host.wait_for(lambda status: not status["inbox"])
        book.host.stop()
    for days, event in zip((40, 20, 1), ids, strict=True):
        rewrite(book, f"update inbox set received_at = received_at - {days * DAY_S} where event_id = '{event}'")
    with book.host:
        if keep_days:
            book.host.wait_for(lambda _: "are forgotten" in book.host.log_text())
        assert book.ask("and now?") == "echo: and now?"
        book.host.stop()
    assert known(book) == [*ids[-left:], "logbook-4"]


def test_the_file_stays_as_large_as_what_is_kept(tmp_path: Path) -> None:
    """Ten times a month's messages, a month's at a time."""
    book = Book(tmp_path)
    (book.folder / "said.jsonl").touch()
    numbers = "with recursive number (n) as (select 1 union all select n + 1 from number where n < 3000)"
    sizes = []
    for month in range(6):
        with book.host:
            book.host.wait_for(lambda _, month=month: book.host.log_text().count("are forgotten") >= month)  # type: ignore[misc]
            book.host.stop()
        rewrite(
            book,
            f"""insert into inbox (surface, event_id, lane, body, state, received_at) {numbers}
            select 'x', '{month}-' || n, 'l', hex(zeroblob(200)), 'done', {time.time() - 40 * DAY_S} from number""",
        )
        sizes.append((book.host.folder / "var" / "surfacehost.db").stat().st_size)
    assert max(sizes[1:]) <= sizes[0] * 1.1


def test_what_a_platform_might_tell_again_is_not_forgotten(tmp_path: Path) -> None:
    book = Book(tmp_path, "[store]\nkeep_days = 1\n")
    with pytest.raises(AssertionError, match=r"store\.keep_days: should be 2 or more: platforms tell a message again"):
        book.host.start()
    assert book.host.returncode == 2
