"""Topics of forums and of private chats, chat actions, drafts."""

import pytest
from telegram.error import BadRequest, Forbidden
from telegram.ext import ExtBot

from surfacehost_devkit.botapi import Account, Bot, Chat, Groups, World

Client = ExtBot[None]


@pytest.fixture
def forum(groups: Groups, bot: Bot, alice: Account) -> Chat:
    """A forum in which the bot may manage topics."""
    chat = groups.forum("Forum", alice)
    groups.add_bot(chat, alice, as_admin=True, can_manage_topics=True)
    bot.queue.pending.clear()
    return chat


async def test_a_topic_of_the_bot(client: Client, world: World, alice: Account, forum: Chat) -> None:
    topic = await client.create_forum_topic(forum.id, "Plans")
    sent = await client.send_message(forum.id, "hello", message_thread_id=topic.message_thread_id)
    assert (sent.message_thread_id, sent.is_topic_message) == (topic.message_thread_id, True)
    assert sent.reply_to_message is not None
    assert sent.reply_to_message.forum_topic_created is not None
    world.write(alice, "hi", forum, topic=topic.message_thread_id)
    created, answered = await client.get_updates(timeout=0)
    assert created.message is not None
    assert created.message.forum_topic_created is not None
    assert created.message.message_id == topic.message_thread_id
    assert answered.message is not None
    assert answered.message.is_topic_message is True
    assert answered.message.reply_to_message is not None
    assert answered.message.reply_to_message.message_id == topic.message_thread_id


async def test_general_has_no_thread(client: Client, world: World, alice: Account, forum: Chat) -> None:
    sent = await client.send_message(forum.id, "hello")
    world.write(alice, "hi", forum, reply_to=sent.message_id)
    (update,) = await client.get_updates(timeout=0)
    assert (sent.message_thread_id, sent.is_topic_message) == (None, None)
    assert update.message is not None
    assert (update.message.message_thread_id, update.message.is_topic_message) == (None, None)
    with pytest.raises(BadRequest, match="Message thread not found"):
        await client.send_message(forum.id, "hello", message_thread_id=1)


async def test_threads_that_are_not_there(client: Client, groups: Groups, alice: Account, forum: Chat) -> None:
    topic = groups.open_topic(forum, alice, "Plans")
    groups.delete_topic(forum, topic)
    for number in (777, topic.thread_id):
        with pytest.raises(BadRequest, match="Message thread not found"):
            await client.send_message(forum.id, "hello", message_thread_id=number)
    plain = groups.supergroup("Plain", alice)
    groups.add_bot(plain, alice)
    assert (await client.send_message(plain.id, "hello", message_thread_id=777)).message_thread_id is None


async def test_a_closed_topic(client: Client, groups: Groups, alice: Account, forum: Chat) -> None:
    topic = await client.create_forum_topic(forum.id, "Plans")
    number = topic.message_thread_id
    assert await client.close_forum_topic(forum.id, number)
    with pytest.raises(BadRequest, match="Topic_not_modified"):
        await client.close_forum_topic(forum.id, number)
    assert (await client.send_message(forum.id, "I may", message_thread_id=number)).is_topic_message
    groups.set_standing(forum, alice, "member")
    with pytest.raises(BadRequest, match="Topic_closed"):
        await client.send_message(forum.id, "I may not", message_thread_id=number)
    with pytest.raises(BadRequest, match="Not enough rights to create a topic"):
        await client.create_forum_topic(forum.id, "More")


async def test_topics_that_people_change(client: Client, groups: Groups, alice: Account, forum: Chat) -> None:
    topic = groups.open_topic(forum, alice, "Plans")
    groups.rename_topic(forum, alice, topic, "Deeds")
    groups.close_topic(forum, alice, topic)
    groups.reopen_topic(forum, alice, topic)
    messages = [update.message for update in await client.get_updates(timeout=0)]
    assert all(one is not None and one.message_thread_id == topic.thread_id for one in messages)
    assert [one and one.forum_topic_edited and one.forum_topic_edited.name for one in messages] == [
        None,
        "Deeds",
        None,
        None,
    ]
    assert messages[2] is not None
    assert messages[2].forum_topic_closed is not None
    assert messages[3] is not None
    assert messages[3].forum_topic_reopened is not None


async def test_topics_of_a_private_chat(client: Client, world: World, bot: Bot, alice: Account) -> None:
    with pytest.raises(BadRequest, match="The chat is not a forum"):
        await client.create_forum_topic(alice.id, "Plans")
    bot.has_topics_enabled = True
    assert (await client.get_me()).has_topics_enabled is True
    topic = await client.create_forum_topic(alice.id, "Plans")
    sent = await client.send_message(alice.id, "hello", message_thread_id=topic.message_thread_id)
    assert (sent.message_thread_id, sent.is_topic_message, sent.reply_to_message) == (
        topic.message_thread_id,
        True,
        None,
    )
    assert await client.edit_forum_topic(alice.id, topic.message_thread_id, "Deeds")
    assert world.chat(alice.id).topics[topic.message_thread_id].name == "Deeds"
    with pytest.raises(BadRequest, match="Topic_not_modified"):
        await client.edit_forum_topic(alice.id, topic.message_thread_id, "Deeds")
    assert await client.close_forum_topic(alice.id, topic.message_thread_id)
    assert await client.reopen_forum_topic(alice.id, topic.message_thread_id)


async def test_chat_actions(client: Client, world: World, alice: Account, forum: Chat) -> None:
    assert await client.send_chat_action(alice.id, "typing")
    assert [one.action for one in world.actions(alice.id)] == ["typing"]
    topic = await client.create_forum_topic(forum.id, "Plans")
    assert await client.send_chat_action(forum.id, "upload_document", topic.message_thread_id)
    assert [one.thread_id for one in world.actions(forum)] == [topic.message_thread_id]
    with pytest.raises(BadRequest, match="Wrong parameter action in request"):
        await client.send_chat_action(alice.id, "dancing")
    world.block(alice)
    with pytest.raises(Forbidden, match="blocked"):
        await client.send_chat_action(alice.id, "typing")


async def test_drafts(client: Client, world: World, alice: Account, forum: Chat) -> None:
    assert await client.send_message_draft(alice.id, 7, "Thin")
    assert await client.send_message_draft(alice.id, 7, "<b>Think</b>", parse_mode="HTML")
    (draft,) = world.drafts(alice.id)
    assert (draft.draft_id, draft.text, draft.entities[0].type) == (7, "Think", "bold")
    assert await client.send_message_draft(alice.id, 7, "")
    assert world.replies(alice.id) == []
    await client.send_message(alice.id, "Thought")
    assert world.drafts(alice.id) == []
    with pytest.raises(BadRequest, match="Random_id_invalid"):
        await client.send_message_draft(alice.id, 0, "x")
    with pytest.raises(BadRequest, match="Textdraft_peer_invalid"):
        await client.send_message_draft(forum.id, 7, "x")
    with pytest.raises(BadRequest, match="Message is too long"):
        await client.send_message_draft(alice.id, 7, "x" * 4097)
