"""Matrix and Telegram side by side: the real host process, a real Synapse, the Bot API simulator, a person on each."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest_asyncio

from surfacehost_devkit.botapi import Account as TelegramAccount
from surfacehost_devkit.botapi import BotApi, Chat
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.matrixperson import MatrixPerson

T = TypeVar("T")
PASSWORD = "correct-horse-battery"


def unique(name: str) -> str:
    """A user name that nobody on a shared homeserver has."""
    return f"{name}-{uuid4().hex[:8]}"


class Scene:
    """Everyone and everything; ``both`` does a thing on each surface at once."""

    def __init__(self, folder: Path, homeserver: Homeserver, api: BotApi) -> None:
        self.homeserver = homeserver
        self.api = api
        self.bot = homeserver.register(unique("agent"), PASSWORD)
        self.telegram_bot = api.world.bot("agent_bot")
        self.ann: TelegramAccount = api.world.person("Ann")
        self.host = HostProcess(folder / "host", self.settings())
        self.alice: MatrixPerson
        self.room = ""

    def settings(self, *, token: str = "", agent: str = "", matrix: str = "", defaults: str = "") -> str:
        """settings.toml with both surfaces on."""
        return f"""
            [defaults]
            busy = "queue"
            {defaults or 'dm_policy = "open"'}
            rate_per_minute = 0
            loop_limit = 0
            [agent]
            {agent or "embedded = true"}
            [surfaces.matrix]
            homeserver = "{self.homeserver.url}"
            user_id = "{self.bot.user_id}"
            password = "{PASSWORD}"
            invites = "allow"
            {matrix}
            [surfaces.telegram]
            token = "{token or self.telegram_bot.token}"
            base_url = "{self.api.url}"
        """

    async def start(self) -> None:
        """Start the host."""
        await asyncio.to_thread(self.host.start)

    async def ready(self, timeout_s: float = 40) -> None:
        """Wait until messages can flow everywhere."""
        await asyncio.to_thread(self.host.wait_ready, timeout_s)

    async def seen(self, condition: Callable[[dict[str, Any]], bool], timeout_s: float = 30) -> dict[str, Any]:
        """Wait until *condition* holds of the host's status."""
        return await self.host.seen(condition, timeout_s)

    async def meet(self) -> str:
        """Alice makes a direct chat with the bot, and it comes."""
        self.room = await self.alice.create_room(direct=True, invite=[self.bot.user_id])
        await self.alice.wait_for(lambda: any(event.sender == self.bot.user_id and event.body for event in self.events))
        return self.room

    @property
    def events(self) -> list[Any]:
        """What alice sees in her chat."""
        return self.alice.seen.events[self.room]

    async def matrix(self, text: str) -> str:
        """Alice asks; the answer."""
        asked = await self.alice.send(self.room, text)
        return await self.matrix_answer(asked)

    async def matrix_answer(self, asked: str) -> str:
        """The answer to the event *asked*."""
        (reply,) = await self.alice.replies(self.room, after=asked, from_=self.bot.user_id, timeout_s=40)
        return str(reply.body)

    async def telegram(self, text: str, chat: Chat | None = None) -> str:
        """Ann asks; the answer."""
        asked = self.api.world.write(self.ann, text, chat)
        return await self.telegram_answer(asked.id, chat)

    async def telegram_answer(self, after: int, chat: Chat | None = None) -> str:
        """The bot's first message behind *after*."""
        where = chat or self.api.world.private_chat(self.ann)
        return (await self.api.world.wait_for_reply(where, after=after, timeout_s=40)).content.text

    async def both(self, text: str) -> tuple[str, str]:
        """Both ask at once."""
        on_matrix, on_telegram = await asyncio.gather(self.matrix(text), self.telegram(text))
        return on_matrix, on_telegram


@pytest_asyncio.fixture
async def scene(tmp_path: Path, homeserver: Homeserver) -> AsyncIterator[Scene]:
    """Everyone is there; the host is not yet started."""
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(BotApi.serve())
        scene = Scene(tmp_path, homeserver, api)
        account = homeserver.register(unique("alice"), PASSWORD)
        scene.alice = await stack.enter_async_context(MatrixPerson(homeserver.url, account))
        stack.callback(scene.host.close)
        yield scene


@pytest_asyncio.fixture
async def running(scene: Scene) -> Scene:
    """The host runs, and alice has met the bot."""
    await scene.start()
    await scene.ready()
    await scene.meet()
    return scene


@pytest_asyncio.fixture
async def own_homeserver(tmp_path: Path, synapse_cache: Path) -> AsyncIterator[Homeserver]:
    """A homeserver that the test may stop."""
    server = Homeserver(tmp_path / "synapse", synapse=synapse_cache)
    await asyncio.to_thread(server.start)
    try:
        yield server
    finally:
        await asyncio.to_thread(server.stop)


def account(server: Homeserver, name: str) -> Account:
    """A new user of *server*."""
    return server.register(unique(name), PASSWORD)
