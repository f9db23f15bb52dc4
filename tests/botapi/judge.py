"""aiogram's models, made from the Bot API's own documentation, as a judge who has seen neither host nor simulator."""

import json
from collections.abc import Mapping
from typing import Any

import aiogram.methods
import aiogram.types
from pydantic import BaseModel, TypeAdapter

from surfacehost_devkit.botapi import CallRecord

# The real server still writes these, the documentation (and so aiogram) no longer names them.
LEGACY = {
    "all_members_are_administrators",
    "new_chat_participant",
    "new_chat_member",
    "left_chat_participant",
    "can_manage_voice_chats",
    "can_send_media_messages",
    "accepted_gift_types",
}
RESULTS: dict[str, TypeAdapter[object]] = {
    "getme": TypeAdapter(aiogram.types.User),
    "sendmessage": TypeAdapter(aiogram.types.Message),
    "senddocument": TypeAdapter(aiogram.types.Message),
    "sendphoto": TypeAdapter(aiogram.types.Message),
    "sendvoice": TypeAdapter(aiogram.types.Message),
    "sendaudio": TypeAdapter(aiogram.types.Message),
    "sendvideo": TypeAdapter(aiogram.types.Message),
    "sendanimation": TypeAdapter(aiogram.types.Message),
    "sendmediagroup": TypeAdapter(list[aiogram.types.Message]),
    "editmessagetext": TypeAdapter(aiogram.types.Message),
    "editmessagereplymarkup": TypeAdapter(aiogram.types.Message),
    "getchat": TypeAdapter(aiogram.types.ChatFullInfo),
    "getchatmember": TypeAdapter(aiogram.types.ResultChatMemberUnion),
    "getchatmembercount": TypeAdapter(int),
    "createforumtopic": TypeAdapter(aiogram.types.ForumTopic),
    "getfile": TypeAdapter(aiogram.types.File),
    "getmycommands": TypeAdapter(list[aiogram.types.BotCommand]),
    "getwebhookinfo": TypeAdapter(aiogram.types.WebhookInfo),
    "getupdates": TypeAdapter(list[aiogram.types.Update]),
}


def strangers(value: object) -> set[str]:
    """Fields that no model knows, at any depth."""
    if isinstance(value, list | tuple):
        return {name for one in value for name in strangers(one)}
    if not isinstance(value, BaseModel):
        return set()
    found = set(value.model_extra or {})
    for name in type(value).model_fields:
        found |= strangers(getattr(value, name))
    return found - LEGACY


def judge_update(raw: Mapping[str, Any]) -> None:
    """See that *raw* is one update, which the Bot API may tell. Raises ValidationError or AssertionError."""
    update = aiogram.types.Update.model_validate(raw)
    [kind] = raw.keys() - {"update_id"}
    assert getattr(update, kind) is not None
    assert not strangers(update)


def judge_call(call: CallRecord) -> None:
    """See that *call* is of a method that the Bot API has, with parameters that this takes. Raises likewise."""
    method = getattr(aiogram.methods, call.method[0].upper() + call.method[1:])
    fields: dict[str, Any] = {name: f"attach://{name}" for name in call.files if name in method.model_fields}
    for name, value in call.params.items():
        fields[name] = json.loads(value) if value.startswith(("[", "{")) and name not in ("text", "caption") else value
    asked = method.model_validate(fields)
    assert not strangers(asked), call.method
    assert not fields.keys() - method.model_fields.keys(), call.method
