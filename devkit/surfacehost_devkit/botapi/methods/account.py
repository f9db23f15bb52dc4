"""The bot itself: getMe and its commands."""

import json
import re

from surfacehost_devkit.botapi import shapes
from surfacehost_devkit.botapi.errors import bad_request
from surfacehost_devkit.botapi.methods.call import Call, Method
from surfacehost_devkit.botapi.model import Json

_COMMAND = re.compile(r"/?([a-z0-9_]{1,32})")
_MOST_COMMANDS = 100
_SCOPES = (
    "default",
    "all_private_chats",
    "all_group_chats",
    "all_chat_administrators",
    "chat",
    "chat_administrators",
    "chat_member",
)


def get_me(call: Call) -> Json:
    """`getMe`."""
    return shapes.bot_itself(call.bot)


def set_my_commands(call: Call) -> bool:
    """`setMyCommands`."""
    raw = call.params.decoded("commands")
    if not isinstance(raw, list):
        raise bad_request("can't parse commands JSON object")
    commands = [_command(one) for one in raw]
    if len(commands) > _MOST_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    call.bot.commands[_scope(call)] = commands
    return True


def get_my_commands(call: Call) -> list[Json]:
    """`getMyCommands`."""
    return call.bot.commands.get(_scope(call), [])


def delete_my_commands(call: Call) -> bool:
    """`deleteMyCommands`."""
    call.bot.commands.pop(_scope(call), None)
    return True


def _command(raw: object) -> Json:
    if not isinstance(raw, dict):
        raise bad_request("can't parse BotCommand: expected an Object")
    name, description = str(raw.get("command", "")), str(raw.get("description", ""))
    found = _COMMAND.fullmatch(name)
    if not found:
        raise bad_request("BOT_COMMAND_INVALID")
    if not 1 <= len(description.strip()) <= 256:
        raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": found.group(1), "description": description.strip()}


def _scope(call: Call) -> tuple[str, str]:
    """Scope and language a list of commands is kept under."""
    language = call.params.text("language_code")
    if language and not re.fullmatch(r"[a-z]{2}", language):
        raise bad_request("invalid language code specified")
    raw = call.params.decoded("scope")
    if raw is None:
        return "default", language
    if not isinstance(raw, dict):
        raise bad_request("can't parse BotCommandScope: BotCommandScope must be an Object")
    if raw.get("type") not in _SCOPES:
        raise bad_request("can't parse BotCommandScope: unsupported type specified")
    if str(raw["type"]) in {"chat", "chat_administrators", "chat_member"} and "chat_id" not in raw:
        raise bad_request("chat_id is empty")
    return json.dumps(raw, sort_keys=True) if len(raw) > 1 else str(raw["type"]), language


METHODS: dict[str, Method] = {
    "getMe": get_me,
    "setMyCommands": set_my_commands,
    "getMyCommands": get_my_commands,
    "deleteMyCommands": delete_my_commands,
}
