"""What Matrix events mean to the host. Pure: dictionaries in, events out, nothing asked and nothing kept.

Everything in an event but its id, sender and room was written by another user, and is checked before it is used: a
text that can't be stored, or an id that can't stand in a thread key, would come back with every sync.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from surfacehost import Attachment, Edit, Event, Message, Redaction
from surfacehost_matrix import attached
from surfacehost_matrix.jsonparts import content_of, event_id, mapping, seconds, storable, text

TEXTS = ("m.text", "m.emote")
"""What people write by hand; ``m.notice`` is what bots say, and never answered (specification, "m.notice")."""

UNREADABLE = "unreadable"
"""In ``Message.native``: there is nothing to answer but that it can't be read."""

_FALLBACK = re.compile(r"(?:> [^\n]*\n|>\n)+\n?")
_NAME_ENDS = re.compile(r"\s*[:,]\s*|\s+|$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The room an event happened in, as far as it matters to what the event means."""

    surface: str
    chat: str
    me: str
    """The bot's user id."""
    my_name: str = ""
    """What the bot is called there."""
    direct_with: frozenset[str] = frozenset()
    """Who the room is a direct chat with: the inviter's own mark, ``m.direct``, or a room we made for a person."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What people are called there."""
    aliases: tuple[str, ...] = ()
    """What the settings call it."""
    own: bool = False
    """Whether we made it for everybody."""


def read_event(raw: Mapping[str, Any], place: Place) -> Event | None:
    """What *raw* is to the host; None for all it need not know of: state, notices, our own, what is malformed."""
    if "state_key" in raw or not isinstance(raw.get("sender"), str) or not isinstance(raw.get("event_id"), str):
        return None
    if raw["sender"] == place.me:
        return None
    match raw.get("type"):
        case "m.room.message":
            return _edit(raw, place) if _relation(raw).get("rel_type") == "m.replace" else _message(raw, place)
        case attached.STICKER:
            return _message(raw, place)
        case "m.room.redaction":
            return _redaction(raw, place)
    return None


def unreadable(raw: Mapping[str, Any], place: Place) -> Message:
    """What people are answered for when the encrypted event *raw* can't be read.

    In a group nobody can tell whom it was meant for: the host answers there only where it answers everything.
    """
    direct = raw["sender"] in place.direct_with
    return Message(
        surface=place.surface,
        id=f"unreadable:{raw['event_id']}",
        chat=place.chat,
        sender=raw["sender"],
        sender_name=storable(place.names.get(raw["sender"], "")),
        direct=direct,
        aliases=place.aliases,
        own=place.own,
        at=seconds(raw.get("origin_server_ts")),
        native={UNREADABLE: True},
        text="",
        addressed=direct,
    )


def replied_to(raw: Mapping[str, Any]) -> str | None:
    """The id of the event that *raw* is a reply to.

    In a thread it also names an event for clients that don't know threads; that is no reply ("Fallback for
    unthreaded clients").
    """
    relation = _relation(raw)
    if relation.get("is_falling_back") is True:
        return None
    return event_id(mapping(relation.get("m.in_reply_to")).get("event_id")) or None


def quoted(raw: Mapping[str, Any]) -> str:
    """The event *raw* as one quotes it: its text, as its author changed it last, or the name of its file."""
    content = _newest(raw)
    if raw.get("type") not in ("m.room.message", attached.STICKER):
        return ""
    return _without_fallback(storable(text(content.get("body"))), content)


def _newest(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """The content of *raw*, or of the edit that the homeserver says came last ("Server-side aggregation")."""
    edit = mapping(mapping(mapping(raw.get("unsigned")).get("m.relations")).get("m.replace"))
    replaced = mapping(content_of(edit).get("m.new_content"))
    return replaced if replaced and edit.get("sender") == raw.get("sender") else content_of(raw)


def _message(raw: Mapping[str, Any], place: Place) -> Message | None:
    content, mentioned = content_of(raw), _mentions_me(content_of(raw), place)
    files = _files(raw)
    if not files and content.get("msgtype") not in TEXTS:
        return None
    if not files and not isinstance(content.get("body"), str):
        return None
    common = _common(raw, place)
    return Message(
        **common,
        text=_caption(content, place) if files else _said(content, place, mentioned=mentioned),
        attachments=files,
        addressed=common["direct"] or mentioned,
    )


def _edit(raw: Mapping[str, Any], place: Place) -> Edit | None:
    """The event that it changes has to be its sender's, which only the host can know ("Event replacements")."""
    of, new = event_id(_relation(raw).get("event_id")), mapping(content_of(raw).get("m.new_content"))
    if not of:
        return None
    if text(new.get("msgtype")) in attached.KINDS:
        return Edit(**_common(raw, place), of=of, text=_caption(new, place))
    if new.get("msgtype") not in TEXTS or not isinstance(new.get("body"), str):
        return None
    return Edit(**_common(raw, place), of=of, text=_said(new, place, mentioned=_mentions_me(new, place)))


def _redaction(raw: Mapping[str, Any], place: Place) -> Redaction | None:
    """From room version 11 on what is redacted stands in the content; before, what stands there means nothing."""
    of = event_id(raw.get("redacts")) or event_id(content_of(raw).get("redacts"))
    return Redaction(**_common(raw, place), of=of) if of else None


def _common(raw: Mapping[str, Any], place: Place) -> dict[str, Any]:
    relation, sender = _relation(raw), raw["sender"]
    return {
        "surface": place.surface,
        "id": raw["event_id"],
        "chat": place.chat,
        "sender": sender,
        "sender_name": storable(place.names.get(sender, "")),
        "direct": sender in place.direct_with,
        "aliases": place.aliases,
        "own": place.own,
        "topic": event_id(relation.get("event_id")) if relation.get("rel_type") == "m.thread" else "",
        "at": seconds(raw.get("origin_server_ts")),
        "native": {"event_id": raw["event_id"]},
    }


def _files(raw: Mapping[str, Any]) -> tuple[Attachment, ...]:
    content = content_of(raw)
    msgtype = text(content.get("msgtype"))
    kind = "sticker" if raw.get("type") == attached.STICKER else attached.KINDS.get(msgtype)
    found = attached.attachment(content, kind) if kind else None
    return (found,) if found else ()


def _said(content: Mapping[str, Any], place: Place, *, mentioned: bool) -> str:
    return _without_name(_without_fallback(storable(content["body"]), content), place, mentioned=mentioned)


def _caption(content: Mapping[str, Any], place: Place) -> str:
    return _without_name(storable(attached.caption(content)), place, mentioned=_mentions_me(content, place))


def _relation(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(content_of(raw).get("m.relates_to"))


def _mentions_me(content: Mapping[str, Any], place: Place) -> bool:
    """By ``m.mentions`` where the client sets it; older clients write the user id, or link it ("pill")."""
    mentions = content.get("m.mentions")
    if isinstance(mentions, Mapping):
        users = mentions.get("user_ids")
        return isinstance(users, list) and place.me in users
    body, formatted = content.get("body"), content.get("formatted_body")
    if isinstance(body, str) and re.search(rf"(?<!\S){re.escape(place.me)}(?![\w.-])", body):
        return True
    links = (f'matrix.to/#/{written}"' for written in (place.me, quote(place.me, safe="@:"), quote(place.me, safe="")))
    return isinstance(formatted, str) and any(link in html.unescape(formatted).replace("'", '"') for link in links)


def _without_fallback(body: str, content: Mapping[str, Any]) -> str:
    """*body* without the quoted lines that older clients put before a reply ("Fallbacks for rich replies").

    Whoever replies writes them: they could put words into anybody's mouth, so they are no quote.
    """
    relation = mapping(content.get("m.relates_to"))
    if not isinstance(relation.get("m.in_reply_to"), Mapping) or not body.startswith(("> <", "> * <")):
        return body
    return _FALLBACK.sub("", body, count=1)


def _without_name(body: str, place: Place, *, mentioned: bool) -> str:
    """*body* without ``bot:`` at its beginning; a bare name goes only where a mention says that it is one."""
    local_part = place.me.removeprefix("@").split(":", 1)[0]
    for name in (place.me, place.my_name, f"@{local_part}", local_part):
        if not name or body[: len(name)].casefold() != name.casefold():
            continue
        end = _NAME_ENDS.match(body, len(name))
        if end and (mentioned or end[0].strip()) and (rest := body[end.end() :]):
            return rest
    return body
