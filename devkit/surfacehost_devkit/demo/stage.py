"""Builds everything in the order in which it needs each other, and takes it down again."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from surfacehost_devkit.botapi import BotApi
from surfacehost_devkit.demo.board import Board
from surfacehost_devkit.demo.failure import DemoFailed, log_tail
from surfacehost_devkit.demo.host import DemoHost
from surfacehost_devkit.demo.on_matrix import OnMatrix
from surfacehost_devkit.demo.on_telegram import OnTelegram
from surfacehost_devkit.demo.on_web import OnWeb
from surfacehost_devkit.demo.people import Person
from surfacehost_devkit.demo.progress import Progress, Step
from surfacehost_devkit.demo.serve import serving
from surfacehost_devkit.demo.settings import SPACE, Accounts, write_settings
from surfacehost_devkit.demo.site import Site
from surfacehost_devkit.demo.switch import STOP_S, Switch
from surfacehost_devkit.homeserver import (
    SYNAPSE_VERSION,
    Account,
    AdminError,
    Homeserver,
    HomeserverError,
    InstallError,
    install_async,
)
from surfacehost_devkit.matrixperson import MatrixError, MatrixPerson
from surfacehost_devkit.ports import free_port

GREETED_S = 30.0


class Stage:
    """The parts of a demo while it is put together; each step enters what it starts into the stack."""

    def __init__(self, folder: Path, progress: Progress, stack: AsyncExitStack) -> None:
        self.board = Board()
        self._folder = folder
        self._progress = progress
        self._stack = stack

    async def homeserver(self) -> tuple[Homeserver, Account]:
        """A real Synapse, the very first time it is installed; and the bot's account there."""
        with self._progress.step("homeserver", f"Synapse {SYNAPSE_VERSION}") as step:
            try:
                synapse = await install_async(progress=lambda line: _show_install(step, line))
                server = Homeserver(self._folder / "homeserver", synapse=synapse)
                step.show("Synapse starts")
                await server.__aenter__()
                self._stack.push_async_callback(asyncio.to_thread, server.stop, STOP_S)
                bot = await asyncio.to_thread(server.register, "assistant", secrets.token_urlsafe())
            except (InstallError, HomeserverError) as error:
                raise DemoFailed(str(error)) from error
            except (AdminError, httpx.HTTPError) as error:
                raise DemoFailed(f"the bot gets no account: {error}\n{log_tail(server.log_file)}") from error
            step.what = f"Synapse {SYNAPSE_VERSION} at {server.url}"
            return server, bot

    async def telegram(self) -> tuple[BotApi, OnTelegram, str]:
        """The simulator, in this process; the person there, and the bot's token."""
        with self._progress.step("Telegram", "a simulated Bot API") as step:
            api = await self._stack.enter_async_context(BotApi.serve())
            bot = api.world.bot("surfacehost_demo_bot", name=SPACE)
            step.what = f"a simulated Bot API at {api.url}"
            person = OnTelegram(api, api.world.person("Alice"), bot, self.board)
            await person.say("/start")  # it waits there for the bot, as on Telegram's own servers
            return api, person, bot.token

    async def host(self, homeserver: Homeserver, bot: Account, api: BotApi, token: str) -> DemoHost:
        """The real host with all three surfaces."""
        with self._progress.step("host", "surfacehost run") as step:
            accounts = Accounts(
                homeserver=homeserver.url, user_id=bot.user_id, password=bot.password, bot_api=api.url, token=token
            )
            port = free_port()
            write_settings(self._folder, port, accounts)
            host = DemoHost(self._folder, port, self.board)
            self._stack.push_async_callback(host.stop)
            await host.start()
            step.what = f"surfacehost run at {host.address}: matrix, telegram, web"
            return host

    async def people(
        self, homeserver: Homeserver, bot: Account, telegram: OnTelegram, host: DemoHost
    ) -> dict[str, Person]:
        """The three people, by their column; two have been greeted already, the third has written."""
        with self._progress.step("people", "somebody on Matrix, on Telegram and on the web"):
            web = OnWeb(host.address, self.board)
            await web.say("Hello from the web!")
            try:
                account = await asyncio.to_thread(homeserver.register, "alice", secrets.token_urlsafe())
                client = await self._stack.enter_async_context(MatrixPerson(homeserver.url, account))
                matrix = OnMatrix(client, bot.user_id, self.board)
                await matrix.meet(homeserver)
                await telegram.wait_for_reply(GREETED_S)
            except TimeoutError as error:
                raise DemoFailed(f"the bot does not greet: {error}\n{log_tail(host.log)}") from error
            except (AdminError, MatrixError, ConnectionError, httpx.HTTPError) as error:
                raise DemoFailed(f"the homeserver refuses: {error}\n{log_tail(homeserver.log_file)}") from error
            return {"matrix": matrix, "telegram": telegram, "web": web}

    async def page(
        self, listener: socket.socket, homeserver: Homeserver, host: DemoHost, people: Mapping[str, Person]
    ) -> "asyncio.Task[None]":
        """The page, and all that it lives from; the task ends only when some of that breaks."""
        switch = Switch(homeserver, self.board)
        acts = {
            "kill_host": host.kill,
            "start_host": host.start_now,
            "stop_homeserver": switch.off,
            "start_homeserver": switch.on,
        }
        site = Site(self.board, people, acts, listener.getsockname()[1])
        self._stack.push_async_callback(site.end)
        work = [host.keep_running(), host.watch(), *(person.follow() for person in people.values())]
        working = asyncio.create_task(_all(work), name="demo")
        self._stack.push_async_callback(_end, working)
        await self._stack.enter_async_context(serving(site.application(), listener))
        return working


def _show_install(step: Step, line: str) -> None:
    """What the installer says: that there is something to install stays, its progress passes by."""
    if line.startswith(("Installing", "Another process")):
        step.note(line)
    elif not line.startswith("/"):  # the last line is the path of what it made
        step.show(line)


@asynccontextmanager
async def staged(folder: Path, listener: socket.socket, progress: Progress) -> AsyncIterator["asyncio.Task[None]"]:
    """Everything, running in *folder* and shown on *listener*; the task given ends only when something breaks.

    Raises DemoFailed when something does not start.
    """
    async with AsyncExitStack() as stack:
        stage = Stage(folder, progress, stack)
        homeserver, bot = await stage.homeserver()
        api, telegram, token = await stage.telegram()
        host = await stage.host(homeserver, bot, api, token)
        people = await stage.people(homeserver, bot, telegram, host)
        yield await stage.page(listener, homeserver, host, people)


async def _all(work: list[Coroutine[Any, Any, None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for one in work:
            group.create_task(one)


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])
