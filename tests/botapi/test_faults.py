"""Faults: what the client sees, and what happened on the server."""

import asyncio
import time
from collections.abc import Callable

import httpx
import pytest
from telegram.error import BadRequest, InvalidToken, NetworkError, RetryAfter, TelegramError, TimedOut
from telegram.ext import ExtBot

from surfacehost_devkit.botapi import Account, Bot, BotApi, Fault, World, faults

Client = ExtBot[None]


# The client warns of its own future type of `retry_after` while it builds the very exception.
TIMEDELTA = pytest.mark.filterwarnings("ignore:.*attribute `retry_after` will be of type `datetime.timedelta`")


async def test_half_a_call_was_never_made(api: BotApi, world: World, alice: Account, bot: Bot) -> None:
    host, _, port = api.url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /bot{bot.token}/sendMessage HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    writer.write(f'{head}content-length: 100\r\n\r\n{{"chat_id": {alice.id}, '.encode())
    await writer.drain()
    writer.transport.abort()
    async with httpx.AsyncClient() as after:
        assert (await after.get(f"{api.url}/bot{bot.token}/getMe")).status_code == 200
    assert world.replies(alice.id) == []
    assert api.calls.of("sendMessage") == []


@TIMEDELTA
@pytest.mark.parametrize(
    ("fault", "seen", "exists"),
    [
        (faults.reset(), NetworkError, False),
        (faults.drop_after(), NetworkError, True),
        (faults.half(), NetworkError, True),
        (faults.bad_gateway(), NetworkError, False),
        (faults.bad_gateway(500, acts=True), NetworkError, True),
        (faults.garbage(), TelegramError, False),
        (faults.garbage(acts=True), TelegramError, True),
        (faults.not_ok(acts=True), KeyError, True),
        (faults.error(400, "Bad Request: something new"), BadRequest, False),
        (faults.error(401, "Unauthorized"), InvalidToken, False),
        (faults.too_many(3), RetryAfter, False),
        (faults.too_many(None), NetworkError, False),
    ],
)
async def test_one_call_goes_wrong_the_next_is_fine(
    api: BotApi,
    client: Client,
    world: World,
    alice: Account,
    fault: Fault,
    seen: type[Exception],
    exists: bool,  # noqa: FBT001  # a column of the table
) -> None:
    api.faults.plan("sendMessage", fault)
    with pytest.raises(seen):
        await client.send_message(alice.id, "hello")
    assert [one.text for one in world.replies(alice.id)] == (["hello"] if exists else [])
    assert (await client.send_message(alice.id, "again")).text == "again"
    record = api.calls.of("sendMessage")[0]
    assert (record.fault, record.outcome) == (fault.kind, "ok" if exists else fault.kind)


async def test_the_number_of_times(api: BotApi, client: Client, alice: Account) -> None:
    api.faults.plan("sendMessage", faults.error(400, "Bad Request: first"))
    api.faults.plan("sendMessage", faults.error(400, "Bad Request: then"), times=2)
    errors = []
    for _ in range(3):
        with pytest.raises(BadRequest) as refused:
            await client.send_message(alice.id, "x")
        errors.append(refused.value.message)
    assert errors == ["First", "Then", "Then"]
    api.faults.plan("*", faults.error(400, "Bad Request: always"), times=None)
    for _ in range(3):
        with pytest.raises(BadRequest, match="Always"):
            await client.send_chat_action(alice.id, "typing")
    api.faults.clear()
    assert await client.send_chat_action(alice.id, "typing")
    assert api.faults.used == {"sendmessage": 3, "sendchataction": 3}


async def test_those_of_one_chat(api: BotApi, client: Client, world: World, alice: Account) -> None:
    bob = world.person("Bob")
    world.write(bob, "hi")
    api.faults.plan(f"sendMessage {alice.id}", faults.not_ok(), times=None)
    assert (await client.send_message(bob.id, "x")).text == "x"
    with pytest.raises(KeyError):
        await client.send_message(alice.id, "x")
    assert await client.send_chat_action(alice.id, "typing")


@pytest.mark.parametrize("acts", [False, True])
async def test_a_hang_until_released(api: BotApi, client: Client, world: World, alice: Account, acts: bool) -> None:  # noqa: FBT001  # the two kinds
    api.faults.plan("sendMessage", faults.hang(acts=acts))
    sending = asyncio.create_task(client.send_message(alice.id, "hello", read_timeout=10))
    await world.wait_for(lambda: api.faults.hanging or None)
    assert len(world.replies(alice.id)) == int(acts)
    assert not sending.done()
    api.faults.release()
    assert (await sending).text == "hello"
    assert len(world.replies(alice.id)) == 1


async def test_a_hang_that_outlasts_the_client(api: BotApi, client: Client, alice: Account) -> None:
    api.faults.plan("sendMessage", faults.hang())
    with pytest.raises(TimedOut):
        await client.send_message(alice.id, "hello", read_timeout=0.1)
    api.faults.release()


async def test_a_late_answer(api: BotApi, client: Client, world: World, alice: Account) -> None:
    api.faults.plan("sendMessage", faults.delay(0.4, acts=True))
    with pytest.raises(TimedOut):
        await client.send_message(alice.id, "hello", read_timeout=0.1)
    assert (await world.wait_for_reply(alice.id)).text == "hello"
    api.faults.plan("sendMessage", faults.delay(0.05))
    begin = time.monotonic()
    await client.send_message(alice.id, "hello")
    assert time.monotonic() - begin >= 0.05


async def test_half_an_answer_is_half(api: BotApi, bot: Bot, alice: Account) -> None:
    api.faults.plan("sendMessage", faults.half())
    host, port = api.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET /bot{bot.token}/sendMessage?chat_id={alice.id}&text=hello HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    promised = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    assert body.startswith(b'{"ok": true')
    assert len(body) == promised // 2


async def test_away_and_back(api: BotApi, client: Client, world: World, bot: Bot, alice: Account) -> None:
    polling = asyncio.create_task(client.get_updates(timeout=30))
    await world.wait_for(lambda: True if bot.queue.waiting else None)
    await api.away()
    with pytest.raises(NetworkError):
        await polling
    with pytest.raises(NetworkError) as refused:
        await client.send_message(alice.id, "hello")
    assert "Connect" in repr(refused.value.__cause__) or "Read" in repr(refused.value.__cause__)
    with pytest.raises(NetworkError) as refused:
        await client.send_message(alice.id, "hello")
    assert isinstance(refused.value.__cause__, httpx.ConnectError)
    world.write(alice, "are you there?")
    await api.back()
    assert (await client.send_message(alice.id, "yes")).text == "yes"
    (update,) = await client.get_updates(timeout=1)
    assert update.message is not None
    assert update.message.text == "are you there?"


async def test_faults_touch_only_their_connection(
    api: BotApi, connect: Callable[[str], Client], bot: Bot, alice: Account
) -> None:
    api.faults.plan("sendMessage", faults.reset())
    async with connect(bot.token) as one, connect(bot.token) as other:
        results = await asyncio.gather(one.send_message(alice.id, "one"), other.get_me(), return_exceptions=True)
    assert isinstance(results[0], NetworkError)
    assert not isinstance(results[1], BaseException)


async def test_every_call_is_on_record(api: BotApi, client: Client, alice: Account) -> None:
    await client.send_message(alice.id, "hello")
    with pytest.raises(BadRequest):
        await client.send_message(31337, "hello")
    good, bad = api.calls.of("sendMessage")
    assert (good.status, good.outcome, good.params["text"], good.bot_id) == (200, "ok", "hello", client.id)
    assert (bad.status, bad.outcome, bad.chat_id) == (400, "Bad Request: chat not found", "31337")
    assert good.started <= good.ended <= bad.started
    assert client.token not in repr(list(api.calls.records))
    assert client.token not in repr(api.state)
