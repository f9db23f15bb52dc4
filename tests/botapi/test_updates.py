"""getUpdates: offsets, long polls, conflicts, what is wanted; and that a bot token is checked."""

import asyncio
from collections.abc import Callable

import pytest
from telegram.error import Conflict, EndPointNotFound, InvalidToken
from telegram.ext import ExtBot

from surfacehost_devkit.botapi import Account, Bot, BotApi, World

Client = ExtBot[None]
Connect = Callable[[str], Client]


async def test_nothing_is_confirmed_until_the_next_offset(
    client: Client, world: World, bot: Bot, alice: Account
) -> None:
    for text in ("one", "two", "three"):
        world.write(alice, text)
    first = await client.get_updates(timeout=1)
    again = await client.get_updates(timeout=1, offset=first[0].update_id)
    assert [update.update_id for update in first] == [update.update_id for update in again]
    assert [update.message and update.message.text for update in first] == ["one", "two", "three"]
    ids = [update.update_id for update in first]
    assert ids == list(range(ids[0], ids[0] + 3))
    rest = await client.get_updates(timeout=1, offset=ids[1] + 1)
    assert [update.update_id for update in rest] == ids[2:]
    assert len(bot.queue.pending) == 1


async def test_limit_and_negative_offset(client: Client, world: World, alice: Account) -> None:
    for number in range(5):
        world.write(alice, str(number))
    assert len(await client.get_updates(limit=2, timeout=1)) == 2
    (last,) = await client.get_updates(offset=-1, timeout=1)
    assert last.message is not None
    assert last.message.text == "4"
    assert len(await client.get_updates(timeout=1, offset=last.update_id)) == 1


async def test_a_hurried_repeat_gets_one_update(client: Client, world: World, alice: Account) -> None:
    for number in range(5):
        world.write(alice, str(number))
    assert len(await client.get_updates(timeout=1)) == 5
    assert len(await client.get_updates(timeout=1)) == 1


async def test_a_poll_waits_for_what_comes(client: Client, world: World, bot: Bot, alice: Account) -> None:
    polling = asyncio.create_task(client.get_updates(timeout=20))
    await world.wait_for(lambda: True if bot.queue.waiting else None)
    world.write(alice, "late")
    async with asyncio.timeout(2):
        (update,) = await polling
    assert update.message is not None
    assert update.message.text == "late"


async def test_the_older_of_two_polls_gets_409(
    connect: Connect, client: Client, world: World, bot: Bot, alice: Account
) -> None:
    first = asyncio.create_task(client.get_updates(timeout=20))
    await world.wait_for(lambda: True if bot.queue.waiting else None)
    async with connect(bot.token) as other:
        second = asyncio.create_task(other.get_updates(timeout=20))
        with pytest.raises(Conflict, match="terminated by other getUpdates request; make sure that only one bot"):
            await first
        world.write(alice, "hello")
        assert len(await second) == 1


async def test_kinds_that_are_wanted(client: Client, world: World, bot: Bot, alice: Account) -> None:
    await client.get_updates(timeout=0, allowed_updates=["edited_message", "no_such_kind"])
    message = world.write(alice, "hello")
    world.edit(message, "hullo")
    (update,) = await client.get_updates(timeout=1)
    assert update.edited_message is not None
    await client.get_updates(timeout=1, offset=update.update_id + 1)
    assert "message_reaction" not in bot.queue.allowed
    await client.get_updates(timeout=0, allowed_updates=[])
    assert {"message", "my_chat_member", "callback_query"} <= bot.queue.allowed
    assert not {"message_reaction", "message_reaction_count", "chat_member"} & bot.queue.allowed


async def test_ids_may_start_again_lower(client: Client, world: World, bot: Bot, alice: Account) -> None:
    world.write(alice, "old")
    (old,) = await client.get_updates(timeout=1)
    await client.get_updates(timeout=0, offset=old.update_id + 1)
    bot.queue.renumber(5_000_000)
    world.write(alice, "new")
    (new,) = await client.get_updates(timeout=1, offset=old.update_id + 1)
    assert new.update_id == 5_000_000
    assert await client.get_updates(timeout=0, offset=new.update_id + 1) == ()


async def test_updates_say_what_was_true_then(client: Client, world: World, alice: Account) -> None:
    message = world.write(alice, "before")
    world.edit(message, "after")
    texts = [(update.message or update.edited_message) for update in await client.get_updates(timeout=1)]
    assert [one and one.text for one in texts] == ["before", "after"]


@pytest.mark.parametrize("token", ["123456:AAHunknown-token-of-a-bot-nobody-made", "nonsense"])
async def test_unknown_tokens(api: BotApi, connect: Connect, token: str) -> None:
    with pytest.raises(InvalidToken):
        async with connect(token):
            pytest.fail("a client without a valid token started")
    assert api.calls.records[-1].status == 401


async def test_unknown_methods(api: BotApi, client: Client) -> None:
    with pytest.raises(EndPointNotFound):
        await client.do_api_request("sendSomethingElse")
    assert (api.calls.records[-1].status, api.calls.records[-1].outcome) == (404, "Not Found: method not found")
