"""A database and a surface's seat at it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from surfacehost.store import arrivals
from surfacehost.store.arrivals import Seat
from surfacehost.store.sqlite import SqliteDatabase


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    async with SqliteDatabase(tmp_path / "x.db") as opened:
        yield opened


@pytest_asyncio.fixture
async def seat(database: SqliteDatabase) -> Seat:
    return await database.tx(arrivals.elect, "toy")
