"""Prompts with buttons, taps on them, and reactions."""

from dataclasses import replace
from typing import Any

import pytest
from tests.telegram.conftest import Desk, Host

from surfacehost import Choice, Message, Reply
from surfacehost_devkit.botapi import Bot, BotApi, Fault, faults
from surfacehost_devkit.botapi import Message as Sent

pytestmark = pytest.mark.usefixtures("hurry")

CHOICES = (Choice(id="aaaaaaaaaa", label="Approve", mark="✅"), Choice(id="bbbbbbbbbb", label="Deny", mark="❌"))
BUTTONS = [[{"text": "Approve", "callback_data": "aaaaaaaaaa"}, {"text": "Deny", "callback_data": "bbbbbbbbbb"}]]


def asking(host: Host) -> None:
    host.client.kind = "prompt"
    host.client.more = {"choices": CHOICES}


def buttons(message: Sent) -> Any:
    return (message.content.markup or {}).get("inline_keyboard")


async def test_a_prompt_has_buttons_and_becomes_what_was_decided(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    surface = desk.surface(bot)
    async with desk.host(surface) as host:
        asking(host)
        asked = api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
        [prompt] = api.world.replies(alice.id)
        assert buttons(prompt) == BUTTONS
        event = host.put.events[f"{alice.id}:{asked.id}"]
        tap = api.world.tap(alice, prompt, "aaaaaaaaaa")
        taken = replace(event, id=f"tap:{tap.query_id}", native={"callback_query_id": tap.query_id})
        assert isinstance(taken, Message)
        await api.world.wait_for(lambda: tap.answered or None)
        host.client.kind, host.client.more = "answer", {}
        await surface.on_message(taken, host.client)
        note = host.client.notes[f"{event.id}/prompt/0"]
        decided = Reply(
            id="decided", event=taken, kind="decided", body={"text": "echo: hi, approved", "entities": []}, note=note
        )
        for _ in range(2):  # repeating it does no harm
            await surface._sender.send(decided, host.client)
    assert prompt.text == "echo: hi, approved"
    assert buttons(prompt) is None
    assert host.failures == []


@pytest.mark.parametrize("fault", [faults.drop_after(), faults.reset()], ids=["done", "not done"])
async def test_a_prompt_whose_answer_is_lost_is_there_once_with_its_buttons(
    fault: Fault, desk: Desk, api: BotApi
) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot)) as host:
        asking(host)
        api.faults.plan("sendMessage", fault)
        asked = api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
    [prompt] = api.world.replies(alice.id)
    assert buttons(prompt) == BUTTONS
    assert host.client.notes[f"{alice.id}:{asked.id}/prompt/0"]["placed"] == prompt.id


async def test_somebody_elses_prompt_is_not_the_lost_answer(desk: Desk, api: BotApi) -> None:
    """An open prompt of another topic comes behind an answer that never arrived: it is not taken for that."""
    alice, bot = api.world.person(), api.world.bot()
    surface = desk.surface(bot)
    async with desk.host(surface) as host:
        asked = api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
        event = host.put.events[f"{alice.id}:{asked.id}"]
        assert isinstance(event, Message)
        asking(host)
        await surface.on_message(replace(event, id="p"), host.client)
    fresh = desk.surface(bot)  # knows none of the messages
    lost = {"chat": str(alice.id), "after": api.world.replies(alice.id)[0].id, "at": 0.0}
    body = {"text": "lost", "entities": []}
    reply = Reply(id="lost", event=event, kind="answer", body=body, repeated=True, note=lost)
    await fresh._bot.connect()
    fresh._sender._ids.caught_up()
    await fresh._sender.send(reply, host.client)
    assert [one.text for one in api.world.replies(alice.id)][-1] == "lost"


async def test_a_prompt_that_is_gone_is_decided_beside_it(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    surface = desk.surface(bot)
    async with desk.host(surface) as host:
        asking(host)
        asked = api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
        api.world.delete(*api.world.replies(alice.id))
        event = host.put.events[f"{alice.id}:{asked.id}"]
        note = host.client.notes[f"{event.id}/prompt/0"]
        body = {"text": "approved", "entities": []}
        await surface._sender.send(Reply(id="d", event=event, kind="decided", body=body, note=note), host.client)
    assert [one.text for one in api.world.replies(alice.id)] == ["approved"]


async def test_long_labels_stand_below_each_other(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot)) as host:
        asking(host)
        host.client.more = {"choices": [Choice(id=str(number), label="A long label " * 2) for number in range(3)]}
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
    [prompt] = api.world.replies(alice.id)
    assert [len(row) for row in buttons(prompt)] == [1, 1, 1]


def reactions(message: Sent, bot: Bot) -> list[Any]:
    return [one["emoji"] for one in message.reactions.get(bot.id, [])]


async def test_a_reaction_of_a_person_says_nothing(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot)) as host:
        asking(host)
        host.client.more = {"choices": [Choice(id="yes", label="Approve")]}
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
        api.world.react(alice, api.world.replies(alice.id)[0], "👍")
        api.world.write(alice, "still there?")
        await host.until(lambda: len(host.settled) == 2)
    assert len(host.put.events) == 2
    assert host.put.unread == {}


async def test_reactions(desk: Desk, api: BotApi, caplog: pytest.LogCaptureFixture) -> None:
    alice, bot = api.world.person(), api.world.bot()
    surface = desk.surface(bot)
    async with desk.host(surface) as host:
        asked = api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
        event = host.put.events[f"{alice.id}:{asked.id}"]
        for mark, seen in (("👀", ["👀"]), ("⚠️", ["🤷"]), (None, [])):
            await surface.react(event, mark)
            assert reactions(asked, bot) == seen
        await surface.react(event, "🧭")
        await surface.react(replace(event, native={}), "👀")  # about no message
    assert "REACTION_INVALID" in caplog.text.upper()
    assert reactions(asked, bot) == []
