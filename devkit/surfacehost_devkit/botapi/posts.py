"""Putting messages into chats and changing them, whoever writes them."""

from collections.abc import Sequence

from surfacehost_devkit.botapi import news, shapes
from surfacehost_devkit.botapi.model import Account, Bot, Chat, Content, Json, Message, Status, Topic
from surfacehost_devkit.botapi.state import State


def post(
    state: State,
    chat: Chat,
    sender: Account,
    content: Content,
    *,
    reply_to: Message | None = None,
    topic: Topic | None = None,
) -> Message:
    """Add a message and tell the bots that may hear it."""
    message = Message(
        id=state.next_message_id(chat),
        chat=chat,
        sender=sender,
        date=state.now(),
        versions=[content],
        reply_to=reply_to,
    )
    if topic is not None:
        message.thread_id, message.is_topic_message = topic.thread_id, True
        if reply_to is None and chat.is_forum:
            # In a forum every message of a topic replies to its creation message.
            message.reply_to = topic.creation
    elif chat.kind == "supergroup" and not chat.is_forum and reply_to is not None:
        # Plain supergroups number reply chains as threads; is_topic_message stays absent.
        message.thread_id = reply_to.thread_id or reply_to.id
    return _publish(state, message)


def post_service(state: State, chat: Chat, sender: Account, service: Json, *, topic: Topic | None = None) -> Message:
    """Add a service message; `service` is what it has in place of a text."""
    message = Message(
        id=state.next_message_id(chat),
        chat=chat,
        sender=sender,
        date=state.now(),
        versions=[Content()],
        service=service,
    )
    if topic is not None:
        message.thread_id, message.is_topic_message = topic.thread_id, True
        message.reply_to = topic.creation if chat.is_forum else None
    return _publish(state, message)


def open_topic(state: State, chat: Chat, by: Account, name: str, icon_color: int) -> Topic:
    """Add a topic; its id is the id of the service message that tells of it."""
    number = state.next_message_id(chat)
    creation = Message(
        id=number,
        chat=chat,
        sender=by,
        date=state.now(),
        versions=[Content()],
        service={"forum_topic_created": {"name": name, "icon_color": icon_color}},
        thread_id=number,
        is_topic_message=True,
    )
    topic = Topic(thread_id=number, name=name, icon_color=icon_color, creation=creation)
    chat.topics[number] = topic
    _publish(state, creation)
    return topic


def depart(state: State, chat: Chat, by: Account, bot: Bot, status: Status) -> None:
    """Take a bot out of a group, by its own will ("left") or another's ("kicked")."""
    old = chat.member(bot.account)
    gone = shapes.user(bot.account)
    service: Json = {"left_chat_member": gone, "left_chat_participant": gone}
    if chat.kind == "group":
        # Of a basic group a bot still hears this; in a supergroup it sees nothing any more.
        post_service(state, chat, by, service)
        chat.members[bot.id] = old.standing(status)
    else:
        chat.members[bot.id] = old.standing(status)
        post_service(state, chat, by, service)
    news.tell_standing(state, bot, chat, by, old, chat.members[bot.id])
    state.bell.ring()


def change(state: State, message: Message, content: Content) -> None:
    """Replace what a message says, keeping the old version, and tell the bots."""
    message.versions.append(content)
    message.edit_date = state.now()
    news.tell_edit(state, message)
    state.bell.ring()


def delete(state: State, messages: Sequence[Message]) -> None:
    """Take messages away; bots are not told of deletions."""
    for message in messages:
        message.deleted = True
    state.bell.ring()


def _publish(state: State, message: Message) -> Message:
    message.chat.messages[message.id] = message
    news.tell_message(state, message)
    state.bell.ring()
    return message
