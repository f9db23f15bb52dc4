"""The way out: every way a send can end, and what arrives in the chat."""

import asyncio
from typing import Any

import pytest
from tests.telegram.conftest import Desk, Host, texts

from surfacehost import Message, NotReady, Undeliverable
from surfacehost_devkit.botapi import Account, Bot, BotApi, Chat, Fault, faults

pytestmark = pytest.mark.usefixtures("hurry")


@pytest.mark.parametrize(
    "reason",
    ["can't parse entities: Can't find end", "entity beginning at UTF-16 offset 1 ends after the end of the text"],
)
async def test_refused_formatting_goes_plain(
    reason: str, desk: Desk, api: BotApi, caplog: pytest.LogCaptureFixture
) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot)) as host:
        api.faults.plan("sendMessage", faults.error(400, f"Bad Request: {reason}"))
        api.world.write(alice, "**hi**")
        await host.until(lambda: host.settled)
    [reply] = api.world.replies(alice.id)
    assert (reply.text, reply.entities) == ("echo: hi", ())
    assert f"chat {alice.id} gets a message without formatting" in caplog.text
    assert len(api.calls.of("sendMessage")) == 2


async def test_refused_without_formatting_is_undeliverable(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot)) as host:
        api.faults.plan("sendMessage", faults.error(400, "Bad Request: can't parse entities"), times=None)
        api.world.write(alice, "**hi**")
        await host.until(lambda: host.failures)
    assert [type(error) for error in host.failures] == [Undeliverable]
    assert len(api.calls.of("sendMessage")) == 2


async def test_a_topic_that_is_gone(desk: Desk, api: BotApi, caplog: pytest.LogCaptureFixture) -> None:
    alice, bot = api.world.person(), api.world.bot()
    forum = api.groups.forum("Team", alice)
    forum.members[bot.id] = forum.member(bot.account).standing("member")
    tea = api.groups.open_topic(forum, alice, "Tea")

    async def think(_message: Message) -> None:
        api.groups.delete_topic(forum, tea)

    async with desk.host(desk.surface(bot)) as host:
        host.client.thinking = think
        api.world.write(alice, "/ask", forum, topic=tea)
        await host.until(lambda: host.settled)
        closed = api.groups.open_topic(forum, alice, "Closed")
        api.groups.close_topic(forum, alice, closed)
        api.world.write(alice, "/ask **again**", forum, topic=closed)
        await host.until(lambda: len(host.settled) == 2)
        api.world.write(alice, "/more", forum, topic=closed)
        await host.until(lambda: len(host.settled) == 3)
    said = "(The topic was deleted or closed, so I answer here.)\n\n"
    replies = api.world.replies(forum)
    assert [reply.text for reply in replies] == [f"{said}echo: /ask", f"{said}echo: /ask again", "echo: /more"]
    assert {reply.thread_id for reply in replies} == {None}
    assert {mark.offset for mark in replies[1].entities if mark.type == "bold"} == {len(f"{said}echo: /ask ")}
    assert f"topic {tea.thread_id} of chat {forum.id} is gone" in caplog.text


async def test_a_group_that_became_a_supergroup(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    group = api.groups.group("Team", alice)
    group.members[bot.id] = group.member(bot.account).standing("member")
    moved: list[Chat] = []

    async def think(_message: Message) -> None:
        moved.append(api.groups.migrate(group, alice))

    surface = desk.surface(bot)
    async with desk.host(surface) as host:
        host.client.thinking = think
        asked = api.world.write(alice, "/ask", group)
        await host.until(lambda: host.settled)
        assert texts(api, moved[0]) == ["echo: /ask"]
        assert desk.memory.values[f"moved:{group.id}"] == str(moved[0].id)
        assert host.put.moved == {str(group.id): str(moved[0].id)}
        before = len(api.calls.of("sendMessage"))
        await surface.on_error(OSError(), host.put.events[f"{group.id}:{asked.id}"], host.client)
    assert len(api.calls.of("sendMessage")) == before + 1
    assert texts(api, moved[0]) == ["echo: /ask", "sorry: OSError"]


async def block(api: BotApi, alice: Account, _bot: Bot) -> Chat:
    api.world.write(alice, "hi")
    api.world.block(alice)
    return api.world.private_chat(alice)


async def throw_out(api: BotApi, alice: Account, bot: Bot) -> Chat:
    team = api.groups.supergroup("Team", alice)
    team.members[bot.id] = team.member(bot.account).standing("member")
    api.world.write(alice, "/ask", team)
    api.groups.remove_bot(team, alice, bot)
    return team


async def silence(api: BotApi, alice: Account, bot: Bot) -> Chat:
    team = api.groups.supergroup("Team", alice)
    team.members[bot.id] = team.member(bot.account).standing("member", can_send=False)
    api.world.write(alice, "/ask", team)
    return team


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (block, "bot was blocked by the user"),
        (throw_out, "bot was kicked from the supergroup chat"),
        (silence, "Not enough rights to send text messages"),
    ],
)
async def test_where_the_bot_may_not_write(happens: Any, reason: str, desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    await happens(api, alice, bot)
    async with desk.host(desk.surface(bot)) as host:
        await host.until(lambda: host.failures)
    assert [type(error) for error in host.failures] == [Undeliverable]
    assert reason in host.told()


async def test_a_chat_nobody_knows(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    surface = desk.surface(bot)
    host = Host(surface, desk.memory)
    stray = Message(surface="tg", id="x", chat=str(alice.id), sender="1", direct=True, text="hi")
    with pytest.raises(Undeliverable, match="Chat not found"):
        await surface.on_message(stray, host.client)


async def test_a_short_penalty_is_waited_out(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot)) as host:
        api.faults.plan("sendMessage", faults.too_many(1))
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
    refused, again = api.calls.of("sendMessage", chat_id=alice.id)
    assert again.started - refused.ended >= 1.0
    assert host.failures == []
    assert texts(api, alice) == ["echo: hi"]


async def test_a_long_penalty_is_handed_to_the_host(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot)) as host:
        api.faults.plan("sendMessage", faults.too_many(300))
        api.world.write(alice, "hi")
        await host.until(lambda: len(host.failures) > 2)
    assert [type(error) for error in host.failures[:3]] == [NotReady] * 3
    waits = [error.retry_after or 0 for error in host.failures if isinstance(error, NotReady)]
    assert all(295 < wait < 302 for wait in waits)
    assert len(api.calls.of("sendMessage")) == 1  # none during the penalty


async def test_penalties_are_not_waited_out_for_ever(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot)) as host:
        api.faults.plan("sendMessage", faults.too_many(40), times=None)
        api.world.write(alice, "hi")
        await api.world.wait_for_call("sendMessage")
        assert host.failures == []  # still waiting for the first of them


@pytest.mark.parametrize("fault", [faults.error(500, "x"), faults.too_many(1), faults.reset(), faults.not_ok()])
async def test_typing_never_fails_an_answer(
    fault: Fault, desk: Desk, api: BotApi, caplog: pytest.LogCaptureFixture
) -> None:
    alice, bot = api.world.person(), api.world.bot()
    api.faults.plan("sendChatAction", fault, times=None)

    async def think(_message: Message) -> None:
        await api.world.wait_for(lambda: [c for c in api.calls.of("sendChatAction") if c.outcome] or None)

    async with desk.host(desk.surface(bot, stream="final")) as host:
        host.client.thinking = think
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
    assert host.failures == []
    assert f"no typing in chat {alice.id}: " in caplog.text
    assert texts(api, alice) == ["echo: hi"]


async def test_typing_that_is_under_way_is_there_before_the_answer(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    api.faults.plan("sendChatAction", faults.delay(0.2), times=None)

    async def think(_message: Message) -> None:
        await api.world.wait_for(lambda: api.calls.of("sendChatAction") or None)

    async with desk.host(desk.surface(bot, stream="final")) as host:
        host.client.thinking = think
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
    [typing], [answer] = api.calls.of("sendChatAction"), api.calls.of("sendMessage")
    assert (typing.outcome, answer.started >= typing.ended) == ("ok", True)


async def test_typing_stops_when_the_answer_fails(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()

    async def think(_message: Message) -> None:
        await api.world.wait_for(lambda: api.world.actions(alice.id) or None)
        raise ZeroDivisionError

    surface = desk.surface(bot, stream="final")
    host = Host(surface, desk.memory)
    host.client.thinking = think
    api.world.private_chat(alice).started = True
    event = Message(surface="tg", id="x", chat=str(alice.id), sender=str(alice.id), direct=True, text="hi")
    before = asyncio.all_tasks()
    with pytest.raises(ZeroDivisionError):
        await surface.on_message(event, host.client)
    assert not [task for task in asyncio.all_tasks() - before if "_beat" in repr(task)]
