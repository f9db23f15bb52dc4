"""What an update means: pure functions from python-telegram-bot's objects to the host's events."""

import logging
from collections.abc import Mapping

import telegram
from telegram import ChatMember, ChatMemberRestricted, ChatMemberUpdated, MessageEntity, Update, User
from telegram.constants import ChatType

from surfacehost import Event, Invite, Message

_GROUPS = (ChatType.GROUP, ChatType.SUPERGROUP)

log = logging.getLogger(__name__)


def parse(update: Update, me: User, surface: str) -> Event | None:
    """The event that *update* is to the bot *me*, or none if it does not concern it."""
    if update.message is not None:
        return _message(update.message, me, surface)
    if update.my_chat_member is not None:
        return _membership(update.update_id, update.my_chat_member, surface)
    return None


def _message(message: telegram.Message, me: User, surface: str) -> Message | None:
    chat, person = message.chat, message.from_user
    if chat.type not in (ChatType.PRIVATE, *_GROUPS) or person is None or person.is_bot:
        return None
    if message.sender_chat is not None:  # a channel or an anonymous administrator: nobody whose id could be allowed
        return None
    if not (message.text or message.caption or "").strip():
        log.debug("message %s in chat %s has no text", message.message_id, chat.id)
        return None
    marks = message.parse_entities() if message.text else message.parse_caption_entities()
    direct = chat.type == ChatType.PRIVATE
    # In a plain group a chain of replies has a thread id as well; only a topic is a conversation of its own.
    thread = message.message_thread_id if message.is_topic_message else None
    return Message(
        surface=surface,
        id=f"{chat.id}:{message.message_id}",
        chat=str(chat.id),
        topic="" if thread is None else str(thread),
        sender=str(person.id),
        direct=direct,
        sender_name=person.full_name,
        locale=person.language_code or "",
        at=message.date.timestamp(),
        native={"message_id": message.message_id, "thread": thread},
        text=_spoken(message.text or message.caption or "", marks, me),
        addressed=direct or _replies_to(message, me) or any(_names(mark, said, me) for mark, said in marks.items()),
    )


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


def _membership(update_id: int, change: ChatMemberUpdated, surface: str) -> Invite | None:
    """An invite, if the bot has come into a group; that it went, or was blocked, is for the log alone."""
    was, now = _is_in(change.old_chat_member), _is_in(change.new_chat_member)
    chat, person = change.chat, change.from_user
    if was and not now:
        log.info("the bot is no longer in chat %s: %s, by %s", chat.id, change.new_chat_member.status, person.id)
    if was or not now or chat.type not in _GROUPS:
        return None
    log.info("%s added the bot to chat %s", person.id, chat.id)
    return Invite(
        surface=surface,
        id=f"member:{update_id}",
        chat=str(chat.id),
        sender=str(person.id),
        direct=False,
        sender_name=person.full_name,
        locale=person.language_code or "",
        at=change.date.timestamp(),
        chat_name=chat.title or "",
    )


def _is_in(member: ChatMember) -> bool:
    if isinstance(member, ChatMemberRestricted):
        return member.is_member
    return member.status not in (ChatMember.LEFT, ChatMember.BANNED)
