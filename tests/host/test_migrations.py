"""A database of an older version becomes one of today's, with everything in it."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from surfacehost.store import arrivals, inbox, outbox, schema
from surfacehost.store.sqlite import SqliteDatabase

OLD = Path(__file__).parent / "databases"


def shape(path: Path) -> dict[str, Any]:
    """Columns and indexes, whatever way they came about."""
    connection = sqlite3.connect(path)
    names = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
    tables: dict[str, Any] = {
        name: sorted(column[1:6] for column in connection.execute(f"pragma table_info({name})")) for name in names
    }
    tables["indexes"] = set(connection.execute("select name, sql from sqlite_master where type = 'index'"))
    connection.close()
    return tables


def test_there_is_a_database_of_every_older_version() -> None:
    assert {file.stem for file in OLD.iterdir()} == {f"version_{number}" for number in range(1, schema.VERSION)}


@pytest.mark.parametrize("version", range(1, schema.VERSION))
async def test_an_older_database_goes_on_where_it_was(tmp_path: Path, version: int) -> None:
    connection = sqlite3.connect(tmp_path / "old.db")
    connection.executescript((OLD / f"version_{version}.sql").read_text())
    asks = '[{"id": "i1", "question": "Delete it?"}, {"id": "i2", "question": "Really?"}]'
    connection.execute("update thread set interrupts = ?", [asks])
    parts = [(0, "c0/0", "sent"), (1, "c1/0", "sending"), (1, "c1/1", "waiting")]
    for place, reply, state in parts:
        row = [place + 1, reply, f'"{reply}"', state]
        connection.execute(
            "insert into outbox (inbox, surface, reply, kind, body, state) values (?, 'toy', ?, 'answer', ?, ?)", row
        )
    connection.commit()
    connection.close()
    async with SqliteDatabase(tmp_path / "old.db") as database:
        seat = await database.tx(arrivals.elect, "toy")
        assert seat.cursor == "7"
        (entry,) = await database.tx(inbox.take, "toy", 10, now=3)
        assert entry.event.id == "c1"
        assert entry.prompt is not None
        assert (entry.prompt.interrupts, entry.prompt.state, entry.prompt.person) == (("i1", "i2"), "open", "")
        first = await database.tx(outbox.send_next, entry)
        assert first is not None
        assert (first.id, first.body, first.repeated) == ("c1/0", "c1/0", True)  # it was being sent
        second = await database.tx(outbox.send_next, entry, first.id)
        assert second is not None
        assert (second.id, second.repeated) == ("c1/1", False)
        assert await database.tx(inbox.settle, entry, inbox.Settled(), now=4) is None
    async with SqliteDatabase(tmp_path / "new.db"), SqliteDatabase(tmp_path / "old.db"):
        pass
    assert shape(tmp_path / "old.db") == shape(tmp_path / "new.db")
