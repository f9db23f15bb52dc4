"""People on a real homeserver who talk to a Matrix surface."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from tests.matrix.secretperson import SecretPerson
from tests.matrix.smallhost import SmallHost, direct_chat, register, settings_of
from tests.matrix.wholehost import read_by

from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.matrixperson import MatrixPerson

MakeHost = Callable[..., SmallHost]
MakePerson = Callable[..., Awaitable[MatrixPerson]]


@pytest.fixture
def bot(homeserver: Homeserver) -> Account:
    return register(homeserver, "bot")


@pytest_asyncio.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest_asyncio.fixture
async def person(homeserver: Homeserver, stack: AsyncExitStack) -> MakePerson:
    async def make(name: str = "alice") -> MatrixPerson:
        return await stack.enter_async_context(MatrixPerson(homeserver.url, register(homeserver, name)))

    return make


@pytest_asyncio.fixture
async def alice(person: MakePerson) -> MatrixPerson:
    return await person("alice")


@pytest_asyncio.fixture
async def carol(homeserver: Homeserver, stack: AsyncExitStack, tmp_path: Path) -> SecretPerson:
    return await stack.enter_async_context(SecretPerson(homeserver, register(homeserver, "carol"), tmp_path / "carol"))


@pytest.fixture
def make(homeserver: Homeserver, bot: Account, tmp_path: Path) -> MakeHost:
    """Makes a host of the bot's surface; ``before`` goes on where another one was."""

    def make(before: SmallHost | None = None, **more: object) -> SmallHost:
        return SmallHost(settings_of(homeserver, bot, **more), tmp_path, before)

    return make


@pytest_asyncio.fixture
async def host(make: MakeHost) -> AsyncIterator[SmallHost]:
    async with make() as host:
        await host.online()
        yield host


@pytest_asyncio.fixture
async def chat(host: SmallHost, alice: MatrixPerson, bot: Account) -> str:
    """A direct chat of alice with the bot, which has come and said hello."""
    assert not host.down
    return await direct_chat(alice, bot)


@pytest_asyncio.fixture
async def room(carol: SecretPerson, bot: Account) -> str:
    """An encrypted direct chat of carol's with the bot, which has said hello."""
    room = await carol.chat_with(bot.user_id)
    await carol.until(lambda: read_by(carol, room, bot))
    return room
