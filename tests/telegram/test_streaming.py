"""An answer while it grows: drafts in private chats, one message that is edited elsewhere; never two answers."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.telegram.conftest import Desk, Host, texts

from surfacehost import Message
from surfacehost_devkit.botapi import Account, Bot, BotApi, Chat, Fault, FloodLimits, faults
from surfacehost_telegram import stream
from surfacehost_telegram.budget import ChatBudget

pytestmark = pytest.mark.usefixtures("hurry")

WHOLE = "echo: hi"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Think for no time, and let drafts and edits come as fast as they can."""
    monkeypatch.setattr(stream, "AFTER_S", 0.0)
    monkeypatch.setattr(stream, "GRACE_S", 0.05)
    monkeypatch.setattr(ChatBudget, "DRAFT_EVERY_S", 0.0)
    monkeypatch.setattr(ChatBudget, "BURST", 30.0)
    monkeypatch.setattr(ChatBudget, "A_MINUTE", 100)


def growing(host: Host, *frames: str) -> None:
    """Let the answer be *frames* before it is whole."""

    async def grow(_message: Message) -> AsyncIterator[str]:
        for frame in frames:
            yield frame

    host.client.growing = grow


def group_of(api: BotApi, alice: Account, bot: Bot) -> Chat:
    group = api.groups.supergroup("Team", alice)
    group.members[bot.id] = group.member(bot.account).standing("member")
    return group


async def test_a_private_chat_sees_drafts(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    seen: list[tuple[str, list[Any], bool]] = []

    async def grow(_message: Message) -> AsyncIterator[str]:
        for so_far in ("", "**ec", "**echo**: `h", "**echo**: `h"):
            yield so_far
            draft = await api.world.wait_for(lambda: next(iter(api.world.drafts(alice.id)), None))
            seen.append((draft.text, [entity.type for entity in draft.entities], draft.can_stop))

    async with desk.host(desk.surface(bot)) as host:
        host.client.growing = grow
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
    assert [text for text, *_ in seen][1:] == ["**ec", "echo: `h", "echo: `h"]
    assert seen[2][1:] == (["bold"], True)
    assert api.world.drafts(alice.id) == []
    assert texts(api, alice) == [WHOLE]
    drafts = api.calls.of("sendMessageDraft")
    assert drafts[0].params.get("text", "") == ""  # Telegram's "Thinking…"
    assert len(drafts) == 3  # nothing is shown twice
    assert {int(draft.params["draft_id"]) > 0 for draft in drafts} == {True}
    assert len({draft.params["draft_id"] for draft in drafts}) == 1
    assert "message_thread_id" not in drafts[0].params
    assert api.world.actions(alice.id) == []


async def test_a_draft_that_nothing_changes_is_kept_alive(
    desk: Desk, api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "KEEP_S", 0.1)
    alice, bot = api.world.person(), api.world.bot()

    async def grow(_message: Message) -> AsyncIterator[str]:
        yield "so far"
        await api.world.wait_for(lambda: [c for c in api.calls.of("sendMessageDraft") if c.params.get("text")][2:])

    async with desk.host(desk.surface(bot)) as host:
        host.client.growing = grow
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
    assert texts(api, alice) == [WHOLE]


async def test_a_draft_that_came_too_soon_after_another_is_shown_though_nothing_grows(
    desk: Desk, api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ChatBudget, "DRAFT_EVERY_S", 0.5)
    alice, bot = api.world.person(), api.world.bot()

    async def grow(_message: Message) -> AsyncIterator[str]:
        await api.world.wait_for_call("sendMessageDraft")  # "Thinking…"
        yield "so far"
        await api.world.wait_for(lambda: [one for one in api.world.drafts(alice.id) if one.text == "so far"] or None)

    async with desk.host(desk.surface(bot)) as host:
        host.client.growing = grow
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
    assert len(api.calls.of("sendMessageDraft")) == 2
    assert texts(api, alice) == [WHOLE]


@pytest.mark.parametrize("reason", ["TEXTDRAFT_PEER_INVALID", "no such method"])
async def test_where_no_drafts_are_taken_the_answer_grows_by_edits(reason: str, desk: Desk, api: BotApi) -> None:
    alice, bob, bot = api.world.person(), api.world.person("Bob"), api.world.bot()
    api.world.private_chat(alice).takes_drafts = False
    if reason == "no such method":
        api.faults.plan("sendMessageDraft", faults.error(404, "Not Found: method not found"), times=None)
    async with desk.host(desk.surface(bot)) as host:
        growing(host, "ec", "echo")
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
        [answer] = api.world.replies(alice.id)
        assert [version.text for version in answer.versions] == ["ec", "echo", WHOLE]
        tried = len(api.calls.of("sendMessageDraft"))
        assert tried == 1
        api.world.write(bob if reason == "no such method" else alice, "hi")
        await host.until(lambda: len(host.settled) == 2)
    assert len(api.calls.of("sendMessageDraft")) == tried
    if reason != "no such method":  # another process remembers it, and it is about this chat alone
        async with desk.host(desk.surface(bot)) as host:
            growing(host, "ec")
            api.world.write(alice, "hi")
            await host.until(lambda: host.settled)
            assert len(api.calls.of("sendMessageDraft")) == tried
            api.world.write(bob, "hi")
            await host.until(lambda: len(host.settled) == 2)
        assert len(api.calls.of("sendMessageDraft", chat_id=bob.id)) > 0


async def test_a_button_to_stop_that_the_server_does_not_know_is_left_out(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot)) as host:
        api.faults.plan("sendMessageDraft", faults.error(400, "Bad Request: can_stop is not known"))
        growing(host, "ec", "echo")
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
    first, *later = api.calls.of("sendMessageDraft")
    assert first.params["can_stop"] == "true"
    assert later
    assert not [draft for draft in later if "can_stop" in draft.params]


async def test_in_a_group_one_message_grows_and_is_the_answer(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    group = group_of(api, alice, bot)
    async with desk.host(desk.surface(bot)) as host:
        growing(host, "ec", "ec", "echo: **/a", "echo: **/ask**\n\n```py\nx")
        host.client.says = lambda _message: "echo: **/ask**\n\n" + "word " * 900
        asked = api.world.write(alice, "/ask", group)
        await host.until(lambda: host.settled)
    first, second = api.world.replies(group)
    assert [version.text for version in first.versions][:3] == ["ec", "echo: **/a", "echo: /ask\n\nx"]
    assert first.text.startswith("echo: /ask\n\nword")
    assert (first.reply_to, second.reply_to) == (asked, None)
    assert len(second.versions) == 1
    assert api.calls.of("sendMessageDraft") == []


@pytest.mark.parametrize("outlives", ["preview", "answer"])
async def test_after_a_crash_the_message_that_grew_becomes_the_answer(outlives: str, desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    group = group_of(api, alice, bot)
    async with desk.host(desk.surface(bot)) as host:
        growing(host, "ec", "echo")
        if outlives == "answer":
            api.faults.plan("editMessageText", faults.answer(200, {"ok": True, "result": True}, acts=True))
            api.faults.plan("editMessageText", faults.hang())
        else:
            api.faults.plan("editMessageText", faults.hang())
        api.world.write(alice, "/ask", group)
        await api.world.wait_for(lambda: api.faults.hanging or None)
        [event] = host.put.events.values()
    assert len(texts(api, group)) == 1
    if outlives == "answer":
        host.client.growing = None  # the answer was on the disk: nobody is asked again
    assert isinstance(event, Message)
    await desk.surface(bot).on_message(event, host.client)
    assert texts(api, group) == ["echo: /ask"]


@pytest.mark.parametrize("fault", [faults.drop_after(), faults.reset()], ids=["done", "not done"])
async def test_a_first_preview_whose_answer_is_lost_is_found_by_the_answer(
    fault: Fault, desk: Desk, api: BotApi
) -> None:
    alice, bot = api.world.person(), api.world.bot()
    group = group_of(api, alice, bot)
    async with desk.host(desk.surface(bot)) as host:
        api.faults.plan("sendMessage", fault)
        growing(host, "ec", "echo")
        api.world.write(alice, "/ask", group)
        await host.until(lambda: host.settled)
    assert texts(api, group) == ["echo: /ask"]


async def test_a_preview_that_somebody_deleted_is_a_new_message(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    group = group_of(api, alice, bot)

    async def grow(_message: Message) -> AsyncIterator[str]:
        yield "ec"
        api.world.delete(*api.world.replies(group))

    async with desk.host(desk.surface(bot)) as host:
        host.client.growing = grow
        api.world.write(alice, "/ask", group)
        await host.until(lambda: host.settled)
    assert texts(api, group) == ["echo: /ask"]


async def test_a_preview_that_can_not_be_edited_goes_when_the_answer_is_there(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    group = group_of(api, alice, bot)
    async with desk.host(desk.surface(bot)) as host:
        growing(host, "ec")
        api.faults.plan("editMessageText", faults.error(400, "Bad Request: message can't be edited"), times=None)
        api.world.write(alice, "/ask", group)
        await host.until(lambda: host.settled)
    assert texts(api, group) == ["echo: /ask"]


async def test_where_nothing_is_said_after_all_no_preview_stays(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    group = group_of(api, alice, bot)
    async with desk.host(desk.surface(bot)) as host:
        growing(host, "ec")
        host.client.says = lambda _message: ""
        api.world.write(alice, "/ask", group)
        await host.until(lambda: host.settled)
    assert texts(api, group) == []


@pytest.mark.parametrize("technique", ["draft", "edit"])
async def test_the_technique_can_be_chosen(technique: str, desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    group = group_of(api, alice, bot)
    async with desk.host(desk.surface(bot, stream=technique)) as host:
        growing(host, "ec")
        api.world.write(alice, "/ask", group)
        api.world.write(alice, "/ask")
        await host.until(lambda: len(host.settled) == 2)
    versions = [len(one.versions) for chat in (group, alice) for one in api.world.replies(chat.id)]
    assert versions == ([1, 1] if technique == "draft" else [2, 2])
    assert bool(api.calls.of("sendMessageDraft", chat_id=alice.id)) == (technique == "draft")


async def test_previews_draw_no_penalty_and_leave_room_for_the_answer(
    desk: Desk, api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"RATE": 0.9, "BURST": 3.0, "A_MINUTE": 18, "DRAFT_EVERY_S": 0.35}.items():
        monkeypatch.setattr(ChatBudget, name, value)
    alice, bot = api.world.person(), api.world.bot()
    group = group_of(api, alice, bot)
    api.flood.switch(FloodLimits())

    async def grow(_message: Message) -> AsyncIterator[str]:
        for length in range(1, 100):
            yield "x" * length
            await asyncio.sleep(0.02)

    async with desk.host(desk.surface(bot)) as host:
        host.client.growing = grow
        began = time.monotonic()
        api.world.write(alice, "/ask", group)
        api.world.write(alice, "/ask")
        await host.until(lambda: len(host.settled) == 2)
        took = time.monotonic() - began
    assert api.flood.refused == 0
    [answer] = api.world.replies(group)
    assert 2 <= len(answer.versions) <= 3 + 0.9 * took
    assert 3 <= len(api.calls.of("sendMessageDraft")) <= 2 + took / 0.35
    assert texts(api, alice) == texts(api, group) == ["echo: /ask"]
