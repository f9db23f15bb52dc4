"""The way in, and everything that can go wrong on it."""

import asyncio
import json

import pytest
from tests.telegram.conftest import Desk

from surfacehost import NotReady, Refused
from surfacehost_devkit.botapi import BotApi, Fault, faults
from surfacehost_devkit.fakes import FakePut


async def test_events_are_stored_before_telegram_forgets_them(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot)) as host:
        host.put.broken = NotReady("disk full")
        api.world.write(alice, "hi")
        await host.until(lambda: host.waits)
        assert [str(error) for error in host.waits][:1] == ["disk full"]
        assert len(bot.queue.pending) == 1
        host.put.broken = None
        await host.until(lambda: host.settled)
        assert len(api.world.replies(alice.id)) == 1
        await api.world.wait_for(lambda: True if not bot.queue.pending else None)


async def test_it_goes_on_at_the_cursor(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot)) as host:
        api.world.write(alice, "one")
        await host.until(lambda: host.settled)
        cursor = host.put.cursor
    api.world.write(alice, "two")
    async with desk.host(desk.surface(bot), cursor=cursor) as host:
        await host.until(lambda: host.settled)
        assert len(host.put.events) == 1
    assert json.loads(cursor or "") == {
        "bot": bot.id,
        "offset": int(api.calls.of("getUpdates")[-1].params["offset"]) - 1,
    }


async def test_a_cursor_of_another_bot_says_nothing(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    api.world.write(alice, "hi")
    async with desk.host(desk.surface(bot), cursor='{"bot": 5, "offset": 999999999}') as host:
        await host.until(lambda: host.settled)
    assert api.calls.of("getUpdates")[0].params["offset"] == "0"


async def test_ids_that_start_again_lower_are_confirmed(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot)) as host:
        api.world.write(alice, "one")
        await host.until(lambda: host.settled)
        await api.world.wait_for(lambda: True if not bot.queue.pending else None)
        bot.queue.renumber(5_000)
        api.world.write(alice, "two")
        await host.until(lambda: len(host.settled) == 2)
        await api.world.wait_for(lambda: True if not bot.queue.pending else None)
    assert json.loads(host.put.cursor or "") == {"bot": bot.id, "offset": 5_001}


async def test_every_poll_says_what_it_wants(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot)) as host:
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
    for number, call in enumerate(api.calls.of("getUpdates")):
        wanted = {*json.loads(call.params["allowed_updates"])}
        assert {"message", "my_chat_member", "callback_query"} <= wanted
        assert "message_reaction" not in wanted
        assert call.params["timeout"] == ("50" if number else "0")


async def test_an_update_nobody_can_read_is_parked_alone(
    desk: Desk, api: BotApi, caplog: pytest.LogCaptureFixture
) -> None:
    alice, bot = api.world.person(), api.world.bot()
    api.world.write(alice, "before")
    chat = {"id": alice.id, "type": "private"}
    bot.queue.put_raw(
        {"message": {"message_id": 9, "chat": chat, "date": 1, "text": "x", "entities": [{"type": "bold"}]}}
    )
    poison = bot.queue.pending[-1][0]
    bot.queue.put_raw({"message": 5})
    api.world.write(alice, "after")
    async with desk.host(desk.surface(bot)) as host:
        await host.until(lambda: len(host.settled) == 2)
        await api.world.wait_for(lambda: True if not bot.queue.pending else None)
    lines = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert lines == [f"update {number} can't be understood and is parked" for number in (poison, poison + 1)]
    assert json.loads(host.put.unread[f"update:{poison + 1}"]) == {"update_id": poison + 1, "message": 5}
    assert [*host.put.unread] == [f"update:{poison}", f"update:{poison + 1}"]
    assert [reply.text for reply in api.world.replies(alice.id)] == ["echo: before", "echo: after"]


async def test_an_empty_poll_is_a_sign_of_life(desk: Desk, api: BotApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("surfacehost_telegram.fetch.POLL_S", 1)
    bot = api.world.bot()
    async with desk.host(desk.surface(bot)) as host:
        await api.world.wait_for(lambda: len(api.calls.of("getUpdates")) > 1 or None)
    assert host.put.calls >= 1
    assert host.put.cursor is None
    assert host.waits == []


async def test_it_starts_offline_and_comes_back(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    await api.away()
    async with desk.host(desk.surface(bot)) as host:
        await host.until(lambda: len(host.waits) > 2)
        await api.back()
        api.world.write(alice, "one")
        await host.until(lambda: host.settled)
        waits = len(host.waits)
        await api.away()
        await host.until(lambda: len(host.waits) > waits)
        await api.back()
        api.world.write(alice, "two")
        await host.until(lambda: len(host.settled) == 2)
    assert all("can't be reached" in str(error) for error in host.waits)
    assert "AAH" not in host.told()


BROKEN = {
    "reset": faults.reset(),
    "answer lost": faults.drop_after(),
    "half an answer": faults.half(),
    "garbage": faults.garbage(),
    "not ok": faults.not_ok(),
    "no list": faults.answer(200, {"ok": True, "result": {"update_id": 1}}),
    "no updates": faults.answer(200, {"ok": True, "result": [{"message": {}}]}),
    "502 page": faults.bad_gateway(),
    "500": faults.error(500, "Internal Server Error"),
    "404 page": faults.bad_gateway(404),
    "401 once": faults.error(401, "Unauthorized"),
    "404 once": faults.error(404, "Not Found"),
    "403": faults.error(403, "Forbidden"),
}


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN)
async def test_a_broken_poll_loses_nothing(fault: Fault, desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    api.faults.plan("getUpdates", fault, times=2)
    api.world.write(alice, "hi")
    async with desk.host(desk.surface(bot)) as host:
        await host.until(lambda: host.settled)
        assert len(host.waits) == 2
        assert host.refused is None
        assert "AAH" not in host.told()
    assert len(api.world.replies(alice.id)) == 1


@pytest.mark.parametrize("fault", [faults.hang(), faults.hang(acts=True)])
async def test_a_silent_poll_is_given_up(
    fault: Fault, desk: Desk, api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("surfacehost_telegram.fetch.POLL_S", 0)
    monkeypatch.setattr("surfacehost_telegram.bot.POLL_MARGIN_S", 0.5)
    alice, bot = api.world.person(), api.world.bot()
    api.faults.plan("getUpdates", fault)
    api.world.write(alice, "hi")
    async with desk.host(desk.surface(bot)) as host:
        await host.until(lambda: host.settled)
        assert len(host.waits) == 1
    assert len(api.world.replies(alice.id)) == 1


async def test_a_wrong_token_is_refused(desk: Desk, api: BotApi) -> None:
    api.world.bot()
    token = "123456:AAHnobodysnobodysnobodysnobodysnobody"
    surface = desk.surface(token)
    async with desk.host(surface) as host:
        await host.until(lambda: host.refused)
    assert "Telegram does not accept the token (Unauthorized)" in host.told()
    assert "AAH" not in host.told()
    assert api.calls.of("getUpdates") == []


async def test_a_token_that_dies_is_refused(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot)) as host:
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
        await api.away()  # cuts the waiting poll
        del api.state.bots[bot.token]
        await api.back()
        await host.until(lambda: host.refused)
    assert isinstance(host.refused, Refused)


async def test_a_page_that_repeats_the_address_keeps_the_token(desk: Desk, api: BotApi) -> None:
    bot = api.world.bot()
    page = f"<h1>Not Found</h1>The requested URL /bot{bot.token}/getMe was not found on this server."
    api.faults.plan("getMe", faults.answer(404, page))
    api.faults.plan("getMe", faults.error(404, f"no /bot{bot.token}/getMe"))
    async with desk.host(desk.surface(bot)) as host:
        await host.until(lambda: host.refused)
        assert [str(error) for error in host.waits] == [
            "Telegram can't be reached: the answer, HTTP status 404, is not one of a Bot API server"
        ]
        assert "AAH" not in host.told()


@pytest.mark.parametrize(("fault", "wait"), [(faults.too_many(7), 7), (faults.too_many(None), 3)])
@pytest.mark.parametrize("method", ["getMe", "getUpdates"])
async def test_too_many_calls(method: str, fault: Fault, wait: float, desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    api.faults.plan(method, fault)
    api.world.write(alice, "hi")
    async with desk.host(desk.surface(bot)) as host:
        await host.until(lambda: host.settled)
    assert [error.retry_after for error in host.waits] == [wait]


async def test_a_second_poller_is_named_and_outlived(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot)) as host:
        async with desk.host(desk.surface(bot)) as other:
            await host.until(lambda: len(host.waits) > 1)
            await other.until(lambda: len(other.waits) > 1)
        seen = len(host.put.events)
        api.world.write(alice, "hi")
        await host.until(lambda: len(host.put.events) > seen and host.settled)
    assert all("another process takes this bot's messages" in str(error) for error in host.waits)
    assert [error.retry_after for error in host.waits][:2] == [5.0, 10.0]
    assert max(error.retry_after or 0 for error in host.waits) <= 30


async def test_a_webhook_is_named_and_left_alone(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    surface = desk.surface(bot)
    await surface._bot.set_webhook("http://127.0.0.1:9/somebody")
    async with desk.host(surface) as host:
        await host.until(lambda: len(host.waits) > 3)
        assert (await surface._bot.get_webhook_info()).url == "http://127.0.0.1:9/somebody"
        await surface._bot.delete_webhook()
        api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
        waits = len(host.waits)
        await surface._bot.set_webhook("http://127.0.0.1:9/somebody")
        await host.until(lambda: len(host.waits) > waits + 1)
        # The first of these ends the waiting poll: "terminated by setWebhook request".
        assert [error.retry_after for error in host.waits[waits : waits + 2]] == [5.0, 10.0]
    told = str(host.waits[0])
    assert told.startswith("a webhook takes this bot's messages at http://127.0.0.1:9/somebody; remove it")
    assert [error.retry_after for error in host.waits[:4]] == [5.0, 10.0, 20.0, 30.0]


async def test_cancelling_closes_every_connection(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    surface = desk.surface(bot)
    put = FakePut(desk.memory)
    listening = asyncio.create_task(surface.listen(put))
    api.world.write(alice, "hi")
    await api.world.wait_for(lambda: len(api.calls.of("getUpdates")) > 1 or None)
    async with asyncio.timeout(1):
        listening.cancel()
        await asyncio.wait([listening])
    assert listening.cancelled()
    assert all(line._client.is_closed for line in surface._bot._lines)


async def test_it_can_listen_again(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    surface = desk.surface(bot)
    for text in ("one", "two"):
        async with desk.host(surface) as host:
            api.world.write(alice, text)
            await host.until(lambda host=host: host.settled)  # type: ignore[misc]  # bound now, not when it is called
    assert [reply.text for reply in api.world.replies(alice.id)][-1] == "echo: two"


def test_a_surface_keeps_its_token_to_itself(desk: Desk, api: BotApi) -> None:
    surface = desk.surface(api.world.bot())
    assert "AAH" not in f"{surface!r} {surface._bot!r} {surface._sender!r} {vars(surface)!r}"
