"""What makes a message, or shows that one is coming."""

from collections.abc import Sequence

from surfacehost_devkit.botapi import shapes
from surfacehost_devkit.botapi.access import check_may_speak, message_of, topic_for
from surfacehost_devkit.botapi.entities import FormattedText, units
from surfacehost_devkit.botapi.errors import ApiError, bad_request
from surfacehost_devkit.botapi.keyboards import read_markup
from surfacehost_devkit.botapi.methods.call import Call, Method
from surfacehost_devkit.botapi.model import Chat, Content, Draft, Json, Message
from surfacehost_devkit.botapi.posts import post
from surfacehost_devkit.botapi.state import ChatAction

MOST_TEXT = 4096
_ACTIONS = frozenset(
    {
        "cancel",
        "typing",
        "record_video",
        "upload_video",
        "record_audio",
        "record_voice",
        "upload_audio",
        "upload_voice",
        "upload_photo",
        "upload_document",
        "choose_sticker",
        "pick_up_location",
        "find_location",
        "record_video_note",
        "upload_video_note",
    }
)


def send_message(call: Call) -> Json:
    """`sendMessage`."""
    text = message_text(call)
    markup = read_markup(call.params)
    preview = call.params.decoded("link_preview_options")
    content = Content(
        text=text.text,
        entities=text.entities,
        markup=markup,
        link_preview=preview if isinstance(preview, dict) else None,
    )
    return send(call, content)


def message_text(call: Call) -> FormattedText:
    """The text of a message; it must show something and fit."""
    if not call.params.text("text"):
        raise bad_request("message text is empty")
    text = call.formatted()
    if not text.text:
        raise bad_request("text must be non-empty")
    if units(text.text) > MOST_TEXT:
        raise bad_request("message is too long")
    return text


def send(call: Call, content: Content) -> Json:
    """Put a new message of the bot into the chat that the call names."""
    return send_all(call, [content])[0]


def send_all(call: Call, contents: Sequence[Content]) -> list[Json]:
    """The same for several messages, which go together."""
    chat = call.chat()
    topic = topic_for(chat, call.bot, call.params)
    reply_to = _reply_to(call, chat)
    check_may_speak(chat, call.bot)
    sent = [post(call.state, chat, call.bot.account, one, reply_to=reply_to, topic=topic) for one in contents]
    chat.drafts = [draft for draft in chat.drafts if draft.thread_id != sent[0].thread_id]
    return [shapes.message(one, call.state) for one in sent]


def _reply_to(call: Call, chat: Chat) -> Message | None:
    raw = call.params.decoded("reply_parameters")
    number, lenient = call.params.whole("reply_to_message_id"), call.params.flag("allow_sending_without_reply")
    if isinstance(raw, dict):
        if not isinstance(raw.get("message_id"), int):
            raise bad_request("can't parse reply parameters: Can't find field \"message_id\"")
        number, lenient = raw["message_id"], bool(raw.get("allow_sending_without_reply", False))
    if number <= 0:
        return None
    try:
        return message_of(chat, number, "message to be replied")
    except ApiError:
        if lenient:
            return None
        raise


def send_chat_action(call: Call) -> bool:
    """`sendChatAction`."""
    action = call.params.text("action").lower()
    if action not in _ACTIONS:
        raise bad_request("wrong parameter action in request")
    chat = call.chat()
    topic = topic_for(chat, call.bot, call.params)
    thread_id = topic.thread_id if topic else None
    now = call.state.clock.wall()
    call.state.actions.append(ChatAction(chat=chat, bot_id=call.bot.id, action=action, thread_id=thread_id, at=now))
    call.state.bell.ring()
    return True


def send_message_draft(call: Call) -> bool:
    """`sendMessageDraft`: private chats only, gone with the next message."""
    draft_id = call.params.whole("draft_id")
    text = call.formatted()
    if units(text.text) > MOST_TEXT:
        raise bad_request("message is too long")
    chat = call.chat()
    if chat.kind != "private" or not chat.takes_drafts:
        raise bad_request("TEXTDRAFT_PEER_INVALID")
    if draft_id == 0:
        raise bad_request("RANDOM_ID_INVALID")
    topic = topic_for(chat, call.bot, call.params)
    thread_id = topic.thread_id if topic else None
    chat.drafts = [draft for draft in chat.drafts if draft.thread_id != thread_id]
    now = call.state.clock.wall()
    chat.drafts.append(
        Draft(
            draft_id=draft_id,
            text=text.text,
            entities=text.entities,
            thread_id=thread_id,
            date=now,
            can_stop=call.params.flag("can_stop"),
        )
    )
    call.state.bell.ring()
    return True


METHODS: dict[str, Method] = {
    "sendMessage": send_message,
    "sendChatAction": send_chat_action,
    "sendMessageDraft": send_message_draft,
}
