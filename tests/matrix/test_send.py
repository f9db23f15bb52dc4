"""How replies go out: once, in order, no faster than allowed, and never where they would be readable by others."""

import asyncio
import time
from typing import Any
from unittest.mock import AsyncMock

import pytest
from tests.matrix.conftest import MakeHost
from tests.matrix.smallhost import SmallHost, direct_chat

from surfacehost import Message, NotReady, Reply, Undeliverable
from surfacehost_devkit.fakes import FakeMemory
from surfacehost_devkit.homeserver import Account
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


async def test_a_limit_holds_for_the_whole_account() -> None:
    pace, answers, began = Pace(), [NotReady(retry_after=0.2), None, None, None], time.monotonic()

    async def call() -> float:
        if answer := answers.pop(0):
            raise answer
        return time.monotonic() - began

    first, second = await asyncio.gather(pace.keep(call), pace.keep(call))
    assert max(first, second) >= 0.2  # the one that was refused waited
    assert await pace.keep(call) >= 0.2


@pytest.mark.parametrize(("turned", "left"), [(100, 233), (-1000, 333), (400, 0)])
async def test_a_limit_holds_over_a_restart_and_never_longer_than_was_said(
    monkeypatch: pytest.MonkeyPatch, turned: int, left: int
) -> None:
    memory, now = FakeMemory(), time.time()
    with pytest.raises(NotReady):
        await Pace(memory).keep(AsyncMock(side_effect=NotReady(retry_after=333)))
    monkeypatch.setattr(time, "time", lambda: now + turned)
    pace, call = Pace(memory), AsyncMock(return_value="sent")
    await pace.recall()
    if left:
        with pytest.raises(NotReady) as caught:
            await pace.keep(call)
        assert caught.value.retry_after == pytest.approx(left, abs=5)
    else:
        assert await pace.keep(call) == "sent"
    assert call.await_count == (0 if left else 1)


async def test_limits_of_other_kinds_hold_up_neither_messages_nor_each_other() -> None:
    memory, call = FakeMemory(), AsyncMock(return_value="done")
    with pytest.raises(NotReady):
        await Pace(memory).apart.ask("joins", AsyncMock(side_effect=NotReady(retry_after=333)))
    pace = Pace(memory)  # after a restart
    await pace.recall()
    with pytest.raises(NotReady, match="joins") as caught:
        await pace.apart.ask("joins", lambda: pytest.fail("asked too early"))
    assert caught.value.retry_after == pytest.approx(333, abs=5)
    assert [await pace.keep(call), await pace.spare(call), await pace.apart.ask("new rooms", call)] == ["done"] * 3
    noted = memory.values["limited:joins"]
    await memory.set({"limited:joins": noted | {"until": noted["until"] - 400}})
    pace = Pace(memory)
    await pace.recall()
    assert await pace.apart.ask("joins", call) == "done"
    assert "limited:joins" not in memory.values


async def test_connections_of_one_account_keep_to_one_limit(make: MakeHost, alice: MatrixPerson, bot: Account) -> None:
    async with make() as host:
        room = await direct_chat(alice, bot)
        before = host.surface._homeserver
        assert before is not None
        assert await before.spare(AsyncMock(side_effect=NotReady(retry_after=333))) is None
        await before.call("POST", "logout", body={})
        await host.until(lambda: host.down and host.surface._homeserver is not before)
        await alice.send(room, "and now?")
        await host.until(lambda: host.failed)
        assert isinstance(host.failed[0], NotReady)
        assert host.failed[0].retry_after == pytest.approx(333, abs=60)


async def test_what_is_asked_before_a_send_lets_none_slip_into_a_pause(
    make: MakeHost, alice: MatrixPerson, bot: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with make() as host:
        room = await direct_chat(alice, bot)
        homeserver = host.surface._homeserver
        assert homeserver is not None
        asked, answered, state = asyncio.Event(), asyncio.Event(), homeserver.state

        async def slow(room: str, kind: str) -> Any:
            asked.set()
            await answered.wait()
            return await state(room, kind)

        monkeypatch.setattr(homeserver, "state", slow)
        content = {"msgtype": "m.text", "body": "late"}
        send = homeserver.paced(lambda: homeserver.send_message(room, content, transaction="late"))
        sending = asyncio.create_task(send)
        await asked.wait()
        began = time.monotonic()
        assert await homeserver.pace.spare(AsyncMock(side_effect=NotReady(retry_after=0.5))) is None
        answered.set()
        await sending
        assert time.monotonic() - began >= 0.5


async def test_what_may_be_dropped_never_stands_in_the_way() -> None:
    pace, made = Pace(), []

    async def preview() -> bool:
        made.append("preview")
        return True

    async def refused() -> bool:
        raise NotReady(retry_after=0.1)

    async def final() -> str:
        return "sent"

    assert await pace.spare(preview)
    assert await pace.spare(refused) is None
    assert await pace.spare(preview) is None  # the homeserver wants to be left alone
    assert await pace.keep(final) == "sent"  # what may not be dropped waits, and goes first
    assert await pace.spare(preview) is None
    assert made == ["preview"]
    pace._spare_not_before = 0  # the pause is over
    assert await pace.spare(preview)


async def test_a_limit_of_minutes_is_not_waited_for() -> None:
    pace = Pace()

    async def call() -> None:
        raise NotReady(retry_after=333)

    with pytest.raises(NotReady) as caught:
        await pace.keep(call)
    assert caught.value.retry_after == pytest.approx(333, abs=1)
    with pytest.raises(NotReady):  # and nobody asks meanwhile
        await pace.keep(lambda: pytest.fail("asked too early"))
