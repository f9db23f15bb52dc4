"""What stands in an event that another user has written, taken for what it should be: anything else is nothing."""

import re
from collections.abc import Mapping
from typing import Any

_EVENT_ID = re.compile(r"\$[\x21-\x7e]{1,254}")
_ROOM_ID = re.compile(r"![\x21-\x7e]{1,254}")


def mapping(value: object) -> Mapping[str, Any]:
    """*value*, if it is an object; else an empty one."""
    return value if isinstance(value, Mapping) else {}


def text(value: object) -> str:
    """*value*, if it is a string; else an empty one."""
    return value if isinstance(value, str) else ""


def event_id(value: object) -> str:
    """*value*, if it can be the id of an event; else nothing. A longer one could not stand in a thread key."""
    return value if isinstance(value, str) and _EVENT_ID.fullmatch(value) else ""


def room_id(value: object) -> str:
    """*value*, if it can be the id of a room; else nothing."""
    return value if isinstance(value, str) and _ROOM_ID.fullmatch(value) else ""


def content_of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The content of *event*; empty where there is none."""
    return mapping(event.get("content"))


def seconds(milliseconds: object) -> float:
    """A time of the protocol in seconds since the epoch; 0 where there is none."""
    is_time = isinstance(milliseconds, int) and not isinstance(milliseconds, bool) and 0 < milliseconds < 10**15
    return milliseconds / 1000 if isinstance(milliseconds, int) and is_time else 0.0


def storable(value: str) -> str:
    """*value* without what no database takes: lone surrogates and NUL."""
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")
