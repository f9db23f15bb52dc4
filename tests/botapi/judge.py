"""aiogram's models, made from the Bot API's own documentation, as a judge who has seen neither host nor simulator."""

import json
from collections.abc import Mapping
from typing import Any, get_args
from unittest import mock

from pydantic import BaseModel, TypeAdapter

from surfacehost_devkit.botapi import CallRecord

# It would build all its 750 models, which takes six seconds of every worker; those that are used take a moment.
with mock.patch.object(BaseModel, "model_rebuild"):
    import aiogram.methods
    import aiogram.types

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


def _built(model: Any) -> Any:
    """*model*, with what its annotations name."""
    for one in get_args(model) or [model]:
        if issubclass(one, BaseModel):
            one.model_rebuild(_types_namespace=vars(aiogram.types))
    return model


RESULTS: dict[str, TypeAdapter[object]] = {
    "getme": TypeAdapter(_built(aiogram.types.User)),
    "sendmessage": TypeAdapter(_built(aiogram.types.Message)),
    "senddocument": TypeAdapter(_built(aiogram.types.Message)),
    "sendphoto": TypeAdapter(_built(aiogram.types.Message)),
    "sendvoice": TypeAdapter(_built(aiogram.types.Message)),
    "sendaudio": TypeAdapter(_built(aiogram.types.Message)),
    "sendvideo": TypeAdapter(_built(aiogram.types.Message)),
    "sendanimation": TypeAdapter(_built(aiogram.types.Message)),
    "sendmediagroup": TypeAdapter(_built(list[aiogram.types.Message])),
    "editmessagetext": TypeAdapter(_built(aiogram.types.Message)),
    "editmessagereplymarkup": TypeAdapter(_built(aiogram.types.Message)),
    "getchat": TypeAdapter(_built(aiogram.types.ChatFullInfo)),
    "getchatmember": TypeAdapter(_built(aiogram.types.ResultChatMemberUnion)),
    "getchatmembercount": TypeAdapter(int),
    "createforumtopic": TypeAdapter(_built(aiogram.types.ForumTopic)),
    "getfile": TypeAdapter(_built(aiogram.types.File)),
    "getmycommands": TypeAdapter(_built(list[aiogram.types.BotCommand])),
    "getwebhookinfo": TypeAdapter(_built(aiogram.types.WebhookInfo)),
    "getupdates": TypeAdapter(_built(list[aiogram.types.Update])),
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


_Update = _built(aiogram.types.Update)


def judge_update(raw: Mapping[str, Any]) -> None:
    """See that *raw* is one update, which the Bot API may tell. Raises ValidationError or AssertionError."""
    update = _Update.model_validate(raw)
    [kind] = raw.keys() - {"update_id"}
    assert getattr(update, kind) is not None
    assert not strangers(update)


def judge_call(call: CallRecord) -> None:
    """See that *call* is of a method that the Bot API has, with parameters that this takes. Raises likewise."""
    method = _built(getattr(aiogram.methods, call.method[0].upper() + call.method[1:]))
    fields: dict[str, Any] = {name: f"attach://{name}" for name in call.files if name in method.model_fields}
    for name, value in call.params.items():
        fields[name] = json.loads(value) if value.startswith(("[", "{")) and name not in ("text", "caption") else value
    asked = method.model_validate(fields)
    assert not strangers(asked), call.method
    assert not fields.keys() - method.model_fields.keys(), call.method
