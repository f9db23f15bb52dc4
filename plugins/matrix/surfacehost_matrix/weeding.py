"""A sync that nio can't parse, made one that it can: what another user made odd must not cost anybody else a word."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from nio import Event, InviteEvent, ToDeviceEvent  # type: ignore[import-untyped]  # nio ships no type marker

ESSENCE = ("type", "event_id", "sender", "origin_server_ts", "state_key", "content", "redacts")
"""The fields of an event that its author answers for; the rest is what homeservers add."""

log = logging.getLogger(__name__)


def weed(body: dict[str, Any]) -> None:
    """Take out of a sync's *body* what makes nio's parsers raise: the rest of an event, or where that helps not, it."""
    rooms = body.get("rooms", {})
    for room in [*rooms.get("join", {}).values(), *rooms.get("leave", {}).values()]:
        for part in ("state", "timeline"):
            _keep_parsable(room.get(part), Event.parse_event)
    for room in rooms.get("invite", {}).values():
        _keep_parsable(room.get("invite_state"), InviteEvent.parse_event)
    _keep_parsable(body.get("to_device"), ToDeviceEvent.parse_event)


def _keep_parsable(part: Any, parse: Callable[[Any], Any]) -> None:  # noqa: ANN401 - JSON
    if not isinstance(part, dict) or not isinstance(part.get("events"), list):
        return
    kept = (_parsable(event, parse) for event in part["events"])
    part["events"] = [event for event in kept if event is not None]


def _parsable(event: Any, parse: Callable[[Any], Any]) -> Any | None:  # noqa: ANN401 - JSON
    """*event*, or what is essential in it; None where nio can parse neither."""
    if _parses(event, parse):
        return event
    if isinstance(event, Mapping):
        essential = {name: event[name] for name in ESSENCE if name in event}
        if _parses(essential, parse):
            return essential
    log.warning("event %s can't be parsed; it is left out", event.get("event_id") if isinstance(event, dict) else "?")
    return None


def _parses(event: Any, parse: Callable[[Any], Any]) -> bool:  # noqa: ANN401 - JSON
    try:
        parse(dict(event))  # a copy: some of nio's parsers take their input apart
    except Exception:  # noqa: BLE001 - whatever it raises, this event is the one to leave out
        return False
    return True
