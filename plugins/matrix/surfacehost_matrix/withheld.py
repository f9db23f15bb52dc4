"""Word that a key will not come (client-server specification, "Reporting that decryption keys are withheld"). Pure.

Anybody can send it, in clear: it is believed about what its sender has written, and about nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from surfacehost_matrix.jsonparts import content_of, storable, text

KIND = "m.room_key.withheld"
LONGEST = 255
"""Characters of what is kept of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """A key that its maker does not give us."""

    by: str
    of: str
    """The id of the session; where there could be none at all (``m.no_olm``), the key of the device."""
    why: str
    """For the operator."""


def read_withheld(raw: Mapping[str, Any]) -> Withheld | None:
    """What *raw*, sent to our device, says of a key; None for anything else."""
    content, sender = content_of(raw), text(raw.get("sender"))
    of = text(content.get("session_id")) or text(content.get("sender_key"))
    code, reason = text(content.get("code")), text(content.get("reason"))
    if raw.get("type") != KIND or not sender or not 0 < len(of) <= LONGEST or code in ("", "m.unavailable"):
        return None  # of an unavailable one another device may have the key
    why = f"{code}: {reason}" if reason else code
    return Withheld(by=sender, of=storable(of), why=repr(storable(why)[:LONGEST]))
