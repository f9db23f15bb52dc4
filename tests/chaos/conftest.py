"""Both built-in surfaces, ready to be stormed."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from surfacehost_devkit.botapi import BotApi
from surfacehost_devkit.chaos import MatrixSide, TelegramSide
from surfacehost_devkit.homeserver import Homeserver
from surfacehost_devkit.matrixperson import MatrixPerson

PASSWORD = "correct-horse-battery"
CHATS = 4


@pytest_asyncio.fixture
async def matrix(homeserver: Homeserver) -> AsyncIterator[MatrixSide]:
    bot = homeserver.register(f"agent-{uuid4().hex[:8]}", PASSWORD)
    alice = homeserver.register(f"alice-{uuid4().hex[:8]}", PASSWORD)
    async with MatrixPerson(homeserver.url, alice) as person:
        yield MatrixSide(person, homeserver.url, bot.user_id, PASSWORD, chats=CHATS)


@pytest_asyncio.fixture
async def telegram() -> AsyncIterator[TelegramSide]:
    async with BotApi.serve() as api:
        yield TelegramSide(api, chats=CHATS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "host"
