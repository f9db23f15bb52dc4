"""How the bot comes into chats, goes, and what it may do there: https://core.telegram.org/bots/api#chatmemberupdated."""

import logging

from telegram import ChatMember, ChatMemberAdministrator, ChatMemberRestricted, ChatMemberUpdated
from telegram.constants import ChatType

from surfacehost import Invite

GROUPS = (ChatType.GROUP, ChatType.SUPERGROUP)

log = logging.getLogger(__name__)


def membership(update_id: int, change: ChatMemberUpdated, surface: str) -> Invite | None:
    """An invite, if the bot has come into a group; every other change is for the log alone.

    Nothing has to be done about them: what can't be sent any more is refused by Telegram, message by message, and what
    can be again is not.
    """
    was, now = is_in(change.old_chat_member), is_in(change.new_chat_member)
    if was or not now or change.chat.type not in GROUPS:
        log.info("chat %s: %s, by %s", change.chat.id, _news(change, was=was, now=now), change.from_user.id)
        return None
    person = change.from_user
    log.info("%s added the bot to chat %s", person.id, change.chat.id)
    return Invite(
        surface=surface,
        id=f"member:{update_id}",
        chat=str(change.chat.id),
        sender=str(person.id),
        direct=False,
        sender_name=person.full_name,
        locale=person.language_code or "",
        at=change.date.timestamp(),
        chat_name=change.chat.title or "",
    )


def _news(change: ChatMemberUpdated, *, was: bool, now: bool) -> str:
    status = change.new_chat_member.status
    if change.chat.type == ChatType.PRIVATE:
        return "the bot was unblocked" if now else "the bot was blocked"
    if not now:
        return f"the bot is no longer in it ({status})" if was else f"the bot is still not in it ({status})"
    if not was:
        return f"the bot was added, and answers in no {change.chat.type}"
    return f"the bot is now {status}, and may {_may(change.new_chat_member)}"


def _may(member: ChatMember) -> str:
    """What matters of its rights."""
    if isinstance(member, ChatMemberRestricted):
        return "write" if member.can_send_messages else "not write"
    if isinstance(member, ChatMemberAdministrator) and member.can_manage_topics:
        return "write and make topics"
    return "write"


def is_in(member: ChatMember) -> bool:
    """Whether *member* is in the chat."""
    if isinstance(member, ChatMemberRestricted):
        return member.is_member
    return member.status not in (ChatMember.LEFT, ChatMember.BANNED)
