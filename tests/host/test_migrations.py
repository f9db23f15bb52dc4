"""A database of an older version becomes one of today's, with everything in it."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from surfacehost.store import arrivals, inbox, schema
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
    connection.close()
    async with SqliteDatabase(tmp_path / "old.db") as database:
        seat = await database.tx(arrivals.elect, "toy")
        assert seat.cursor == "7"
        (entry,) = await database.tx(inbox.take, "toy", 10, now=3)
        assert entry.event.id == "c1"
    async with SqliteDatabase(tmp_path / "new.db"), SqliteDatabase(tmp_path / "old.db"):
        pass
    assert shape(tmp_path / "old.db") == shape(tmp_path / "new.db")
