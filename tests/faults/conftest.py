"""A host between a proxy before a real Synapse and the Bot API simulator, and people who keep writing on both."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest_asyncio
from tests.both.conftest import PASSWORD, Scene, unique
from tests.faults.talk import OnMatrix, OnTelegram, Talk

from surfacehost_devkit.agentprocess import AgentProcess
from surfacehost_devkit.botapi import BotApi
from surfacehost_devkit.faultproxy import FaultProxy
from surfacehost_devkit.homeserver import Homeserver
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.matrixperson import MatrixPerson


class Stage(Scene):
    """A scene in which the host reaches the homeserver through a proxy, and people reach it directly."""

    def __init__(self, folder: Path, homeserver: Homeserver, proxy: FaultProxy, api: BotApi) -> None:
        self.proxy = proxy
        super().__init__(folder, homeserver, api)

    def settings(self, *, token: str = "", agent: str = "", matrix: str = "", defaults: str = "") -> str:
        written = super().settings(token=token, agent=agent, matrix=matrix, defaults=defaults)
        return written.replace(self.homeserver.url, self.proxy.url)

    async def all_asked(self) -> None:
        """Wait until the agent is at work in all four threads."""
        await self.seen(lambda status: sum(way["steps"][-1][0] == "asked" for way in status["ways"]) == 4)

    async def go(self) -> Talk:
        """Start the host and have two people on each surface meet it."""
        await self.start()
        await self.ready()
        rooms = [OnMatrix(self.alice, await self.meet(), self.bot.user_id) for _ in range(2)]
        chats = [OnTelegram(self.api.world, self.api.world.person(name)) for name in ("Bob", "Cleo")]
        return Talk([*rooms, *chats], self.at_rest)

    async def at_rest(self) -> None:
        """Wait until nothing is open in the host."""
        await self.seen(lambda status: not any(one["open"] for one in status["inbox"].values()), 60)

    async def answered(self, *, within_s: float = 10) -> None:
        """Wait until something that was asked from now on has been settled."""
        began = (await asyncio.to_thread(self.host.status))["at"]
        await self.seen(
            lambda status: any(
                dict(way["steps"]).get("stored", 0) >= began and way["steps"][-1][0] == "settled"
                for way in status["ways"]
            ),
            within_s,
        )


Make = Callable[..., Awaitable[Stage]]


@pytest_asyncio.fixture
async def make(tmp_path: Path, homeserver: Homeserver) -> AsyncIterator[Make]:
    """Make the stage; the host is not yet started. *first* is done in it before it begins."""
    async with AsyncExitStack() as stack:

        async def prepare(*, first: Callable[[], None] | None = None) -> Stage:
            proxy = await stack.enter_async_context(FaultProxy.before(homeserver.url))
            api = await stack.enter_async_context(BotApi.serve())
            stage = Stage(tmp_path, homeserver, proxy, api)
            stage.host = HostProcess(tmp_path / "host", stage.settings(), first=first)
            account = homeserver.register(unique("alice"), PASSWORD)
            stage.alice = await stack.enter_async_context(MatrixPerson(homeserver.url, account))
            stack.callback(stage.host.close)
            return stage

        yield prepare


@pytest_asyncio.fixture
async def stage(make: Make) -> Stage:
    """Everyone is there; the host is not yet started."""
    return await make()


@pytest_asyncio.fixture
async def agent(tmp_path: Path) -> AsyncIterator[AgentProcess]:
    """An agent in a process of its own."""
    process = AgentProcess(tmp_path)
    await asyncio.to_thread(process.start)
    yield process
    await asyncio.to_thread(process.end)
