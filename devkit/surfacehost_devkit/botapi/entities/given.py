"""The `entities` parameter: a JSON array of `MessageEntity`, checked as the server checks it."""

from collections.abc import Callable

from surfacehost_devkit.botapi import links
from surfacehost_devkit.botapi.entities.entity import FOUND, QUOTES, SPLITTABLE, Entity
from surfacehost_devkit.botapi.errors import ApiError, bad_request

_PLAIN = QUOTES | {"code"} | frozenset(SPLITTABLE)
Fields = dict[str, object]


def given_entities(raw: object, knows_user: Callable[[int], bool]) -> list[Entity]:
    """Read the array; whatever is no array counts as none (the server does not complain either)."""
    if not isinstance(raw, list):
        return []
    entities = [_entity(one) for one in raw]
    return [_resolved(one, knows_user) for one in entities if one is not None]


def _entity(raw: object) -> Entity | None:
    if not isinstance(raw, dict):
        raise _unreadable("expected an Object")
    offset, length = _whole(raw, "offset"), _whole(raw, "length")
    kind = _string(raw, "type", required=True)
    if not kind:
        raise _unreadable("Type is not specified")
    if kind in FOUND:
        return None
    if kind in _PLAIN:
        return Entity(type=kind, offset=offset, length=length)
    if kind not in _WITH_ARGUMENT:
        raise _unreadable("Unsupported type specified")
    argument, number = _WITH_ARGUMENT[kind](raw)
    return Entity(type=kind, offset=offset, length=length, argument=argument, number=number)


def _pre(raw: Fields) -> tuple[str, int]:
    return _string(raw, "language"), 0


def _text_link(raw: Fields) -> tuple[str, int]:
    return _string(raw, "url", required=True), 0


def _text_mention(raw: Fields) -> tuple[str, int]:
    user = raw.get("user")
    if not isinstance(user, dict):
        raise _unreadable('Can\'t find field "user"')
    return "", _whole(user, "id")


def _custom_emoji(raw: Fields) -> tuple[str, int]:
    number = _whole(raw, "custom_emoji_id")
    return str(number), number


def _date_time(raw: Fields) -> tuple[str, int]:
    form = _string(raw, "date_time_format")
    if form not in {"r", "R"} and not set(form) <= set("tTdDwW"):
        raise _unreadable("Invalid date-time format specified")
    return form, _whole(raw, "unix_time")


_WITH_ARGUMENT: dict[str, Callable[[Fields], tuple[str, int]]] = {
    "pre": _pre,
    "text_link": _text_link,
    "text_mention": _text_mention,
    "custom_emoji": _custom_emoji,
    "date_time": _date_time,
}


def _resolved(one: Entity, knows_user: Callable[[int], bool]) -> Entity:
    if one.type == "text_link":
        user = links.user_of(one.argument)
        if user is None:
            return Entity(type="text_link", offset=one.offset, length=one.length, argument=_url(one.argument))
        one = Entity(type="text_mention", offset=one.offset, length=one.length, number=user)
    if one.type == "text_mention" and not knows_user(one.number):
        raise bad_request("user not found")
    if one.type == "custom_emoji" and not one.number:
        raise bad_request("invalid custom emoji identifier specified")
    return one


def _url(url: str) -> str:
    try:
        return links.checked(url)
    except links.BadUrlError as wrong:
        raise bad_request(f"entity URL '{url}' is invalid: {wrong}") from wrong


def _whole(raw: Fields, name: str) -> int:
    value = raw.get(name)
    if value is None:
        raise _unreadable(f'Can\'t find field "{name}"')
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise _unreadable(f'Field "{name}" must be a Number')
    try:
        return int(value)
    except ValueError as wrong:
        raise _unreadable(f'Field "{name}" must be a valid Number') from wrong


def _string(raw: Fields, name: str, *, required: bool = False) -> str:
    value = raw.get(name)
    if value is None:
        if required:
            raise _unreadable(f'Can\'t find field "{name}"')
        return ""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise _unreadable(f'Field "{name}" must be of type String')
    return str(value)


def _unreadable(reason: str) -> ApiError:
    return bad_request(f"can't parse MessageEntity: {reason}")
