"""Chats, their members and topics, taps on buttons, and files."""

from surfacehost_devkit.botapi import shapes
from surfacehost_devkit.botapi.access import may_manage_topics
from surfacehost_devkit.botapi.errors import bad_request
from surfacehost_devkit.botapi.methods.call import Call, Method
from surfacehost_devkit.botapi.model import GENERAL_TOPIC, PRESENT, Chat, Json, Topic
from surfacehost_devkit.botapi.posts import depart, open_topic, post_service

_COLORS = (7322096, 16766590, 13338331, 9367192, 16749490, 16478047)
_MOST_NAME = 128
_MOST_DOWNLOAD = 20 * 1024 * 1024


def get_chat(call: Call) -> Json:
    """`getChat`."""
    return shapes.full_chat(call.chat(write=False))


def get_chat_member(call: Call) -> Json:
    """`getChatMember`."""
    number = call.params.whole("user_id")
    if number <= 0:
        raise bad_request("invalid user_id specified")
    chat = call.chat(write=False)
    account = call.state.accounts.get(number)
    if account is None:
        raise bad_request("user not found")
    if chat.kind == "private":
        raise bad_request("method is available for groups and channels only")
    if number not in chat.members:
        raise bad_request("member not found")
    return shapes.member(chat.member(account), chat)


def get_chat_member_count(call: Call) -> int:
    """`getChatMemberCount`; of a group that is no more it is refused like a send (`AccessRights::ReadMembers`)."""
    return sum(one.status in PRESENT for one in call.chat().members.values())


def leave_chat(call: Call) -> bool:
    """`leaveChat`."""
    chat = call.chat()
    if chat.kind == "private":
        raise bad_request("chat member status can't be changed in private chats")
    depart(call.state, chat, call.bot.account, call.bot, "left")
    return True


def create_forum_topic(call: Call) -> Json:
    """`createForumTopic`."""
    chat = call.chat()
    name = _topic_name(call)
    _check_topics(call, chat)
    if not may_manage_topics(chat, call.bot):
        raise bad_request("not enough rights to create a topic")
    color = call.params.whole("icon_color", _COLORS[0])
    if color not in _COLORS:
        raise bad_request("invalid icon color specified")
    return shapes.topic(open_topic(call.state, chat, call.bot.account, name, color))


def edit_forum_topic(call: Call) -> bool:
    """`editForumTopic`; only the name is modelled.

    The name that it has is refused: https://core.telegram.org/method/channels.editForumTopic.
    """
    chat, topic = _managed(call)
    name = call.params.text("name").strip()[:_MOST_NAME]
    if name == topic.name:
        raise bad_request("TOPIC_NOT_MODIFIED")
    if name:
        topic.name = name
        post_service(call.state, chat, call.bot.account, {"forum_topic_edited": {"name": topic.name}}, topic=topic)
    return True


def close_forum_topic(call: Call) -> bool:
    """`closeForumTopic`."""
    chat, topic = _managed(call)
    if topic.closed:
        raise bad_request("TOPIC_NOT_MODIFIED")
    topic.closed = True
    post_service(call.state, chat, call.bot.account, {"forum_topic_closed": {}}, topic=topic)
    return True


def reopen_forum_topic(call: Call) -> bool:
    """`reopenForumTopic`."""
    chat, topic = _managed(call)
    if not topic.closed:
        raise bad_request("TOPIC_NOT_MODIFIED")
    topic.closed = False
    post_service(call.state, chat, call.bot.account, {"forum_topic_reopened": {}}, topic=topic)
    return True


def _topic_name(call: Call) -> str:
    name = call.params.text("name").strip()
    if not name:
        raise bad_request("topic name is empty")
    return name[:_MOST_NAME]


def _check_topics(call: Call, chat: Chat) -> None:
    if chat.kind == "supergroup" and not chat.is_forum:
        raise bad_request("the chat is not a supergroup forum")
    if not chat.is_forum and not (chat.kind == "private" and call.bot.has_topics_enabled):
        raise bad_request("the chat is not a forum")


def _managed(call: Call) -> tuple[Chat, Topic]:
    chat = call.chat()
    _check_topics(call, chat)
    number = call.params.whole("message_thread_id")
    topic = chat.topics.get(number)
    if topic is None or topic.deleted or number == GENERAL_TOPIC:
        raise bad_request("invalid forum topic identifier specified" if number <= 0 else "TOPIC_ID_INVALID")
    if not may_manage_topics(chat, call.bot):
        raise bad_request("not enough rights to close or reopen the topic")
    return chat, topic


def answer_callback_query(call: Call) -> bool:
    """`answerCallbackQuery`; a query can be answered once."""
    tap = call.state.taps.get(call.params.text("callback_query_id"))
    if tap is None or tap.answered or tap.bot is not call.bot:
        raise bad_request("query is too old and response timeout expired or query ID is invalid")
    text = call.params.text("text")
    if len(text) > 200:
        raise bad_request("MESSAGE_TOO_LONG")
    tap.answered, tap.text, tap.show_alert = True, text, call.params.flag("show_alert")
    call.state.bell.ring()
    return True


def get_file(call: Call) -> Json:
    """`getFile`; the path is good for a download under `/file/bot<token>/`."""
    stored = call.state.files.get(call.params.text("file_id"))
    if stored is None:
        raise bad_request("invalid file_id")
    if len(stored.data) > _MOST_DOWNLOAD:
        raise bad_request("file is too big")
    return {
        "file_id": stored.file_id,
        "file_unique_id": stored.unique_id,
        "file_size": len(stored.data),
        "file_path": stored.path,
    }


METHODS: dict[str, Method] = {
    "getChat": get_chat,
    "getChatMember": get_chat_member,
    "getChatMemberCount": get_chat_member_count,
    "leaveChat": leave_chat,
    "createForumTopic": create_forum_topic,
    "editForumTopic": edit_forum_topic,
    "closeForumTopic": close_forum_topic,
    "reopenForumTopic": reopen_forum_topic,
    "answerCallbackQuery": answer_callback_query,
    "getFile": get_file,
}
