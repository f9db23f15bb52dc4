"""Updates as the Bot API tells them, with what a test is about filled in."""

from typing import Any

from telegram import User

Json = dict[str, Any]

ME = User(id=777000111, first_name="Agent", is_bot=True, username="Agent_Bot")
ALICE: Json = {
    "id": 42,
    "is_bot": False,
    "first_name": "Alice",
    "last_name": "Liddell",
    "username": "alice",
    "language_code": "ru",
}
PRIVATE: Json = {"id": 42, "first_name": "Alice", "username": "alice", "type": "private"}
GROUP: Json = {"id": -4001, "title": "Kitchen", "type": "group", "all_members_are_administrators": True}
SUPERGROUP: Json = {"id": -1001234567890, "title": "Team", "type": "supergroup"}
FORUM: Json = {**SUPERGROUP, "is_forum": True}


def message(chat: Json, text: str | None = None, **more: object) -> Json:
    body = {"message_id": 11, "from": ALICE, "chat": chat, "date": 1_790_000_000, **more}
    return {"update_id": 900, "message": body if text is None else {**body, "text": text}}


def _units(piece: str) -> int:
    return len(piece.encode("utf-16-le")) // 2


def mark(kind: str, text: str, part: str, **more: object) -> Json:
    """The entity that covers *part* of *text*, in UTF-16 units as Telegram counts."""
    return {"type": kind, "offset": _units(text[: text.index(part)]), "length": _units(part), **more}


def said(chat: Json, text: str, *marks: Json, **more: object) -> Json:
    return message(chat, text, entities=list(marks), **more)


def membership(chat: Json, was: str, now: str, **more: object) -> Json:
    me = {"id": ME.id, "is_bot": True, "first_name": ME.first_name, "username": ME.username}
    return {
        "update_id": 901,
        "my_chat_member": {
            "chat": chat,
            "from": ALICE,
            "date": 1_790_000_000,
            "old_chat_member": _member(me, was),
            "new_chat_member": {**_member(me, now), **more},
        },
    }


_MAY = (
    "can_be_edited can_manage_chat can_delete_messages can_manage_video_chats can_restrict_members can_promote_members"
    " can_change_info can_invite_users is_anonymous can_post_stories can_edit_stories can_delete_stories"
    " can_send_welcome_messages"
)
_MAY_NOT = (
    "can_send_messages can_send_audios can_send_documents can_send_photos can_send_videos can_send_video_notes"
    " can_send_voice_notes can_send_polls can_send_other_messages can_add_web_page_previews can_react_to_messages"
    " can_change_info can_invite_users can_pin_messages can_manage_topics can_edit_tag"
)


def _member(user: Json, status: str) -> Json:
    all_rights: dict[str, Json] = {
        "administrator": dict.fromkeys(_MAY.split(), False),
        "restricted": {**dict.fromkeys(_MAY_NOT.split(), False), "is_member": True, "until_date": 0},
        "kicked": {"until_date": 0},
    }
    return {"user": user, "status": status, **all_rights.get(status, {})}
