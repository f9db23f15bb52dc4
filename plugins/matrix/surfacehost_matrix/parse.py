"""What Matrix events mean to the host. Pure: dictionaries in, events out, nothing asked and nothing kept.

Everything in an event but its id, sender and room was written by another user, and is checked before it is used: a
text that can't be stored, or an id that can't stand in a thread key, would come back with every sync.
"""

import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from surfacehost import Invite, Message

_EVENT_ID = re.compile(r"\$[\x21-\x7e]{1,254}")
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


def read_message(raw: Mapping[str, Any], place: Place) -> Message | None:
    """The message that *raw* is; None for anything else: state, notices, edits, media, our own, what is malformed."""
    content, sender, event_id = raw.get("content"), raw.get("sender"), raw.get("event_id")
    if raw.get("type") != "m.room.message" or "state_key" in raw or not isinstance(content, Mapping):
        return None
    if not isinstance(sender, str) or not isinstance(event_id, str) or sender == place.me:
        return None
    body = content.get("body")
    if content.get("msgtype") not in ("m.text", "m.emote") or not isinstance(body, str):
        return None
    relation = _relation(content)
    if relation.get("rel_type") == "m.replace":
        return None
    mentioned = _mentions_me(content, place)
    direct = sender in place.direct_with
    return Message(
        surface=place.surface,
        id=event_id,
        chat=place.chat,
        sender=sender,
        sender_name=storable(place.names.get(sender, "")),
        direct=direct,
        topic=_thread(relation),
        at=_seconds(raw.get("origin_server_ts")),
        native={"event_id": event_id},
        text=_without_name(_without_fallback(storable(body), relation), place, mentioned=mentioned),
        addressed=direct or mentioned,
    )


def replied_to(raw: Mapping[str, Any]) -> str | None:
    """The id of the event that *raw* is a reply to.

    In a thread it also names an event for clients that don't know threads; that is no reply ("Fallback for
    unthreaded clients").
    """
    content = raw.get("content")
    relation = _relation(content) if isinstance(content, Mapping) else {}
    if relation.get("is_falling_back") is True:
        return None
    answered = relation.get("m.in_reply_to")
    return _valid_event_id(answered.get("event_id")) or None if isinstance(answered, Mapping) else None


def read_invite(room: str, state: Sequence[Mapping[str, Any]], *, surface: str, me: str) -> Invite | None:
    """The invitation into *room* that its stripped *state* tells of; None where there is no such event for us.

    Its id is what tells it from one with another content; most homeservers give no event id here, so a second
    invitation with the same words looks the same (``Chats.invited`` tells them apart).
    """
    own = [event for event in state if event.get("type") == "m.room.member" and event.get("state_key") == me]
    own = [event for event in own if _content(event).get("membership") == "invite"]
    if not own or not isinstance(sender := own[-1].get("sender"), str):
        return None
    invite, names = own[-1], [_content(event).get("name") for event in state if event.get("type") == "m.room.name"]
    return Invite(
        surface=surface,
        id=str(invite.get("event_id") or _digest(invite)),
        chat=room,
        sender=sender,
        direct=_content(invite).get("is_direct") is True,
        at=_seconds(invite.get("origin_server_ts")),
        chat_name=storable(names[-1]) if names and isinstance(names[-1], str) else "",
    )


def after_arrival(events: Sequence[Mapping[str, Any]], me: str) -> int | None:
    """Where in a room's *events* our time there begins: behind the invitation that we followed, else behind our join.

    None when our arrival is not among them. Of several the last counts: who was put out and invited again does not
    answer what was said in between.
    """
    arrived: int | None = None
    for index in reversed(range(len(events))):
        membership, before = _membership(events[index], me)
        if membership == "join" and before != "join" and arrived is None:
            arrived = index + 1
        elif arrived is not None and membership == "invite":
            return index + 1
        elif arrived is not None and membership in ("leave", "ban", "join"):
            return arrived
    return arrived


def may_begin_earlier(events: Sequence[Mapping[str, Any]], me: str) -> bool:
    """Whether our arrival, or the invitation that led to it, lies before the first of *events*."""
    start = after_arrival(events, me)
    return start is None or _membership(events[start - 1], me) == ("join", "invite")


def direct_rooms(content: Any) -> dict[str, list[str]]:  # noqa: ANN401 - JSON
    """The account's ``m.direct``: for each person the rooms that are direct chats with them."""
    if not isinstance(content, Mapping):
        return {}
    return {
        person: [room for room in rooms if isinstance(room, str)]
        for person, rooms in content.items()
        if isinstance(rooms, list)
    }


def storable(text: str) -> str:
    """*text* without what no database takes: lone surrogates and NUL."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")


def _content(event: Mapping[str, Any]) -> Mapping[str, Any]:
    content = event.get("content")
    return content if isinstance(content, Mapping) else {}


def _relation(content: Mapping[str, Any]) -> Mapping[str, Any]:
    relation = content.get("m.relates_to")
    return relation if isinstance(relation, Mapping) else {}


def _thread(relation: Mapping[str, Any]) -> str:
    return _valid_event_id(relation.get("event_id")) if relation.get("rel_type") == "m.thread" else ""


def _valid_event_id(value: Any) -> str:  # noqa: ANN401 - JSON
    return value if isinstance(value, str) and _EVENT_ID.fullmatch(value) else ""


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


def _without_fallback(body: str, relation: Mapping[str, Any]) -> str:
    """*body* without the quoted lines that older clients put before a reply ("Fallbacks for rich replies")."""
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


def _membership(event: Mapping[str, Any], me: str) -> tuple[str, str]:
    """What *event* makes of us, and what we were before; empty where it is not about us."""
    if event.get("type") != "m.room.member" or event.get("state_key") != me:
        return "", ""
    unsigned = event.get("unsigned")
    before = unsigned.get("prev_content") if isinstance(unsigned, Mapping) else None
    previous = before.get("membership") if isinstance(before, Mapping) else None
    return str(_content(event).get("membership")), str(previous)


def _digest(event: Mapping[str, Any]) -> str:
    steady = {key: value for key, value in event.items() if key != "unsigned"}  # that holds the event's age
    return hashlib.sha256(json.dumps(steady, sort_keys=True).encode()).hexdigest()[:32]


def _seconds(milliseconds: Any) -> float:  # noqa: ANN401 - JSON
    return milliseconds / 1000 if isinstance(milliseconds, int) else 0.0
