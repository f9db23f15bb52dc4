"""Which bot hears of what.

Source of the privacy rules: "Bot features", section "Privacy mode"; of the rules about a bot's own messages:
the Bot API server's `need_skip_update_message`.
"""

from surfacehost_devkit.botapi import shapes
from surfacehost_devkit.botapi.entities import Entity, units
from surfacehost_devkit.botapi.model import Account, Bot, Chat, Draft, Json, Member, Message
from surfacehost_devkit.botapi.state import State, Tap

_OWN_SERVICE = (
    "left_chat_member",
    "forum_topic_created",
    "forum_topic_edited",
    "forum_topic_closed",
    "forum_topic_reopened",
)


def tell_message(state: State, message: Message) -> None:
    """Queue a new message for every bot that may hear it."""
    _tell(state, message, "message")


def tell_edit(state: State, message: Message) -> None:
    """Queue an edited message for every bot that may hear it."""
    _tell(state, message, "edited_message")


def tell_standing(state: State, bot: Bot, chat: Chat, by: Account, old: Member, new: Member) -> None:
    """Queue a change of the bot's own standing, with whoever made it in `from`."""
    bot.queue.put(
        "my_chat_member",
        {
            "chat": shapes.chat(chat),
            "from": shapes.user(by),
            "date": state.now(),
            "old_chat_member": shapes.member(old, chat),
            "new_chat_member": shapes.member(new, chat),
        },
    )


def tell_block(state: State, chat: Chat, *, blocked: bool) -> None:
    """Queue that the person of a private chat blocked the bot, or let it in again."""
    bot, person = chat.bot, chat.person
    if bot is None or person is None:
        raise ValueError("only a private chat can be blocked")
    inside, outside = Member(account=bot.account, status="member"), Member(account=bot.account, status="kicked")
    old, new = (inside, outside) if blocked else (outside, inside)
    tell_standing(state, bot, chat, person, old, new)
    state.bell.ring()


def tell_tap(state: State, message: Message, person: Account, data: str) -> Tap:
    """Queue the callback query of a tapped button for the bot whose message it is under."""
    bot = state.bot_account(message.sender)
    if bot is None:
        raise ValueError(f"message {message.id} is no bot's message")
    number = str((person.id << 32) + len(state.taps) + 1)
    tap = state.taps[number] = Tap(query_id=number, bot=bot, message=message, data=data)
    bot.queue.put(
        "callback_query",
        {
            "id": number,
            "from": shapes.user(person),
            "message": shapes.message(message, state),
            "chat_instance": str(message.chat.id * 7919),
            "data": data,
        },
    )
    return tap


def tell_stop(chat: Chat, draft: Draft) -> None:
    """Queue that the person of a private chat has had enough of a draft."""
    if chat.bot is None:
        raise ValueError("only a private chat has drafts")
    topic = {} if draft.thread_id is None else {"message_thread_id": draft.thread_id}
    stopped: Json = {"chat": shapes.chat(chat), "draft_id": draft.draft_id, **topic}
    chat.bot.queue.put("stopped_message_generation", stopped)


def tell_reaction(state: State, message: Message, person: Account, old: list[Json], new: list[Json]) -> None:
    """Queue a person's change of reaction; in groups only administrators hear of it."""
    for bot in state.bots_in(message.chat):
        if message.chat.kind == "private" or message.chat.member(bot.account).status == "administrator":
            bot.queue.put(
                "message_reaction",
                {
                    "chat": shapes.chat(message.chat),
                    "message_id": message.id,
                    "user": shapes.user(person),
                    "date": state.now(),
                    "old_reaction": old,
                    "new_reaction": new,
                },
            )


def _tell(state: State, message: Message, kind: str) -> None:
    for bot in state.bots_in(message.chat):
        if _hears(state, bot, message):
            bot.queue.put(kind, shapes.message(message, state))


def _hears(state: State, bot: Bot, message: Message) -> bool:
    if message.sender is bot.account:
        return message.service is not None and any(name in message.service for name in _OWN_SERVICE)
    if message.service is not None or message.chat.kind == "private":
        return True
    if message.sender.is_bot:
        return False
    member = message.chat.member(bot.account)
    return bot.can_read_all_group_messages or member.status == "administrator" or _is_for(state, bot, message)


def _is_for(state: State, bot: Bot, message: Message) -> bool:
    if message.reply_to is not None and message.reply_to.sender is bot.account:
        return True
    return any(_names(state, bot, message, one) for one in message.entities)


def _names(state: State, bot: Bot, message: Message, one: Entity) -> bool:
    if one.type == "text_mention":
        return one.number == bot.id
    shown = _stretch(message.text, one).lower()
    name = "@" + bot.account.username.lower()
    if one.type == "mention":
        return shown == name
    if one.type != "bot_command":
        return False
    return shown.endswith(name) if "@" in shown else _spoke_last(state, bot, message)


def _spoke_last(state: State, bot: Bot, message: Message) -> bool:
    """A bare command is for the bot that wrote last in the group, or for all as long as none did."""
    senders = [one.sender for one in message.chat.messages.values() if one.sender.is_bot and one.service is None]
    return not senders or senders[-1] is bot.account or state.bot_account(senders[-1]) is None


def _stretch(text: str, one: Entity) -> str:
    begin = at = 0
    for begin, sign in enumerate(text):  # noqa: B007  # the place is what the loop is for
        if at >= one.offset:
            break
        at += units(sign)
    end = begin
    while end < len(text) and units(text[begin:end]) < one.length:
        end += 1
    return text[begin:end]
