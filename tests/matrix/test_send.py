"""How replies go out: once, in order, no faster than allowed, and never where they would be readable by others."""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.matrix.smallhost import SmallHost, direct_chat, register, settings_of

from surfacehost import Message, NotReady, Reply, Undeliverable
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.matrixperson import MatrixPerson
from surfacehost_matrix.pace import Pace
from surfacehost_matrix.send import Sender


def reply(room: str, text: str, *, number: int = 0, topic: str = "") -> Reply:
    message = Message(surface="matrix", id="$question", chat=room, sender="@a:b", direct=True, topic=topic, text="?")
    return Reply(id=f"$question/{number}", event=message, kind="answer", body={"body": text})


async def said(person: MatrixPerson, room: str, bot: Account) -> list[str]:
    return [e.body for e in await person.history(room) if e.sender == bot.user_id and e.body]


async def test_a_repeat_makes_no_second_message(host: SmallHost, chat: str, alice: MatrixPerson, bot: Account) -> None:
    homeserver = host.surface._homeserver
    assert homeserver is not None
    sender = Sender()
    await asyncio.gather(*(sender.send(homeserver, reply(chat, "once"), chat) for _ in range(3)))
    await Sender().send(homeserver, reply(chat, "once"), chat)
    assert await said(alice, chat, bot) == ["hello", "once"]


async def test_replies_keep_their_order(host: SmallHost, chat: str, alice: MatrixPerson, bot: Account) -> None:
    homeserver = host.surface._homeserver
    assert homeserver is not None
    replies = [reply(chat, str(number), number=number) for number in range(8)]
    await asyncio.gather(*(host.surface._sender.send(homeserver, each, chat) for each in replies))
    assert await said(alice, chat, bot) == ["hello", *map(str, range(8))]


async def test_a_long_answer_is_several_messages(host: SmallHost, chat: str, alice: MatrixPerson, bot: Account) -> None:
    host.client.says = lambda _message: "\n\n".join(f"paragraph {number} " + "word " * 400 for number in range(60))
    question = await alice.send(chat, "tell me all")
    await host.until(lambda: question in host.settled)
    parts = host.surface.compose(host.client.says(host.messages[0]))
    answers = await alice.replies(chat, after=question, from_=bot.user_id, count=len(parts))
    assert len(answers) > 4
    assert "paragraph 0 " in answers[0].body
    assert not host.failed


async def test_a_room_that_is_closed_to_us_takes_nothing(host: SmallHost, chat: str, alice: MatrixPerson) -> None:
    homeserver = host.surface._homeserver
    assert homeserver is not None
    foreign = await alice.create_room(name="foreign")
    for room in (foreign, "!nowhere:localhost"):
        with pytest.raises(Undeliverable):
            await Sender().send(homeserver, reply(room, "hello?"), room)
    with pytest.raises(Undeliverable):  # no homeserver takes an event of that size
        await Sender().send(homeserver, reply(chat, "x" * 70_000), chat)


async def test_without_a_connection_it_is_not_ready(host: SmallHost, chat: str) -> None:
    homeserver = host.surface._homeserver
    assert homeserver is not None
    await homeserver.nio.close()
    with pytest.raises(NotReady):
        await Sender().send(homeserver, reply(chat, "hello?"), chat)


async def test_stock_limits_slow_it_down_and_nothing_is_lost(
    synapse_cache: Path, tmp_path: Path, stack: AsyncExitStack
) -> None:
    server = Homeserver(tmp_path / "stock", synapse=synapse_cache, rate_limits="stock")
    await stack.enter_async_context(server)
    bot, account = register(server, "bot"), register(server, "alice")
    await asyncio.to_thread(server.lift_rate_limit, account.user_id)
    alice = await stack.enter_async_context(MatrixPerson(server.url, account))
    host = await stack.enter_async_context(SmallHost(settings_of(server, bot), tmp_path))
    await host.online()
    room = await direct_chat(alice, bot)
    for number in range(12):
        last = await alice.send(room, str(number))
    await host.until(lambda: last in host.settled, timeout_s=60)
    assert await said(alice, room, bot) == ["hello", *(f"echo: {number}" for number in range(12))]
    assert not host.failed
    assert not host.down


async def test_a_limit_holds_for_the_whole_account() -> None:
    pace, answers, began = Pace(), [NotReady(retry_after=0.2), None, None, None], time.monotonic()

    async def call() -> float:
        if answer := answers.pop(0):
            raise answer
        return time.monotonic() - began

    first, second = await asyncio.gather(pace.keep(call), pace.keep(call))
    assert max(first, second) >= 0.2  # the one that was refused waited
    assert await pace.keep(call) >= 0.2


async def test_a_limit_of_minutes_is_not_waited_for() -> None:
    pace = Pace()

    async def call() -> None:
        raise NotReady(retry_after=333)

    with pytest.raises(NotReady) as caught:
        await pace.keep(call)
    assert caught.value.retry_after == pytest.approx(333, abs=1)
    with pytest.raises(NotReady):  # and nobody asks meanwhile
        await pace.keep(lambda: pytest.fail("asked too early"))
