"""What we ask a homeserver for: only what is used (client-server specification, "Filtering")."""

from collections.abc import Mapping
from typing import Any

SAID = ("m.room.message", "m.room.encrypted", "m.room.redaction", "m.reaction", "m.sticker", "m.key.verification.*")
ALIAS = "m.room.canonical_alias"
STATE = (ALIAS, "m.room.create", "m.room.encryption", "m.room.member", "m.room.tombstone")

PAGE = 100
"""Events of one room in a sync, and in a page of its history: in a sync no homeserver gives more."""
AT_START, CATCHING_UP = 1, 10
"""The same in a first sync, which tells of all rooms at once. At the very first start none are of use; later on gaps
are filled piece by piece."""

TIMELINE: Mapping[str, Any] = {"types": [*SAID, *STATE], "lazy_load_members": True}


def wanted(most: int) -> dict[str, Any]:
    """The filter of a sync that brings at most *most* events of each room."""
    return {
        "presence": {"types": []},
        "account_data": {"types": ["m.direct"]},
        "room": {
            "state": {"types": STATE, "lazy_load_members": True},
            "timeline": {**TIMELINE, "limit": most},
            "ephemeral": {"types": []},
            "account_data": {"types": []},
        },
    }
