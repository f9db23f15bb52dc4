"""Webhooks: what is set, what is delivered, what is repeated."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from telegram.error import BadRequest, Conflict
from telegram.ext import ExtBot

from surfacehost_devkit.botapi import Account, Bot, BotApi, World

Client = ExtBot[None]


class Host:
    """A host with a webhook: refuses with the statuses it was told, then takes everything."""

    def __init__(self, url: str, world: World) -> None:
        self.url = url
        self.refusals: list[int] = []
        self.retry_after = 0
        self.slow = ""
        self.open = asyncio.Event()
        self.taken: list[str] = []
        self.secrets: set[str | None] = set()
        self._world = world

    async def take(self, request: Request) -> Response:
        self.secrets.add(request.headers.get("X-Telegram-Bot-Api-Secret-Token"))
        if self.refusals:
            headers = {"retry-after": str(self.retry_after)} if self.retry_after else None
            return Response(status_code=self.refusals.pop(0), headers=headers)
        text = (await request.json())["message"]["text"]
        if text == self.slow:
            await self.open.wait()
        self.taken.append(text)
        self._world.state.bell.ring()
        return Response()

    async def wait_for(self, count: int) -> list[str]:
        return await self._world.wait_for(lambda: self.taken if len(self.taken) >= count else None)


@pytest.fixture
async def host(world: World) -> AsyncIterator[Host]:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    host = Host(f"http://127.0.0.1:{sock.getsockname()[1]}/hook", world)
    app = Starlette(routes=[Route("/hook", host.take, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    yield host
    server.should_exit = True
    await serving


async def test_updates_arrive_in_order_with_the_secret(
    client: Client, world: World, alice: Account, bot: Bot, host: Host
) -> None:
    world.write(alice, "before")
    assert await client.set_webhook(host.url, secret_token="s3cret", allowed_updates=["message"])
    for number in range(5):
        world.write(alice, str(number))
    assert await host.wait_for(6) == ["before", "0", "1", "2", "3", "4"]
    assert host.secrets == {"s3cret"}
    await world.wait_for(lambda: None if bot.queue.pending else True)
    info = await client.get_webhook_info()
    assert (info.url, info.pending_update_count, info.allowed_updates) == (host.url, 0, ("message",))


async def test_chats_are_served_side_by_side(client: Client, world: World, alice: Account, host: Host) -> None:
    bob = world.person("Bob")
    await client.set_webhook(host.url)
    host.slow = "wait"
    for text in ("wait", "then"):
        world.write(alice, text)
    world.write(bob, "meanwhile")
    assert await host.wait_for(1) == ["meanwhile"]
    host.open.set()
    assert await host.wait_for(3) == ["meanwhile", "wait", "then"]


async def test_a_host_says_when_to_come_again(client: Client, world: World, alice: Account, host: Host) -> None:
    host.refusals = [503, 503]
    host.retry_after = 1
    await client.set_webhook(host.url)
    begin = time.monotonic()
    world.write(alice, "one")
    await host.wait_for(1)
    assert time.monotonic() - begin >= 2


async def test_what_is_refused_comes_again(client: Client, world: World, alice: Account, host: Host) -> None:
    host.refusals = [503, 500, 404]
    await client.set_webhook(host.url)
    world.write(alice, "one")
    world.write(alice, "two")
    assert await host.wait_for(2) == ["one", "two"]
    info = await client.get_webhook_info()
    assert info.last_error_message is not None
    assert info.last_error_message.startswith("Wrong response from the webhook: 404")


async def test_an_unreachable_host_keeps_its_updates(
    api: BotApi, client: Client, world: World, alice: Account, bot: Bot
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        await client.set_webhook(f"http://127.0.0.1:{closed.getsockname()[1]}/hook")
        world.write(alice, "one")
        webhook = api.state.webhooks[bot.id]
        await world.wait_for(lambda: webhook.last_error_message or None)
        assert (await client.get_webhook_info()).last_error_message == "Connection refused"
    assert await client.delete_webhook()
    assert len(await client.get_updates(timeout=1)) == 1


async def test_polling_and_a_webhook_exclude_each_other(
    client: Client, world: World, bot: Bot, alice: Account, host: Host
) -> None:
    polling = asyncio.create_task(client.get_updates(timeout=20))
    await world.wait_for(lambda: True if bot.queue.waiting else None)
    await client.set_webhook(host.url)
    with pytest.raises(Conflict, match="terminated by setWebhook request"):
        await polling
    with pytest.raises(Conflict, match="can't use getUpdates method while webhook is active"):
        await client.get_updates(timeout=0)
    host.refusals = [500] * 1000
    world.write(alice, "dropped")
    await client.delete_webhook(drop_pending_updates=True)
    assert (await client.get_webhook_info()).url == ""
    assert await client.get_updates(timeout=0) == ()


@pytest.mark.parametrize(
    ("url", "secret", "error"),
    [
        ("http://bot.example.org/hook", "", "Bad webhook: an https url must be provided for webhook"),
        ("https://bot.example.org:8444/hook", "", "webhook can be set up only on ports 80, 88, 443 or 8443"),
        ("https://bot.example.org/hook", "no spaces", "Secret token contains unallowed characters"),
        ("https://bot.example.org/hook", "x" * 257, "Secret token is too long"),
    ],
)
async def test_webhooks_that_are_refused(client: Client, url: str, secret: str, error: str) -> None:
    with pytest.raises(BadRequest, match=error):
        await client.set_webhook(url, secret_token=secret)
