"""How we come into rooms, and from when on what is said there is for us. Pure, like ``parse``."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from surfacehost import Invite
from surfacehost_matrix.jsonparts import content_of, mapping, room_id, seconds, storable, text


def read_invite(room: str, state: Sequence[Mapping[str, Any]], *, surface: str, me: str) -> Invite | None:
    """The invitation into *room* that its stripped *state* tells of; None where there is no such event for us.

    Its id is what tells it from one with another content; most homeservers give no event id here, so a second
    invitation with the same words looks the same (``Chats.invited`` tells them apart).
    """
    own = [event for event in state if event.get("type") == "m.room.member" and event.get("state_key") == me]
    own = [event for event in own if content_of(event).get("membership") == "invite"]
    # The last one is our homeserver's own; what stands before it another server may have made up.
    if not own or not isinstance(sender := own[-1].get("sender"), str):
        return None
    invite, names = own[-1], [content_of(event).get("name") for event in state if event.get("type") == "m.room.name"]
    return Invite(
        surface=surface,
        id=str(invite.get("event_id") or _digest(invite)),
        chat=room,
        sender=sender,
        direct=content_of(invite).get("is_direct") is True,
        at=seconds(invite.get("origin_server_ts")),
        chat_name=storable(text(names[-1])) if names else "",
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


def replacement(event: Mapping[str, Any], room: str) -> str:
    """The room that takes the place of *room* by the tombstone *event*; nothing for any other event.

    Client-server specification, "Room upgrades".
    """
    if event.get("type") != "m.room.tombstone" or event.get("state_key") != "":
        return ""
    new = room_id(content_of(event).get("replacement_room"))
    return new if new != room else ""


def replaces(created: Mapping[str, Any]) -> str:
    """The room whose place a room takes by the content of its ``m.room.create``; nothing where it takes none."""
    return room_id(mapping(created.get("predecessor")).get("room_id"))


def direct_rooms(content: Any) -> dict[str, list[str]]:  # noqa: ANN401 - JSON
    """The account's ``m.direct``: for each person the rooms that are direct chats with them."""
    if not isinstance(content, Mapping):
        return {}
    return {
        person: [room for room in rooms if isinstance(room, str)]
        for person, rooms in content.items()
        if isinstance(rooms, list)
    }


def is_about(event: Mapping[str, Any], me: str) -> bool:
    """Whether *event* makes something of us in a room."""
    return event.get("type") == "m.room.member" and event.get("state_key") == me


def _membership(event: Mapping[str, Any], me: str) -> tuple[str, str]:
    """What *event* makes of us, and what we were before; empty where it is not about us."""
    if not is_about(event, me):
        return "", ""
    before = mapping(mapping(event.get("unsigned")).get("prev_content"))
    return str(content_of(event).get("membership")), str(before.get("membership"))


def _digest(event: Mapping[str, Any]) -> str:
    steady = {key: value for key, value in event.items() if key != "unsigned"}  # that holds the event's age
    return hashlib.sha256(json.dumps(steady, sort_keys=True).encode()).hexdigest()[:32]
