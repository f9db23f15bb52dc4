"""What an update means: pure functions from python-telegram-bot's objects to the host's events."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import telegram
from telegram import Chat, MessageEntity, Update, User
from telegram.constants import ChatType

from surfacehost import Edit, Event, Message
from surfacehost_telegram.content import attachments_of, quote_of, text_of
from surfacehost_telegram.membership import GROUPS, membership

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Moved:
    """A group has become a supergroup: a chat with another id, and none of its messages keeps its own."""

    old: str
    new: str
    at: float
    """When, in seconds since the epoch."""


def parse(update: Update, me: User, surface: str) -> Event | Moved | None:
    """What *update* is to the bot *me*, none if it does not concern it."""
    if update.message is not None:
        return _moved(update.message) or _message(update.message, me, surface)
    if update.edited_message is not None:
        return _edit(update.update_id, update.edited_message, me, surface)
    if update.callback_query is not None:
        return _tap(update.callback_query, surface)
    if update.my_chat_member is not None:
        return membership(update.update_id, update.my_chat_member, surface)
    if stopped := update.api_kwargs.get("stopped_message_generation"):  # newer than python-telegram-bot
        return _stop(update.update_id, stopped, surface)
    return None


def _moved(message: telegram.Message) -> Moved | None:
    """Two messages tell of it, one in each of the chats; either may be missing, or come first."""
    old, new, at = message.migrate_from_chat_id, message.migrate_to_chat_id, message.date.timestamp()
    if new is not None:
        return Moved(str(message.chat.id), str(new), at)
    return None if old is None else Moved(str(old), str(message.chat.id), at)


def _message(message: telegram.Message, me: User, surface: str) -> Message | None:
    person = message.from_user
    if person is None or not _is_from_a_person(message):
        return None
    text, attachments = text_of(message), attachments_of(message)
    if not text.strip() and not attachments:
        log.debug("message %s in chat %s has nothing to say", message.message_id, message.chat.id)
        return None
    marks = _marks(message)
    return Message(
        **_place(message.chat, person, surface, topic=_topic(message)),
        id=f"{message.chat.id}:{message.message_id}",
        at=message.date.timestamp(),
        native={"message_id": message.message_id, "thread": _topic(message)},
        text=_spoken(text, marks, me),
        addressed=_is_addressed(message, marks, me),
        attachments=attachments,
        quote=quote_of(message),
        bundle=message.media_group_id or "",
    )


def _edit(update_id: int, message: telegram.Message, me: User, surface: str) -> Edit | None:
    person = message.from_user
    if person is None or not _is_from_a_person(message):
        return None
    return Edit(
        **_place(message.chat, person, surface, topic=_topic(message)),
        id=f"{message.chat.id}:{message.message_id}:edit:{update_id}",
        at=(message.edit_date or message.date).timestamp(),
        native={"message_id": message.message_id, "thread": _topic(message)},
        of=f"{message.chat.id}:{message.message_id}",
        text=_spoken(text_of(message), _marks(message), me),
    )


def _tap(query: telegram.CallbackQuery, surface: str) -> Message | None:
    """A tap on a button of ours; when it was Telegram does not say. Who tapped is checked by the host like a word."""
    below = query.message
    if not query.data or below is None or below.chat.type not in (ChatType.PRIVATE, *GROUPS):
        return None  # a game, or a button under something that was sent by an inline query
    topic = _topic(below) if isinstance(below, telegram.Message) else None
    return Message(
        **_place(below.chat, query.from_user, surface, topic=topic),
        id=f"tap:{query.id}",
        native={"callback_query_id": query.id, "message_id": below.message_id, "thread": topic},
        text="",
        choice=query.data,
    )


def _stop(update_id: int, stopped: Mapping[str, Any], surface: str) -> Message | None:
    """The button that Telegram shows beside a draft: https://core.telegram.org/bots/api#messagegenerationstopped."""
    chat = Chat.de_json(dict(stopped["chat"]))
    if chat.type != ChatType.PRIVATE:
        return None
    topic = stopped.get("message_thread_id")
    person = User(id=chat.id, first_name=chat.first_name or "", is_bot=False, last_name=chat.last_name)
    return Message(
        **_place(chat, person, surface, topic=topic),
        id=f"{chat.id}:stop:{update_id}",
        native={"thread": topic},
        text="/stop",
    )


def _is_from_a_person(message: telegram.Message) -> bool:
    """Not from a channel or an anonymous administrator, who have no id that could be allowed, nor from a bot."""
    person = message.from_user
    is_person = person is not None and not person.is_bot and message.sender_chat is None
    return is_person and message.chat.type in (ChatType.PRIVATE, *GROUPS)


def _topic(message: telegram.Message) -> int | None:
    """In a plain group a chain of replies has a thread id as well; only a topic is a conversation of its own."""
    return message.message_thread_id if message.is_topic_message else None


def _place(chat: Chat, person: User, surface: str, *, topic: int | None) -> dict[str, Any]:
    """Who, and where."""
    return {
        "surface": surface,
        "chat": str(chat.id),
        "topic": "" if topic is None else str(topic),
        "sender": str(person.id),
        "direct": chat.type == ChatType.PRIVATE,
        "sender_name": person.full_name,
        "locale": person.language_code or "",
    }


def _marks(message: telegram.Message) -> Mapping[MessageEntity, str]:
    return message.parse_entities() if message.text else message.parse_caption_entities()


def _is_addressed(message: telegram.Message, marks: Mapping[MessageEntity, str], me: User) -> bool:
    is_direct = message.chat.type == ChatType.PRIVATE
    return is_direct or _replies_to(message, me) or any(_names(mark, said, me) for mark, said in marks.items())


def _replies_to(message: telegram.Message, me: User) -> bool:
    """Whether it answers the bot. In a forum every message of a topic "answers" the one that created the topic."""
    reply = message.reply_to_message
    if reply is None or reply.from_user is None or reply.forum_topic_created is not None:
        return False
    return reply.from_user.id == me.id


def _names(mark: MessageEntity, said: str, me: User) -> bool:
    """Whether the entity *mark*, which reads *said*, calls the bot *me*. Usernames have no case."""
    if mark.type == MessageEntity.BOT_COMMAND:
        _, at, bot = said.partition("@")
        return mark.offset == 0 and (not at or bot.casefold() == (me.username or "").casefold())
    if mark.type == MessageEntity.MENTION:
        return said.casefold() == f"@{me.username}".casefold()
    return mark.type == MessageEntity.TEXT_MENTION and mark.user is not None and mark.user.id == me.id


def _spoken(text: str, marks: Mapping[MessageEntity, str], me: User) -> str:
    """*text* without the address at its beginning: ``@bot what?`` says ``what?``, and ``/new@bot`` says ``/new``."""
    for mark, said in marks.items():
        if mark.offset > 0 or not _names(mark, said, me):
            continue
        rest = text[len(said) :]
        if mark.type == MessageEntity.BOT_COMMAND:
            return said.partition("@")[0] + rest
        return rest.lstrip(" \t\r\n,:") or text
    return text
