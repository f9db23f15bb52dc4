"""What becomes of every update that goes wrong on its way, through one real ``surfacehost run``."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest
from tests.telegram.endings import (
    BRINGING,
    LISTENING,
)
from tests.telegram.hurriedhost import Hurried
from tests.telegram.wholehost import WAIT_S

from surfacehost_devkit.botapi import Account, Bot, faults
from surfacehost_devkit.botapi import Message as Sent
from surfacehost_devkit.hostprocess import surface_in
from surfacehost_devkit.smalldisk import SmallDisk

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_what_cannot_be_stored_is_brought_again(hurried: Hurried, disk: SmallDisk) -> None:
    world, alice = hurried.api.world, hurried.person()
    before = await hurried.ask(alice, "before", bot=hurried.brought)
    disk.fill()
    for text in ("one", "two"):
        world.write(alice, text, bot=hurried.brought)
    webhook = hurried.api.state.webhooks[hurried.brought.id]
    await world.wait_for(lambda: "503" in webhook.last_error_message or None, timeout_s=WAIT_S)
    assert hurried.said(before) == []
    disk.free()
    await hurried.replies(before, 2)
    await hurried.rests()
    assert hurried.said(before) == ["echo: one", "echo: two"]


def by_hand(hurried: Hurried, person: Account, first: Sent, count: int) -> Callable[[int], Coroutine[Any, Any, int]]:
    """Brings the message that stands so far behind *first*; there are *count*, each says its number."""
    hurried.brought.last_message_id += count
    return lambda number: hurried.bring(person, first.id + 1 + number, str(number))


async def test_what_is_brought_out_of_order_or_twice_is_answered_in_order_and_once(hurried: Hurried) -> None:
    alice = hurried.person()
    first = await hurried.ask(alice, "before", bot=hurried.brought)
    bring = by_hand(hurried, alice, first, 5)
    assert await bring(0) == 200
    came = await asyncio.gather(*map(bring, (4, 3, 1, 2, 2, 4)))
    assert {*came, await bring(0), await bring(3)} == {200}
    await hurried.replies(first, 5)
    await hurried.rests()
    assert hurried.said(first) == [f"echo: {number}" for number in range(5)]


async def test_what_is_to_be_brought_again_comes_before_what_was_behind_it(hurried: Hurried, disk: SmallDisk) -> None:
    alice = hurried.person()
    first = await hurried.ask(alice, "before", bot=hurried.brought)
    bring = by_hand(hurried, alice, first, 4)
    assert await bring(0) == 200
    for lost in (1, 3):
        disk.fill()
        assert await bring(lost) == 503
        disk.free()
        behind = asyncio.create_task(bring(lost + 1))
        assert (await asyncio.wait([behind], timeout=1.5))[0] == set()  # longer than for any other gap
        if lost == 1:
            assert await bring(lost) == 200
        assert await behind == 200  # but not for ever
    await hurried.replies(first, 4)
    await hurried.rests()
    assert hurried.said(first) == [f"echo: {number}" for number in (0, 1, 2, 4)]


async def test_an_album_that_is_brought_is_one_message_whichever_of_it_says_for_whom_it_is(hurried: Hurried) -> None:
    bot, bob, world = hurried.brought, hurried.bob, hurried.api.world
    bot.can_read_all_group_messages = True
    team = hurried.api.groups.supergroup("Team", bob)
    hurried.api.groups.add_bot(team, bob, bot)
    await world.wait_for_reply(team, timeout_s=WAIT_S)
    for caption in ("", "", "@brought_bot which one?", ""):
        last = world.send_media(bob, "photo", chat=team, album="7", caption=caption)
    line = "\nattachment: image photo.jpg (image/jpeg, 5 bytes)"
    assert (await hurried.answer(last, bot=bot)).text == f"echo: which one?{line * 4}"
    await hurried.rests()
    assert len(hurried.said(last)) == 1


async def test_whatever_becomes_of_bringing_it_is_answered_once(hurried: Hurried) -> None:
    faulty = hurried.proxy.faults
    for fault in BRINGING.values():
        faulty.plan("POST */webhook/brought/", fault)
    asked = [hurried.api.world.write(hurried.person(), name, bot=hurried.brought) for name in BRINGING]
    await hurried.until(lambda _: faulty.hanging == 2 and not faulty.is_planned)
    await hurried.proxy.away()
    await hurried.proxy.back()
    await asyncio.gather(*(hurried.answer(question) for question in asked))
    await hurried.rests()
    assert [hurried.said(question) for question in asked] == [[f"echo: {name}"] for name in BRINGING]


async def test_what_is_not_brought_whole_or_not_by_telegram_costs_no_answer(hurried: Hurried) -> None:
    alice = hurried.person()
    first = await hurried.ask(alice, "before", bot=hurried.brought)
    hurried.brought.last_message_id += 1  # that is brought by hand
    wanted = hurried.delivery(alice, first.id + 1, "one")
    await hurried.deliver_half(wanted)
    told = [await hurried.deliver(wanted, secret=secret) for secret in ("", "guess")]
    told += [await hurried.deliver(one) for one in (b"[" * 1_000_001, wanted[:-9], b"\xff", wanted, wanted)]
    assert told == [403, 403, 413, 200, 200, 200, 200]  # refused, what can't be read would come for ever
    asked = hurried.api.world.write(alice, "two", bot=hurried.brought)
    await hurried.answer(asked, bot=hurried.brought)
    await hurried.rests()
    assert hurried.said(first) == ["echo: one", "echo: two"]
    await hurried.until(lambda status: status["inbox"]["brought"]["parked"] == 2)


async def test_whatever_becomes_of_polls_that_carry_something_it_is_answered_once(hurried: Hurried) -> None:
    """Each bot's message is in the answer to a poll that goes wrong, and would be in those that follow."""
    faulty, bots, asked = hurried.api.faults, [*hurried.deliveries.values()], {}
    for number, fault in enumerate(LISTENING.values()):
        faulty.plan(f"getUpdates {bots[number % len(bots)].id}", fault)
    for bot in bots:
        await hurried.api.world.wait_for(lambda bot=bot: waits_in_vain(hurried, bot))  # type: ignore[misc]
        asked[bot] = hurried.api.world.write(hurried.person(), "hello", bot=bot)
    await hurried.until(lambda _: not faulty.is_planned)
    await asyncio.gather(*(hurried.answer(question, bot=bot) for bot, question in asked.items()))
    await hurried.rests()
    assert [hurried.said(question) for question in asked.values()] == [["echo: hello"]] * len(bots)
    faulty.release()


def waits_in_vain(hurried: Hurried, bot: Bot) -> bool | None:
    """Whether a poll of *bot* waits for something to bring, and will go wrong."""
    polls = hurried.api.calls.of("getUpdates")
    is_struck = any(one.bot_id == bot.id and one.fault and one.status is None for one in polls)
    return (is_struck and bot.queue.waiting) or None


async def test_what_a_second_poller_got_and_did_not_confirm_is_answered_once(hurried: Hurried) -> None:
    bot = hurried.deliveries["probe"]
    other = asyncio.create_task(hurried.call(bot, "getUpdates", timeout=9, allowed_updates=["message"]))
    calls = partial(hurried.api.calls.of, "getUpdates")
    await hurried.api.world.wait_for(lambda: [one for one in calls() if one.status == 409] or None)
    asked = hurried.api.world.write(hurried.person(), "hello", bot=bot)
    assert await other == 200
    assert (await hurried.answer(asked, bot=bot)).text == "echo: hello"
    await asyncio.to_thread(hurried.host.wait_ready)
    assert hurried.said(asked) == ["echo: hello"]


async def test_of_two_lost_in_one_chat_each_comes_once_in_its_topic(hurried: Hurried) -> None:
    api, bob, bot = hurried.api, hurried.bob, hurried.deliveries["probe"]
    for came, lost in ((faults.drop_after(), faults.reset()), (faults.reset(), faults.drop_after())):
        forum = api.groups.forum("Forum", bob)
        api.groups.add_bot(forum, bob, bot)
        await api.world.wait_for_reply(forum, timeout_s=WAIT_S)  # its greeting
        await hurried.rests()
        for fault in (came, lost):
            api.faults.plan(f"sendMessage {forum.id}", fault)
        topics = {name: api.groups.open_topic(forum, bob, name) for name in ("one", "two")}
        first, _ = [api.world.write(bob, f"@probe_bot {name}", forum, topic=topics[name]) for name in topics]
        await hurried.replies(first, 2)
        await hurried.rests()
        said = {(one.thread_id, one.text) for one in api.world.replies(forum, after=first)}
        assert said == {(topic.thread_id, f"echo: {name}") for name, topic in topics.items()}


async def test_whatever_becomes_of_a_look_at_the_webhook_it_goes_on(hurried: Hurried) -> None:
    before = len(hurried.api.calls.of("setWebhook"))
    for name in ("ok: false", "a hang"):  # the host waits longer each time
        hurried.api.faults.plan("getWebhookInfo", LISTENING[name])
        await hurried.until(lambda status: surface_in(status, "brought")["state"] != "up")
        assert (await hurried.ask(hurried.person(), name, bot=hurried.brought)).text == f"echo: {name}"
        await asyncio.to_thread(hurried.host.wait_ready)
    assert len(hurried.api.calls.of("setWebhook")) == before
    hurried.api.faults.release()


async def test_who_polls_beside_a_webhook_is_refused_and_who_removes_it_is_named(hurried: Hurried) -> None:
    alice = hurried.person()
    with hurried.host.unharmed():
        assert await hurried.call(hurried.brought, "getUpdates") == 409
        assert (await hurried.ask(alice, "one", bot=hurried.brought)).text == "echo: one"
    assert await hurried.call(hurried.brought, "deleteWebhook") == 200
    named = "brought: waiting: another process takes this bot's messages, one that has removed our webhook"
    await hurried.until(lambda _: named in hurried.host.readiness()[1])
    assert (await hurried.ask(alice, "two", bot=hurried.brought)).text == "echo: two"


async def test_no_token_is_in_any_file_or_log(hurried: Hurried, disk: SmallDisk) -> None:
    assert await hurried.leaks(disk.path) == {"settings.toml"}
