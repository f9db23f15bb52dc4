"""What the bot arranges beside messages: the topics that the settings name, and the menu of commands.

What the real process does about people who change, delete and allow topics is in test_whole_in_trouble.py.
"""

import asyncio
from typing import Any

import pytest
from tests.telegram.conftest import Desk

from surfacehost_devkit.botapi import Bot, BotApi, Chat, faults
from surfacehost_devkit.hostprocess import wait_until
from surfacehost_telegram import TelegramSettings
from surfacehost_telegram.settings import COLORS

TREE = {"ideas": "Ideas", "tea": {"name": "Tea", "color": "green"}}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("surfacehost_telegram.topics.COMES_BACK_S", 0.1)
    monkeypatch.setattr("surfacehost.asides.AGAIN_S", 0.1)


def names(chat: Chat) -> list[str]:
    return [topic.name for topic in chat.topics.values() if not topic.deleted]


async def called(api: BotApi, chat: Chat, wanted: list[str]) -> None:
    """Wait until the topics of *chat* have these names."""
    await api.world.wait_for(lambda: names(chat) == wanted or None)


async def noted(desk: Desk, chat: Chat, count: int = 2) -> None:
    """Wait until *count* topics of *chat* are known to be there: noted after the last call, so no call tells of it."""

    def are_known() -> bool:
        notes = [value for key, value in desk.memory.values.items() if key.startswith(f"topic:{chat.id}:")]
        return len([note for note in notes if "id" in note]) == count

    await asyncio.to_thread(wait_until, are_known, 30)


def forum(api: BotApi, bot: Bot, *, may: bool = True) -> Chat:
    bob = api.world.person("Bob")
    team = api.groups.forum("Team", bob)
    api.groups.add_bot(team, bob, bot, as_admin=True, can_manage_topics=may)
    return team


async def test_topics_are_made_once_in_a_private_chat_and_in_the_groups_that_want_them(desk: Desk, api: BotApi) -> None:
    bot, alice = api.world.bot(has_topics_enabled=True), api.world.person()
    team, other = forum(api, bot), api.groups.forum("Other", api.world.person("Carol"))
    chat = api.world.private_chat(alice)
    table: dict[str, Any] = {"topics": TREE, "topic_groups": [team.id]}
    async with desk.host(desk.surface(bot, **table)) as host:
        api.world.write(alice, "hi")
        await noted(desk, chat)
        await noted(desk, team)
        api.world.write(alice, "hi again")
        await host.until(lambda: len([one for one in host.settled if one.startswith(str(alice.id))]) == 2)
    async with desk.host(desk.surface(bot, **table), cursor=host.put.cursor) as host:
        api.world.write(alice, "and again")
        await host.until(lambda: host.settled)
    assert names(chat) == names(team) == ["Ideas", "Tea"]
    assert names(other) == []
    assert [topic.icon_color for topic in chat.topics.values()][1] == COLORS["green"]
    assert len(api.calls.of("createForumTopic")) == 4


async def test_a_group_that_put_the_bot_out_stops_no_others_topics(desk: Desk, api: BotApi) -> None:
    """And one that is named no more gets no new ones."""
    bot = api.world.bot()
    groups = [forum(api, bot) for _ in range(6)]
    lost, unnamed, *others = groups
    async with desk.host(desk.surface(bot, topics={"tea": "Tea"}, topic_groups=[one.id for one in groups])) as host:
        for one in groups:
            await noted(desk, one, 1)
    del lost.members[bot.id]
    named = [one.id for one in (lost, *others)]
    tree = {"tea": "Coffee", "ideas": "Ideas"}
    async with desk.host(desk.surface(bot, topics=tree, topic_groups=named), cursor=host.put.cursor):
        for one in others:
            await called(api, one, ["Coffee", "Ideas"])
        await asyncio.to_thread(wait_until, lambda: api.calls.of("editForumTopic", chat_id=lost.id), 30)
    assert names(unnamed) == ["Tea"]


@pytest.mark.parametrize("fault", [faults.drop_after(), faults.garbage(acts=True), faults.reset()])
async def test_a_topic_whose_making_ended_unheard_is_looked_for(fault: faults.Fault, desk: Desk, api: BotApi) -> None:
    bot = api.world.bot()
    team = forum(api, bot)
    api.faults.plan("createForumTopic", fault)
    async with desk.host(desk.surface(bot, topics=TREE, topic_groups=[team.id])):
        await noted(desk, team)
    assert names(team) == ["Ideas", "Tea"]


async def test_commands_are_offered_and_set_only_where_they_differ(desk: Desk, api: BotApi) -> None:
    desk.commands = {"en": {"new": "start afresh"}, "ru": {"new": "начать заново"}}
    bot = api.world.bot()

    def looked() -> int:
        return len([call for call in api.calls.of("getMyCommands") if call.status == 200])

    api.faults.plan("getMyCommands", faults.reset())
    async with desk.host(desk.surface(bot)) as host:
        await api.world.wait_for(lambda: len(bot.commands) == 4 or None)
        assert host.waits == []
    assert bot.commands["all_group_chats", "ru"] == [{"command": "new", "description": "начать заново"}]
    assert bot.commands["all_private_chats", ""] == [{"command": "new", "description": "start afresh"}]
    set_once = len(api.calls.of("setMyCommands"))
    before = looked()
    async with desk.host(desk.surface(bot)):
        await api.world.wait_for(lambda: looked() == before + 4 or None)
    assert len(api.calls.of("setMyCommands")) == set_once == 4


@pytest.mark.parametrize("topics", [{"a": ""}, {"a": "x" * 129}, {"a": {"name": "x", "color": "pink"}}])
def test_topics_that_cannot_be(topics: Any) -> None:
    with pytest.raises(ValueError, match="topics"):
        TelegramSettings.model_validate({"token": "123456789:AAF_x", "topics": topics})
