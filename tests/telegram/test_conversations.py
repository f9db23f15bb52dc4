"""People write and get answers: private chats, groups, topics, invitations."""

import asyncio
import json

from tests.telegram.conftest import Desk

from surfacehost import Message
from surfacehost_devkit.botapi import BotApi, Chat
from surfacehost_devkit.botapi import Message as Sent


async def answer(api: BotApi, chat: Chat | int, asked: Sent) -> Sent:
    """The bot's answer; in a group its greeting may come after the question."""
    return await api.world.wait_for_reply(chat, after=asked, where=lambda reply: reply.text.startswith("echo"))


async def test_a_private_chat(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot)):
        asked = api.world.write(alice, "**hi**")
        reply = await answer(api, alice.id, asked)
    assert reply.text == "echo: hi"
    assert [(mark.type, mark.offset, mark.length) for mark in reply.entities] == [("bold", 6, 2)]
    assert reply.reply_to is None
    assert reply.content.link_preview == {"is_disabled": True}
    assert "parse_mode" not in api.calls.of("sendMessage")[0].params


async def test_in_a_group_the_answer_is_a_reply(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    team = api.groups.supergroup("Team", alice)
    api.groups.add_bot(team, alice, bot)
    async with desk.host(desk.surface(bot)) as host:
        asked = api.world.write(alice, "@Agent_bot 2+2?", team)
        reply = await answer(api, team, asked)
        assert reply.text == "echo: 2+2?"
        assert reply.reply_to is asked
        assert api.world.replies(team)[0].text == "hello"
        assert [str(event.key) for event in host.put.events.values()] == [f"1/tg/~/{team.id}/~"] * 2


async def test_a_deleted_question_is_answered_all_the_same(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    team = api.groups.group("Team", alice)
    api.groups.add_bot(team, alice, bot)
    surface = desk.surface(bot)
    async with desk.host(surface) as host:

        async def think(_message: Message) -> None:
            api.world.delete(*api.world.messages(team))

        host.client.thinking = think
        asked = api.world.write(alice, "/ask", team)
        reply = await answer(api, team, asked)
    assert reply.reply_to is None


async def test_what_is_not_for_the_bot_says_so(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot(can_read_all_group_messages=True)
    team = api.groups.group("Team", alice)
    api.groups.add_bot(team, alice, bot)
    async with desk.host(desk.surface(bot)) as host:
        api.world.write(alice, "hello all", team)
        asked = api.world.write(alice, "/start@agent_bot", team)
        await answer(api, team, asked)
    texts = {event.text: event.addressed for event in host.put.events.values() if isinstance(event, Message)}
    assert texts == {"hello all": False, "/start": True}


async def test_topics_of_a_forum_are_conversations_of_their_own(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    forum = api.groups.forum("Team", alice)
    api.groups.add_bot(forum, alice, bot)
    tea = api.groups.open_topic(forum, alice, "Tea")
    async with desk.host(desk.surface(bot)) as host:
        asked = api.world.write(alice, "/ask", forum, topic=tea)
        reply = await answer(api, forum, asked)
        assert (reply.thread_id, reply.is_topic_message) == (tea.thread_id, True)
        asked = api.world.write(alice, "/ask", forum)
        reply = await answer(api, forum, asked)
        assert reply.thread_id is None
    assert {event.topic for event in host.put.events.values()} == {"", str(tea.thread_id)}


async def test_topics_of_a_private_chat(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot(has_topics_enabled=True)
    tea = api.groups.open_topic(api.world.private_chat(alice), alice, "Tea")
    async with desk.host(desk.surface(bot)) as host:
        asked = api.world.write(alice, "hi", topic=tea)
        reply = await answer(api, alice.id, asked)
    assert reply.thread_id == tea.thread_id
    assert [str(event.key) for event in host.put.events.values()] == [f"1/tg/{alice.id}/{alice.id}/{tea.thread_id}"]


async def test_a_long_answer_arrives_in_parts_and_in_order(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot)) as host:
        host.client.says = lambda _message: "\n\n".join(f"Paragraph {number}. " + "word " * 150 for number in range(12))
        asked = api.world.write(alice, "tell")
        await host.until(lambda: host.settled)
    texts = [reply.text for reply in api.world.replies(alice.id, after=asked)]
    assert len(texts) == 3
    assert [word for text in texts for word in text.split() if word.endswith(".")] == [f"{n}." for n in range(12)]


async def test_only_the_first_part_is_a_reply(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    team = api.groups.group("Team", alice)
    team.members[bot.id] = team.member(bot.account).standing("member")
    async with desk.host(desk.surface(bot)) as host:
        host.client.says = lambda _message: "\n\n".join("word " * 800 for _ in range(2))
        asked = api.world.write(alice, "/tell", team)
        await host.until(lambda: host.settled)
    assert [reply.reply_to for reply in api.world.replies(team)] == [asked, None]


def test_what_is_empty_is_not_sent(desk: Desk, api: BotApi) -> None:
    surface = desk.surface(api.world.bot())
    assert surface.compose("") == surface.compose(" \n ") == []
    [part] = surface.compose("a `b`")
    assert json.loads(json.dumps(part)) == {
        "text": "a b",
        "entities": [{"type": "code", "offset": 2, "length": 1}],
    }
    assert surface.mounts() == {}


async def test_an_invitation_is_answered_by_a_greeting(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot)):
        team = api.groups.group("Team", alice)
        api.groups.add_bot(team, alice, bot)
        assert (await api.world.wait_for_reply(team)).text == "hello"


async def test_an_invitation_by_a_stranger_is_declined(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot)) as host:
        host.client.welcome = False
        team = api.groups.group("Team", alice)
        api.groups.add_bot(team, alice, bot)
        await host.until(lambda: host.settled)
    assert team.member(bot.account).status == "left"
    assert api.world.replies(team) == []


async def test_declining_where_the_bot_is_no_more(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    team = api.groups.group("Team", alice)
    api.groups.add_bot(team, alice, bot)
    api.groups.remove_bot(team, alice, bot)
    async with desk.host(desk.surface(bot)) as host:
        host.client.welcome = False
        await host.until(lambda: host.settled)
    assert host.failures == []


async def test_an_error_is_explained(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    surface = desk.surface(bot)
    async with desk.host(surface) as host:
        asked = api.world.write(alice, "hi")
        await host.until(lambda: host.settled)
        [event] = host.put.events.values()
        await surface.on_error(ZeroDivisionError(), event, host.client)
    assert [reply.text for reply in api.world.replies(alice.id, after=asked)] == [
        "echo: hi",
        "sorry: ZeroDivisionError",
    ]


async def test_two_bots_in_one_process(desk: Desk, api: BotApi) -> None:
    alice, one, other = api.world.person(), api.world.bot("one_bot"), api.world.bot("other_bot")
    async with desk.host(desk.surface(one)), desk.host(desk.surface(other)) as host:
        for bot in (one, other):
            asked = api.world.write(alice, f"hi {bot.account.username}", bot=bot)
            reply = await api.world.wait_for_reply(alice.id, after=asked, bot=bot)
            assert reply.text == f"echo: hi {bot.account.username}"
    assert len(host.put.events) == 1


async def test_typing_while_the_agent_thinks(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot(has_topics_enabled=True)
    tea = api.groups.open_topic(api.world.private_chat(alice), alice, "Tea")
    async with desk.host(desk.surface(bot, stream="final")) as host:
        thought = asyncio.Event()

        async def think(_message: Message) -> None:
            await thought.wait()

        host.client.thinking = think
        api.world.write(alice, "hi", topic=tea)
        await api.world.wait_for(lambda: api.world.actions(alice.id) or None)
        thought.set()
        await host.until(lambda: host.settled)
        assert not [task for task in asyncio.all_tasks() if "_beat" in repr(task.get_coro())]
    [action] = api.world.actions(alice.id)
    assert (action.action, action.thread_id) == ("typing", tea.thread_id)


async def test_typing_for_nobody_when_the_answer_is_there_at_once(desk: Desk, api: BotApi) -> None:
    alice, bot = api.world.person(), api.world.bot()
    async with desk.host(desk.surface(bot, stream="final")):
        await api.world.wait_for_reply(alice.id, after=api.world.write(alice, "hi"))
    assert api.world.actions(alice.id) == []
