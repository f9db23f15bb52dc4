"""Groups: what a bot hears, being added and removed, migration."""

import pytest
from telegram import Update
from telegram.error import BadRequest, Forbidden
from telegram.ext import ExtBot

from surfacehost_devkit.botapi import Account, Bot, Chat, Groups, World

Client = ExtBot[None]


@pytest.fixture
def team(groups: Groups, bot: Bot, alice: Account) -> Chat:
    """A supergroup with the bot, all news about its making read."""
    chat = groups.supergroup("Team", alice)
    groups.add_bot(chat, alice)
    bot.queue.pending.clear()
    return chat


async def heard(client: Client) -> list[Update]:
    return list(await client.get_updates(timeout=0))


@pytest.mark.parametrize(
    ("text", "reaches"),
    [
        ("just talking", False),
        ("@agent_bot please", True),
        ("hey @AGENT_BOT!", True),
        ("@agent_botany", False),
        ("write to a@agent_bot.com", False),
        ("@other_bot please", False),
        ("/help", True),
        ("/help@agent_bot", True),
        ("/help@other_bot", False),
        ("и/или", False),
    ],
)
async def test_privacy_mode(client: Client, world: World, alice: Account, team: Chat, text: str, reaches: bool) -> None:  # noqa: FBT001  # a column of the table
    world.write(alice, text, team)
    assert bool(await heard(client)) is reaches


async def test_replies_to_the_bot_and_service_messages_get_through(
    client: Client, world: World, alice: Account, team: Chat
) -> None:
    sent = await client.send_message(team.id, "hello all")
    world.write(alice, "thanks", team, reply_to=sent.message_id)
    world.write(alice, "not for you", team)
    (update,) = await heard(client)
    assert update.message is not None
    assert update.message.reply_to_message is not None
    assert update.message.message_thread_id == sent.message_id
    assert update.message.is_topic_message is None


async def test_a_bare_command_is_for_the_bot_that_spoke_last(
    client: Client, world: World, groups: Groups, alice: Account, bot: Bot, team: Chat
) -> None:
    other = world.bot("other_bot")
    groups.add_bot(team, alice, other)
    await client.send_message(team.id, "mine was the last word")
    bot.queue.pending.clear()
    other.queue.pending.clear()
    world.write(alice, "/help", team)
    assert (len(bot.queue.pending), len(other.queue.pending)) == (1, 0)


async def test_without_privacy_mode_and_as_administrator_everything_is_heard(
    client: Client, world: World, groups: Groups, alice: Account, bot: Bot, team: Chat
) -> None:
    bot.can_read_all_group_messages = True
    world.write(alice, "just talking", team)
    bot.can_read_all_group_messages = False
    groups.set_standing(team, alice, "administrator")
    world.write(alice, "just talking", team)
    updates = await heard(client)
    assert [update.my_chat_member is None for update in updates] == [True, False, True]
    assert (await client.get_me()).can_read_all_group_messages is False


async def test_bots_do_not_hear_bots(client: Client, world: World, groups: Groups, alice: Account, team: Chat) -> None:
    other = world.bot("other_bot", can_read_all_group_messages=True)
    groups.add_bot(team, alice, other)
    other.queue.pending.clear()
    await client.send_message(team.id, "@other_bot hello")
    assert other.queue.pending == []


@pytest.mark.parametrize("kind", ["group", "supergroup"])
async def test_being_added_names_who_did_it(client: Client, groups: Groups, alice: Account, kind: str) -> None:
    chat = groups.group("Team", alice) if kind == "group" else groups.supergroup("Team", alice)
    groups.add_bot(chat, alice)
    standing, service = await heard(client)
    change = standing.my_chat_member
    assert change is not None
    assert (change.from_user.id, change.chat.type) == (alice.id, kind)
    assert (change.old_chat_member.status, change.new_chat_member.status) == ("left", "member")
    assert service.message is not None
    assert [user.username for user in service.message.new_chat_members] == ["agent_bot"]


async def test_being_removed(client: Client, groups: Groups, alice: Account, team: Chat) -> None:
    groups.remove_bot(team, alice)
    (update,) = await heard(client)
    assert update.my_chat_member is not None
    assert update.my_chat_member.new_chat_member.status == "kicked"


async def test_leaving_a_basic_group(client: Client, groups: Groups, bot: Bot, alice: Account) -> None:
    chat = groups.group("Small", alice)
    groups.add_bot(chat, alice)
    bot.queue.pending.clear()
    assert await client.leave_chat(chat.id)
    service, standing = await heard(client)
    assert service.message is not None
    assert service.message.left_chat_member is not None
    assert standing.my_chat_member is not None
    with pytest.raises(Forbidden, match="bot is not a member of the group chat"):
        await client.send_message(chat.id, "hello")


async def test_leaving(client: Client, bot: Bot, team: Chat) -> None:
    assert await client.leave_chat(team.id)
    (update,) = await heard(client)
    assert update.my_chat_member is not None
    assert (update.my_chat_member.from_user.id, update.my_chat_member.new_chat_member.status) == (bot.id, "left")


async def test_blocking_and_unblocking(client: Client, world: World, alice: Account) -> None:
    world.block(alice)
    world.unblock(alice)
    changes = [update.my_chat_member for update in await heard(client)]
    assert [one and one.new_chat_member.status for one in changes] == ["kicked", "member"]
    assert all(one is not None and one.chat.type == "private" for one in changes)


async def test_a_bot_that_joins_no_groups(world: World, groups: Groups, alice: Account) -> None:
    loner = world.bot("loner_bot", can_join_groups=False)
    with pytest.raises(ValueError, match="can't be added"):
        groups.add_bot(groups.group("Team", alice), alice, loner)


async def test_migration_tells_both_chats(client: Client, world: World, groups: Groups, alice: Account) -> None:
    old = groups.group("Team", alice)
    groups.add_bot(old, alice)
    sent = await client.send_message(old.id, "before")
    await client.get_updates(offset=-1, timeout=0)
    new = groups.migrate(old, alice)
    updates = [update.message for update in await heard(client)][-2:]
    assert [one and (one.chat.id, one.migrate_to_chat_id, one.migrate_from_chat_id) for one in updates] == [
        (old.id, new.id, None),
        (new.id, None, old.id),
    ]
    assert sent.message_id not in {one.id for one in world.replies(new)}


async def test_chats_and_members(
    client: Client, world: World, groups: Groups, alice: Account, bot: Bot, team: Chat
) -> None:
    bob = world.person("Bob")
    assert (await client.get_chat(team.id)).title == "Team"
    assert (await client.get_chat(alice.id)).username == "alice_a"
    assert (await client.get_chat_member(team.id, alice.id)).status == "creator"
    assert (await client.get_chat_member(team.id, bot.id)).status == "member"
    groups.set_standing(team, alice, "administrator", can_manage_topics=True)
    assert getattr(await client.get_chat_member(team.id, bot.id), "can_manage_topics", None) is True
    with pytest.raises(BadRequest, match="Member not found"):
        await client.get_chat_member(team.id, bob.id)
    with pytest.raises(BadRequest, match="User not found"):
        await client.get_chat_member(team.id, 31337)
    with pytest.raises(BadRequest, match="Chat not found"):
        await client.get_chat(31337)
