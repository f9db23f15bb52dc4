"""The `reply_markup` parameter, checked as the server checks it."""

import json

from surfacehost_devkit.botapi import links
from surfacehost_devkit.botapi.errors import ApiError, bad_request
from surfacehost_devkit.botapi.model import Json
from surfacehost_devkit.botapi.params import Params

_MOST_DATA = 64
_ACTIONS = ("url", "callback_data", "switch_inline_query", "switch_inline_query_current_chat", "copy_text", "web_app")


def read_markup(params: Params) -> Json | None:
    """Return the markup as the server keeps it, None where there is none."""
    raw = params.text("reply_markup")
    if not raw:
        return None
    try:
        markup = json.loads(raw)
    except ValueError as broken:
        raise bad_request("can't parse reply keyboard markup JSON object") from broken
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    if markup.get("keyboard"):
        return {"keyboard": _rows(markup["keyboard"], inline=False)}
    if markup.get("inline_keyboard"):
        rows = [row for row in _rows(markup["inline_keyboard"], inline=True) if row]
        return {"inline_keyboard": rows} if rows else None
    kept = {name: True for name in ("remove_keyboard", "force_reply") if markup.get(name)}
    return dict(kept) or None


def _rows(raw: object, *, inline: bool) -> list[list[Json]]:
    name = "inline_keyboard" if inline else "keyboard"
    owner = " of the InlineKeyboardMarkup" if inline else ""
    if not isinstance(raw, list) or not all(isinstance(row, list) for row in raw):
        raise bad_request(f'field "{name}"{owner} must be an Array of Arrays')
    return [[_inline(button) if inline else _plain(button) for button in row] for row in raw]


def _plain(raw: object) -> Json:
    if isinstance(raw, str):
        return {"text": raw}
    if not isinstance(raw, dict):
        raise bad_request("can't parse keyboard button: KeyboardButton must be a String or an Object")
    return {"text": _text(raw, "keyboard button")}


def _inline(raw: object) -> Json:
    if not isinstance(raw, dict):
        raise bad_request("can't parse inline keyboard button: InlineKeyboardButton must be an Object")
    text = _text(raw, "inline keyboard button")
    action = next((name for name in _ACTIONS if raw.get(name)), "")
    if not action:
        raise bad_request("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    if not text:
        raise bad_request("inline keyboard button text must be non-empty")
    value = raw[action]
    if action == "url":
        value = _url(str(value))
    if action == "callback_data" and len(str(value).encode()) > _MOST_DATA:
        raise bad_request("BUTTON_DATA_INVALID")
    return {"text": text, action: value}


def _text(raw: Json, what: str) -> str:
    text = raw.get("text")
    if not isinstance(text, str):
        raise _missing(what)
    return text


def _missing(what: str) -> ApiError:
    return bad_request(f"can't parse {what}: Can't find field \"text\"")


def _url(url: str) -> str:
    if links.user_of(url) is not None:
        return url
    try:
        return links.checked(url)
    except links.BadUrlError as wrong:
        raise bad_request(f"inline keyboard button URL '{url}' is invalid: {wrong}") from wrong
