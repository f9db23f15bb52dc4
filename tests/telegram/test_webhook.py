"""Updates that Telegram brings: set, taken, refused, put in order, given up again."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from tests.botapi.judge import judge_update
from tests.telegram.conftest import Desk, Host
from tests.telegram.payloads import PRIVATE, message

from surfacehost import NotReady
from surfacehost_devkit.botapi import BotApi, faults
from surfacehost_devkit.fakes import FakePut
from surfacehost_telegram import TelegramSurface

SECRET = "X-Telegram-Bot-Api-Secret-Token"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("surfacehost_telegram.webhook.LOOK_S", 0.05)
    monkeypatch.setattr("surfacehost_telegram.webhook.RETRY_AFTER", "0")


@pytest.fixture
def door() -> Iterator[socket.socket]:
    """Where Telegram finds the host."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        yield door


@asynccontextmanager
async def open_to(door: socket.socket, surface: TelegramSurface) -> AsyncIterator[str]:
    """The host's web server; gives the address of the webhook."""
    app = Starlette(routes=[Mount(path, app) for path, app in surface.mounts().items()])
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", access_log=False))
    serving = asyncio.create_task(server.serve(sockets=[door.dup()]))
    yield f"{address(door)}/webhook/tg/"
    server.should_exit = True
    await serving


def address(door: socket.socket) -> str:
    return f"http://127.0.0.1:{door.getsockname()[1]}"


class Way:
    """A host in webhook mode, and who knows its secret."""

    def __init__(self, host: Host, url: str, secret: str) -> None:
        self.host = host
        self.url = url
        self.secret = secret

    async def bring(self, body: Any, secret: str | None = None, method: str = "POST") -> int:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {SECRET.encode(): (self.secret if secret is None else secret).encode()}
        async with httpx.AsyncClient(verify=False, trust_env=False) as client:
            return (await client.request(method, self.url, content=content, headers=headers)).status_code


@pytest.fixture
async def way(desk: Desk, api: BotApi, door: socket.socket) -> AsyncIterator[Way]:
    surface = desk.surface(api.world.bot(), public_url=address(door), mode="webhook")
    async with open_to(door, surface) as url, desk.host(surface) as host:
        await api.world.wait_for(lambda: api.state.webhooks or None)
        await listening(surface)
        yield Way(host, url, desk.memory.values["webhook"]["secret"])


async def listening(surface: TelegramSurface) -> None:
    assert surface._webhook is not None
    async with asyncio.timeout(5):
        while not surface._webhook._secret:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def test_what_people_write_is_brought(way: Way, api: BotApi) -> None:
    alice = api.world.person()
    api.world.write(alice, "hi")
    assert (await api.world.wait_for_reply(alice.id)).text == "echo: hi"
    [call] = api.calls.of("setWebhook")
    assert call.params["url"] == way.url
    assert call.params["secret_token"] == way.secret
    assert len(way.secret) >= 32
    assert {"message", "callback_query"} <= {*json.loads(call.params["allowed_updates"])}
    assert api.calls.of("getUpdates") == []
    calls = way.host.put.calls
    await way.host.until(lambda: True)
    await api.world.wait_for(lambda: way.host.put.calls > calls + 1 or None)  # Telegram answers: a sign of life


async def test_who_does_not_know_the_secret_is_sent_away(way: Way, caplog: pytest.LogCaptureFixture) -> None:
    update = message(PRIVATE, "let me in")
    assert [await way.bring(update, secret) for secret in ("", "guess", "ключ")] == [403, 403, 403]
    assert await way.bring(update, method="PUT") == 405
    assert way.host.put.events == {}
    assert way.secret not in caplog.text


async def test_what_is_no_update_is_parked_or_refused(way: Way) -> None:
    assert await way.bring(b"[" + b" " * 1_000_001 + b"]") == 413
    assert [await way.bring(body) for body in (b"no json", b"[]", {"update_id": 7, "message": 5})] == [200, 200, 200]
    assert [*way.host.put.unread.values()] == ['"no json"', "[]", '{"update_id": 7, "message": 5}']
    assert await way.bring(message(PRIVATE, "hi")) == 200
    assert len(way.host.put.events) == 1


async def test_what_cannot_be_stored_comes_again(way: Way, api: BotApi) -> None:
    alice = api.world.person()
    way.host.put.broken = NotReady("the disk is full")
    assert await way.bring(message(PRIVATE, "hi")) == 503
    way.host.put.broken = None
    api.world.write(alice, "still there?")
    assert (await api.world.wait_for_reply(alice.id)).text == "echo: still there?"


async def test_what_comes_in_disorder_is_stored_in_order(way: Way) -> None:
    def update(number: int) -> dict[str, Any]:
        raw = {**message(PRIVATE, str(number), message_id=number), "update_id": number}
        judge_update(raw)
        return raw

    assert await way.bring(update(10)) == 200
    assert await asyncio.gather(*(way.bring(update(number)) for number in (14, 13, 11, 12))) == [200] * 4
    assert await way.bring(update(12)) == 200  # repeated: known
    assert [*way.host.put.events] == [f"42:{number}" for number in range(10, 15)]


async def test_an_answer_that_got_lost_is_no_second_message(way: Way) -> None:
    for _ in range(3):
        assert await way.bring(message(PRIVATE, "hi")) == 200
    assert len(way.host.put.events) == 1


async def test_whoever_takes_the_webhook_away_is_named(way: Way, api: BotApi, desk: Desk) -> None:
    token = desk.made[0]._bot.token
    await desk.made[0]._bot.set_webhook(f"http://127.0.0.1:9/{token}")
    await way.host.until(lambda: way.host.waits)
    told = str(way.host.waits[0])
    assert told.startswith("another process takes this bot's messages, a webhook at http://127.0.0.1:9/7000000001:…;")
    assert way.host.waits[0].retry_after == 5
    await api.world.wait_for(lambda: api.state.webhooks[7000000001].settings.url == way.url or None)


async def test_it_is_set_once(desk: Desk, api: BotApi, door: socket.socket) -> None:
    bot = api.world.bot()
    for _ in range(2):
        surface = desk.surface(bot, public_url=address(door), mode="webhook")
        async with open_to(door, surface), desk.host(surface):
            await listening(surface)
    assert len(api.calls.of("setWebhook")) == 1
    desk.memory.values["webhook"]["is_taken"] = False  # it died in the middle of it
    surface = desk.surface(bot, public_url=address(door), mode="webhook")
    async with desk.host(surface):
        await listening(surface)
    assert len(api.calls.of("setWebhook")) == 2


async def test_polling_takes_back_our_own_webhook(desk: Desk, api: BotApi, door: socket.socket) -> None:
    bot, alice = api.world.bot(), api.world.person()
    surface = desk.surface(bot, public_url=address(door), mode="webhook")
    async with desk.host(surface) as host:
        await listening(surface)
        api.world.write(alice, "while nobody was there")
        cursor = host.put.cursor
    async with desk.host(desk.surface(bot), cursor=cursor) as host:
        await host.until(lambda: host.settled)
        assert host.waits == []
    assert "webhook" not in desk.memory.values
    assert api.state.webhooks == {}


async def test_polling_takes_back_our_own_webhook_also_where_telegram_did_not_take_the_next(
    desk: Desk, api: BotApi, door: socket.socket
) -> None:
    bot = api.world.bot()
    for url in (address(door), "http://bot.example.org", "http://bot.example.com"):
        surface = desk.surface(bot, public_url=url, mode="webhook")
        async with desk.host(surface) as host:
            if url == address(door):
                await listening(surface)
            else:
                await host.until(lambda: host.refused)
    assert api.state.webhooks
    surface = desk.surface(bot)
    async with desk.host(surface) as host:
        api.world.write(api.world.person(), "hi")
        await host.until(lambda: host.settled)
        assert host.waits == []
    assert api.state.webhooks == {}


async def test_a_webhook_of_somebody_else_is_replaced_and_told(
    desk: Desk, api: BotApi, door: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    surface = desk.surface(api.world.bot(), public_url=address(door), mode="webhook")
    await surface._bot.set_webhook("http://127.0.0.1:9/somebody")
    async with desk.host(surface):
        await listening(surface)
    assert "the webhook at http://127.0.0.1:9/somebody, which this host did not set, is replaced" in caplog.text


async def test_polling_beside_a_webhook_is_the_other_ones_trouble(way: Way, desk: Desk, api: BotApi) -> None:
    other = Desk(api, desk.data_dir)
    bot = next(iter(api.state.bots.values()))
    alice = api.world.person()
    async with other.host(other.surface(bot)) as poller:
        await poller.until(lambda: poller.waits)
        assert str(poller.waits[0]).startswith(f"a webhook takes this bot's messages at {way.url}")
        api.world.write(alice, "hi")
        assert (await api.world.wait_for_reply(alice.id)).text == "echo: hi"
    await other.made[0]._bot.disconnect()
    assert way.host.waits == []


async def test_an_address_that_telegram_does_not_take_is_refused(desk: Desk, api: BotApi) -> None:
    surface = desk.surface(api.world.bot(), public_url="http://bot.example.org", mode="webhook")
    async with desk.host(surface) as host:
        await host.until(lambda: host.refused)
    assert "Telegram does not take the webhook: Bad webhook: an https url must be provided" in str(host.refused)


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        ("getWebhookInfo", faults.reset()),
        ("getWebhookInfo", faults.bad_gateway()),
        ("getWebhookInfo", faults.hang()),
        ("getWebhookInfo", faults.too_many(7)),
        ("setWebhook", faults.reset()),
        ("setWebhook", faults.drop_after()),
        ("setWebhook", faults.half()),
        ("setWebhook", faults.garbage(acts=True)),
        ("setWebhook", faults.not_ok()),
        ("setWebhook", faults.error(500, "Internal Server Error")),
        ("setWebhook", faults.bad_gateway()),
        ("setWebhook", faults.too_many(7)),
        ("setWebhook", faults.hang()),
        ("setWebhook", faults.hang(acts=True)),
    ],
    ids=lambda given: given if isinstance(given, str) else f"{given.kind}-{given.status}-{given.acts}",
)
@pytest.mark.usefixtures("hurry")
async def test_what_goes_wrong_while_it_is_set_is_tried_again(
    method: str, fault: faults.Fault, desk: Desk, api: BotApi, door: socket.socket
) -> None:
    alice = api.world.person()
    surface = desk.surface(api.world.bot(), public_url=address(door), mode="webhook")
    api.faults.plan(method, fault)
    async with open_to(door, surface), desk.host(surface) as host:
        await host.until(lambda: host.waits)
        api.world.write(alice, "hi")
        assert (await api.world.wait_for_reply(alice.id)).text == "echo: hi"
    assert host.refused is None
    assert len(host.waits) == 1
    assert host.waits[0].retry_after == (7 if fault.status == 429 else None)
    assert "AAH" not in host.told()


async def test_it_is_set_once_telegram_is_back(desk: Desk, api: BotApi, door: socket.socket) -> None:
    alice = api.world.person()
    surface = desk.surface(api.world.bot(), public_url=address(door), mode="webhook")
    await api.away()
    async with open_to(door, surface), desk.host(surface) as host:
        await host.until(lambda: len(host.waits) > 1)
        await api.back()
        api.world.write(alice, "hi")
        assert (await api.world.wait_for_reply(alice.id)).text == "echo: hi"
    assert all("can't be reached" in str(error) for error in host.waits)


@pytest.mark.parametrize("fault", [faults.reset(), faults.hang(), faults.not_ok()], ids=lambda fault: fault.kind)
@pytest.mark.usefixtures("hurry")
async def test_a_look_at_the_webhook_that_fails_loses_nothing(fault: faults.Fault, way: Way, api: BotApi) -> None:
    alice = api.world.person()
    api.faults.plan("getWebhookInfo", fault)
    await way.host.until(lambda: way.host.waits)
    api.world.write(alice, "hi")
    assert (await api.world.wait_for_reply(alice.id)).text == "echo: hi"
    assert len(api.calls.of("setWebhook")) == 1


async def test_nobody_listens(desk: Desk, api: BotApi, door: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    surface = desk.surface(api.world.bot(), public_url=address(door), mode="webhook")
    async with open_to(door, surface) as url:
        way = Way(Host(surface, desk.memory), url, "")
        assert await way.bring(message(PRIVATE, "hi")) == 503
        listens = asyncio.create_task(surface.listen(FakePut(desk.memory)))
        await listening(surface)
        way.secret = desk.memory.values["webhook"]["secret"]
        monkeypatch.setattr("surfacehost_telegram.webhook.HOLD_S", 60)
        held = asyncio.create_task(way.bring(message(PRIVATE, "is anything before this?")))
        assert surface._webhook is not None
        async with asyncio.timeout(5):
            while not surface._webhook._waiting:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        listens.cancel()
        await asyncio.wait([listens])
        assert await held == 503
        assert await way.bring(message(PRIVATE, "hi")) == 503
        monkeypatch.setattr("surfacehost_telegram.webhook.HOLD_S", 0.1)
        listens = asyncio.create_task(surface.listen(FakePut(desk.memory)))
        await listening(surface)
        assert await way.bring(message(PRIVATE, "hi")) == 200
        listens.cancel()
        await asyncio.wait([listens])
