"""What changes a message that is there: edits, deletions, reactions."""

import re
from dataclasses import replace

from surfacehost_devkit.botapi import shapes
from surfacehost_devkit.botapi.access import message_of
from surfacehost_devkit.botapi.errors import bad_request
from surfacehost_devkit.botapi.keyboards import read_markup
from surfacehost_devkit.botapi.methods.call import Call, Method
from surfacehost_devkit.botapi.methods.sending import message_text
from surfacehost_devkit.botapi.model import Chat, Content, Json, Message
from surfacehost_devkit.botapi.posts import change, delete

NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)
_TWO_DAYS_S = 48 * 60 * 60
# The emoji anyone may react with (Bot API, "ReactionTypeEmoji").
_REACTIONS = re.compile(
    "❤|👍|👎|🔥|🥰|👏|😁|🤔|🤯|😱|🤬|😢|🎉|🤩|🤮|💩|🙏|👌|🕊|🤡|🥱|🥴|😍|🐳|❤‍🔥|🌚|🌭|💯|🤣|⚡|🍌|🏆|💔|🤨|😐|🍓|🍾|💋|🖕|😈|😴|😭|🤓|👻"
    "|👨‍💻|👀|🎃|🙈|😇|😨|🤝|✍|🤗|🫡|🎅|🎄|☃|💅|🤪|🗿|🆒|💘|🙉|🦄|😘|💊|🙊|😎|👾|🤷‍♂|🤷|🤷‍♀|😡"
)


def edit_message_text(call: Call) -> Json:
    """`editMessageText`."""
    text = message_text(call)
    markup = read_markup(call.params)
    message = _editable(call)
    if message.service is not None or message.content.document is not None:
        raise bad_request("there is no text in the message to edit")
    preview = call.params.decoded("link_preview_options")
    content = Content(
        text=text.text,
        entities=text.entities,
        markup=markup,
        link_preview=preview if isinstance(preview, dict) else None,
    )
    return _edit(call, message, content)


def edit_message_reply_markup(call: Call) -> Json:
    """`editMessageReplyMarkup`; without a markup it takes the buttons away."""
    markup = read_markup(call.params)
    message = _editable(call)
    return _edit(call, message, replace(message.content, markup=markup))


def _editable(call: Call) -> Message:
    number = call.params.whole("message_id")
    if not call.params.text("chat_id") and not number:
        raise bad_request("message identifier is not specified")
    chat = call.chat()
    message = message_of(chat, number, "message to edit")
    if message.sender is not call.bot.account or message.service is not None:
        raise bad_request("message can't be edited")
    return message


def _edit(call: Call, message: Message, content: Content) -> Json:
    if content == message.content:
        raise bad_request(NOT_MODIFIED)
    change(call.state, message, content)
    return shapes.message(message, call.state)


def delete_message(call: Call) -> bool:
    """`deleteMessage`."""
    if not call.params.text("chat_id"):
        raise bad_request("chat identifier is not specified")
    number = call.params.whole("message_id")
    if not number:
        raise bad_request("message identifier is not specified")
    chat = call.chat()
    message = message_of(chat, number, "message to delete")
    if not _deletable(call, chat, message):
        raise bad_request("message can't be deleted")
    delete(call.state, [message])
    return True


def _deletable(call: Call, chat: Chat, message: Message) -> bool:
    if call.state.now() - message.date > _TWO_DAYS_S:
        return False
    mine = message.sender is call.bot.account
    return mine or chat.kind == "private" or chat.member(call.bot.account).status == "administrator"


def set_message_reaction(call: Call) -> bool:
    """`setMessageReaction`: at most one emoji of those everybody may use."""
    raw = call.params.decoded("reaction")
    reactions = _reactions(raw if isinstance(raw, list) else [])
    chat = call.chat(write=False)
    message = message_of(chat, call.params.whole("message_id"), "message to react")
    message.reactions[call.bot.id] = reactions
    call.state.bell.ring()
    return True


def _reactions(raw: list[object]) -> list[Json]:
    for one in raw:
        if not isinstance(one, dict) or one.get("type") not in {"emoji", "custom_emoji", "paid"}:
            raise bad_request("can't parse reaction types JSON object")
        if one["type"] == "emoji" and not _REACTIONS.fullmatch(str(one.get("emoji"))):
            raise bad_request("REACTION_INVALID")
    if len(raw) > 1:
        raise bad_request("REACTIONS_TOO_MANY")
    return [{"type": one["type"], "emoji": one.get("emoji")} for one in raw if isinstance(one, dict)]


METHODS: dict[str, Method] = {
    "editMessageText": edit_message_text,
    "editMessageReplyMarkup": edit_message_reply_markup,
    "deleteMessage": delete_message,
    "setMessageReaction": set_message_reaction,
}
