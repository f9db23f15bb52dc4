"""``delivery = "edit"``: an answer is an edit of a placeholder, so that repeating it does no harm."""

import pytest
from tests.telegram.conftest import Desk, texts
from tests.telegram.test_repeating import DONE, NOT_DONE

from surfacehost import Message
from surfacehost_devkit.botapi import BotApi, Fault, faults
from surfacehost_telegram.send import PLACEHOLDER

pytestmark = pytest.mark.usefixtures("hurry")

ALL = DONE | NOT_DONE


@pytest.mark.parametrize("fault", ALL.values(), ids=[*ALL])
async def test_a_lost_placeholder_costs_a_placeholder(fault: Fault, desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot, delivery="edit")) as host:
        api.faults.plan("sendMessage", fault)
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
    assert texts(api, alice) == [*([PLACEHOLDER] if fault in DONE.values() else []), "echo: hi"]
    assert api.calls.of("editMessageReplyMarkup") == []


@pytest.mark.parametrize("fault", [*ALL.values(), faults.too_many(1)], ids=[*ALL, "429"])
async def test_a_lost_edit_costs_nothing(fault: Fault, desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot, delivery="edit")) as host:
        api.faults.plan("editMessageText", fault)
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
    assert texts(api, alice) == ["echo: hi"]
    assert len(api.calls.of("sendMessage")) == 1


async def test_after_a_crash_the_placeholder_becomes_the_answer(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot, delivery="edit")) as host:
        api.faults.plan("editMessageText", faults.hang())
        api.world.write(alice, "hi")
        await api.world.wait_for(lambda: api.faults.hanging or None)
    assert texts(api, alice) == [PLACEHOLDER]
    [event] = host.put.events.values()
    assert isinstance(event, Message)
    await desk.surface(bot, delivery="edit").on_message(event, host.client)
    assert texts(api, alice) == ["echo: hi"]


async def test_a_placeholder_that_somebody_deleted_is_sent_again(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot, delivery="edit")) as host:
        api.faults.plan("editMessageText", faults.reset())

        async def think(_message: Message) -> None:
            api.world.delete(*api.world.replies(alice.id))

        host.client.thinking = think
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
    assert texts(api, alice) == ["echo: hi"]


REFUSALS = {
    "too long": "Bad Request: message is too long",
    "not to be edited": "Bad Request: message can't be edited",
    "gone": "Bad Request: message to edit not found",
}


@pytest.mark.parametrize("reason", REFUSALS.values(), ids=REFUSALS)
async def test_where_no_placeholder_takes_the_answer_it_is_a_message(reason: str, desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot, delivery="edit")) as host:
        api.faults.plan("editMessageText", faults.error(400, reason), times=100)
        if "too long" in reason:
            api.faults.plan("sendMessage", faults.delay(0))
            api.faults.plan("sendMessage", faults.error(400, reason))
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled, 5)
    *placeholders, answer = api.world.replies(alice.id)
    assert [one.text for one in placeholders] == ([PLACEHOLDER] if "not found" in reason else [])
    assert answer.content.document if "too long" in reason else answer.text == "echo: hi"


async def test_formatting_and_parts_arrive(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot, delivery="edit")) as host:
        host.client.says = lambda _message: "**bold**\n\n" + "word " * 1500
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
    first, *rest = api.world.replies(alice.id)
    assert [entity.type for entity in first.content.entities] == ["bold"]
    assert rest
    assert PLACEHOLDER not in texts(api, alice)
