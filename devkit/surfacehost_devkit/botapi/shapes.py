"""How users, chats, members and messages look in JSON, field by field as the server writes them."""

from surfacehost_devkit.botapi.entities import Entity, units
from surfacehost_devkit.botapi.model import Account, Bot, Chat, Json, Member, Message, StoredFile, Topic
from surfacehost_devkit.botapi.state import State

_ADMIN_RIGHTS = (
    "can_manage_chat",
    "can_change_info",
    "can_delete_messages",
    "can_invite_users",
    "can_restrict_members",
    "can_pin_messages",
    "can_promote_members",
    "can_manage_video_chats",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
    "can_send_welcome_messages",
    "is_anonymous",
    "can_be_edited",
    "can_manage_voice_chats",
)
_HELD_RIGHTS = {"can_manage_chat", "can_delete_messages", "can_invite_users", "can_pin_messages"}
_PERMISSIONS = (
    "can_send_messages",
    "can_send_media_messages",
    "can_send_audios",
    "can_send_documents",
    "can_send_photos",
    "can_send_videos",
    "can_send_video_notes",
    "can_send_voice_notes",
    "can_send_polls",
    "can_send_other_messages",
    "can_add_web_page_previews",
    "can_react_to_messages",
    "can_edit_tag",
    "can_change_info",
    "can_invite_users",
    "can_pin_messages",
    "can_manage_topics",
)


def user(account: Account) -> Json:
    """A `User`."""
    shape: Json = {"id": account.id, "is_bot": account.is_bot, "first_name": account.first_name}
    optional = {
        "last_name": account.last_name,
        "username": account.username,
        "language_code": account.language_code,
        "is_premium": account.is_premium,
    }
    return shape | {name: value for name, value in optional.items() if value}


def bot_itself(bot: Bot) -> Json:
    """A `User` with what only `getMe` tells."""
    return user(bot.account) | {
        "can_join_groups": bot.can_join_groups,
        "can_read_all_group_messages": bot.can_read_all_group_messages,
        "supports_inline_queries": False,
        "supports_guest_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
        "has_topics_enabled": bot.has_topics_enabled,
        "allows_users_to_create_topics": bot.allows_users_to_create_topics,
        "can_manage_bots": False,
    }


def chat(one: Chat) -> Json:
    """A `Chat`."""
    if one.person is not None:
        person = user(one.person)
        names: Json = {name: person[name] for name in ("first_name", "last_name", "username") if name in person}
        return {"id": one.id, **names, "type": "private"}
    shape: Json = {"id": one.id, "title": one.title}
    if one.kind == "group":
        return shape | {
            "type": "group",
            "all_members_are_administrators": False,
            "accepted_gift_types": _gifts(accepted=False),
        }
    if one.username:
        shape["username"] = one.username
    if one.is_forum:
        shape["is_forum"] = True
    return shape | {"type": "supergroup"}


def full_chat(one: Chat) -> Json:
    """A `ChatFullInfo`."""
    shape = chat(one) | {"accent_color_id": one.id % 7, "max_reaction_count": 11}
    shape["accepted_gift_types"] = _gifts(accepted=one.kind == "private")
    if one.username:
        shape["active_usernames"] = [one.username]
    if one.kind == "private":
        return shape | {"can_send_gift": True}
    return shape | {"permissions": dict.fromkeys(_PERMISSIONS, True)}


def _gifts(*, accepted: bool) -> Json:
    kinds = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
    return dict.fromkeys(kinds, accepted)


def member(one: Member, where: Chat) -> Json:
    """A `ChatMember` of the kind its status asks for."""
    shape: Json = {"user": user(one.account), "status": one.status}
    if one.status == "creator":
        return shape | {"is_anonymous": False}
    if one.status == "administrator":
        rights: Json = {name: name in _HELD_RIGHTS for name in _ADMIN_RIGHTS}
        return shape | rights | ({"can_manage_topics": one.can_manage_topics} if where.kind == "supergroup" else {})
    if one.status == "restricted":
        allowed: Json = dict.fromkeys(_PERMISSIONS, one.can_send)
        return shape | allowed | {"until_date": 0, "is_member": True}
    return shape | ({"until_date": 0} if one.status == "kicked" else {})


def entity(one: Entity, state: State) -> Json:
    """A `MessageEntity`."""
    shape: Json = {"offset": one.offset, "length": one.length, "type": one.type}
    if one.type == "pre" and one.argument:
        shape["language"] = one.argument
    elif one.type == "text_link":
        shape["url"] = one.argument
    elif one.type == "text_mention":
        shape["user"] = user(state.accounts[one.number])
    elif one.type == "custom_emoji":
        shape["custom_emoji_id"] = one.argument
    elif one.type == "date_time":
        shape |= {"unix_time": one.number, "date_time_format": one.argument}
    return shape


def document(one: StoredFile) -> Json:
    """A `Document`."""
    return {
        "file_name": one.name,
        "mime_type": one.mime_type,
        "file_id": one.file_id,
        "file_unique_id": one.unique_id,
        "file_size": len(one.data),
    }


def _media(one: StoredFile, kind: str) -> Json:
    """A file as what it is shown; the sizes of pictures and sounds are made up."""
    whole: Json = {"file_id": one.file_id, "file_unique_id": one.unique_id, "file_size": len(one.data)}
    named: Json = {"file_name": one.name, "mime_type": one.mime_type, **whole}
    picture: Json = {"width": 320, "height": 240}
    match kind:
        case "photo":
            return {"photo": [whole | picture]}
        case "voice":
            return {"voice": {"duration": 1, "mime_type": one.mime_type, **whole}}
        case "audio":
            return {"audio": {"duration": 1, **named}}
        case "video":
            return {"video": {"duration": 1, **picture, **named}}
        case "animation":
            return {"animation": {"duration": 1, **picture, **named}, "document": document(one)}
    return {"document": document(one)}


def message(one: Message, state: State, *, with_reply: bool = True) -> Json:
    """A `Message`; a message inside another is shown without the one it replies to."""
    shape: Json = {"message_id": one.id, "from": user(one.sender), "chat": chat(one.chat), "date": one.date}
    if one.edit_date:
        shape["edit_date"] = one.edit_date
    if one.thread_id is not None:
        shape["message_thread_id"] = one.thread_id
    if with_reply and one.reply_to is not None and not one.reply_to.deleted:
        shape["reply_to_message"] = message(one.reply_to, state, with_reply=False)
    if (part := one.content.quote) and one.reply_to is not None:
        before = one.reply_to.text[: one.reply_to.text.index(part)]
        shape["quote"] = {"text": part, "position": units(before), "is_manual": True}
    if one.content.album:
        shape["media_group_id"] = one.content.album
    shape |= one.service if one.service is not None else _content(one, state)
    if one.is_topic_message:
        shape["is_topic_message"] = True
    return shape


def _content(one: Message, state: State) -> Json:
    content = one.content
    entities = [entity(each, state) for each in content.entities]
    words, marks = "text", "entities"
    shape: Json = {}
    if content.media is not None:
        words, marks = "caption", "caption_entities"
        shape |= content.media
    if content.document is not None:
        words, marks = "caption", "caption_entities"
        shape |= _media(content.document, content.shown_as)
    if content.text:
        shape[words] = content.text
    if entities:
        shape[marks] = entities
    if content.link_preview is not None:
        shape["link_preview_options"] = dict(content.link_preview)
    if content.markup is not None and "inline_keyboard" in content.markup:
        shape["reply_markup"] = dict(content.markup)
    return shape


def topic(one: Topic) -> Json:
    """A `ForumTopic`."""
    return {"message_thread_id": one.thread_id, "name": one.name, "icon_color": one.icon_color}
