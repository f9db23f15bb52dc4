"""Whether a bot may do something in a chat, and the server's words where it may not.

Source of the texts: the Bot API server's `check_chat_access` and `check_message`.
"""

from surfacehost_devkit.botapi.errors import ApiError, bad_request, forbidden
from surfacehost_devkit.botapi.model import GENERAL_TOPIC, PRESENT, Bot, Chat, Message, Topic
from surfacehost_devkit.botapi.params import Params
from surfacehost_devkit.botapi.state import State


def chat_of(state: State, bot: Bot, params: Params, *, write: bool = True) -> Chat:
    """The chat a call names, if the bot may act there (or at least look, without `write`)."""
    raw = params.text("chat_id")
    if not raw:
        raise bad_request("chat_id is empty")
    if raw.startswith("@"):
        named = [chat for chat in state.groups.values() if chat.username.lower() == raw[1:].lower()]
        if not named:
            raise bad_request("chat not found")
        return _group(named[0], bot, write=write)
    chat_id = params.whole("chat_id")
    if chat_id in state.groups:
        return _group(state.groups[chat_id], bot, write=write)
    return _private(state, bot, chat_id, write=write)


def _private(state: State, bot: Bot, chat_id: int, *, write: bool) -> Chat:
    account = state.accounts.get(chat_id)
    if account is None or account is bot.account:
        raise bad_request("chat not found")
    if account.is_bot:
        raise forbidden("bot can't send messages to bots")
    chat = state.private.get((bot.id, chat_id))
    met = any(account.id in group.members and bot.id in group.members for group in state.groups.values())
    if chat is None or not chat.started:
        if write and met:
            raise forbidden("bot can't initiate conversation with a user")
        raise bad_request("chat not found")
    if write and account.deactivated:
        raise forbidden("user is deactivated")
    if write and chat.blocked:
        raise forbidden("bot was blocked by the user")
    return chat


def _group(chat: Chat, bot: Bot, *, write: bool) -> Chat:
    if bot.id not in chat.members:
        raise bad_request("chat not found")
    if chat.migrated_to is not None and write:
        text = "Bad Request: group chat was upgraded to a supergroup chat"
        raise ApiError(400, text, {"migrate_to_chat_id": chat.migrated_to.id})
    status = chat.member(bot.account).status
    if status == "kicked" and (write or chat.kind == "supergroup"):
        raise forbidden(f"bot was kicked from the {chat.kind} chat")
    if status not in PRESENT and (write or chat.kind == "supergroup"):
        raise forbidden(f"bot is not a member of the {chat.kind} chat")
    return chat


def message_of(chat: Chat, message_id: int, what: str) -> Message:
    """A message that is there; `what` is the server's name for its part ("message to edit")."""
    message = chat.living(message_id)
    if message is None:
        raise bad_request(f"{what} not found")
    return message


def topic_for(chat: Chat, bot: Bot, params: Params) -> Topic | None:
    """The topic a send goes to, None for the chat itself.

    Plain groups ignore `message_thread_id`; in a forum General has no thread id, naming 1 is an error.
    """
    thread_id = params.whole("message_thread_id")
    if thread_id == 0 or chat.kind == "group" or (chat.kind == "supergroup" and not chat.is_forum):
        return None
    topic = chat.topics.get(thread_id)
    if topic is None or topic.deleted or (chat.is_forum and thread_id == GENERAL_TOPIC):
        raise bad_request("message thread not found")
    if topic.closed and not may_manage_topics(chat, bot):
        raise bad_request("TOPIC_CLOSED")
    return topic


def may_manage_topics(chat: Chat, bot: Bot) -> bool:
    """True for an administrator with that right, and always in the bot's own private chats."""
    if chat.kind == "private":
        return True
    member = chat.member(bot.account)
    return member.status == "creator" or (member.status == "administrator" and member.can_manage_topics)


def check_may_speak(chat: Chat, bot: Bot) -> None:
    """Refuse a bot that is restricted in a group."""
    if chat.kind != "private" and not chat.member(bot.account).can_send:
        raise bad_request("not enough rights to send text messages to the chat")
