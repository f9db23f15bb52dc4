"""What can't be decrypted yet, in the notes that ``chats`` has in memory.

``unread:<id>``   an encrypted event whose key has not come yet
``asked:<id>``    a session whose key was asked for, by its room and its id
``withheld:<id>`` word that a key will not come, by who says so and the key's id
``told:<id>``     a room whose people were told that something there can't be read
``lived``         how many seconds the surface has run in all, a few minutes less than it has
"""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from surfacehost import Memory
from surfacehost_matrix.withheld import Withheld

UNREAD, ASKED, WITHHELD, TOLD = "unread:", "asked:", "withheld:", "told:"
MOST_UNREAD = 500
"""Encrypted events that are kept: anybody can send what nobody can read. And words that a key will not come."""
UNREAD_S = 7 * 86400.0
"""How long they are kept, counted while the surface runs: a clock that is set makes nothing old."""
NTH = "nth"
"""In the note of an unread event: its number among those that are kept."""
LIVED, NOTED_S = "lived", 600.0
"""The note of how long it has run, and how often that is noted."""
TELL_AFTER_S = 60.0
"""How long a key may take before people are told that it is missing."""

Notes = dict[str, Any]


class Unread:
    """The events whose keys have not come, in the *notes* that ``Chats`` has in memory."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._began = time.monotonic()
        self._lived = 0.0

    async def recall(self, memory: Memory) -> None:
        """Go on counting how long the surface has run, from where an earlier process had come to."""
        if LIVED not in self._notes:
            self._lived = await memory.get(LIVED) or 0.0
            self._notes[LIVED] = self._lived

    def keep(self, room: str, raw: Mapping[str, Any], pending: Notes) -> Notes:
        """To be noted of an event that can't be decrypted yet; *pending* is what is about to be noted besides.

        Where too many are kept, the oldest goes of whoever has sent the most: nobody crowds out anybody else.
        """
        new = UNREAD + str(raw["event_id"])
        kept = {key: note for key, note in (self._notes | pending).items() if key.startswith(UNREAD) and note}
        if new in kept:
            return {}
        number = 1 + max((note.get(NTH, 0) for note in kept.values()), default=0)
        notes: Notes = {new: {"room": room, "event": raw, "at": time.time(), LIVED: self._age(), NTH: number}}
        return notes | _crowded_out({key: str(note["event"].get("sender")) for key, note in kept.items()}, kept)

    def withheld(self, told: Withheld, pending: Notes) -> Notes:
        """To be noted when we are *told* that a key will not come; *pending* as above, and likewise for too many."""
        kept = {key: note for key, note in (self._notes | pending).items() if key.startswith(WITHHELD) and note}
        new = {
            f"{WITHHELD}{told.by} {told.of}": {"by": told.by, "why": told.why, "at": time.time(), LIVED: self._age()}
        }
        return _crowded_out({key: note["by"] for key, note in kept.items()}, kept) | new

    def why_withheld(self, unread: Mapping[str, Any], pending: Notes | None = None) -> str:
        """Why the key of what ``keep`` has noted will not come; empty as long as it may."""
        content, sender = unread["event"]["content"], unread["event"]["sender"]
        keys = [f"{WITHHELD}{sender} {content.get(name)}" for name in ("session_id", "sender_key")]
        told = (known.get(key) for known in (pending or {}, self._notes) for key in keys)
        return next((note["why"] for note in told if note), "")

    def all(self) -> Notes:
        """What ``keep`` has noted, oldest first."""
        unread = ((key, note) for key, note in self._notes.items() if key.startswith(UNREAD))
        return dict(sorted(unread, key=lambda one: _order(one[1])))

    def all_asked(self) -> Notes:
        """The key requests that are open, by room and session."""
        return {key.removeprefix(ASKED): note for key, note in self._notes.items() if key.startswith(ASKED)}

    def overdue(self, changed: Notes) -> tuple[Notes, Notes]:
        """The oldest unread event of each room that has to be told of it now, and what is to be noted of that.

        *changed* is what else will be noted. A room is told once, and again only after everything in it had been read,
        or given up after a week.
        """
        unread = {key: note for key, note in (self._notes | changed).items() if key.startswith(UNREAD) and note}
        withheld = {key: note for key, note in self._notes.items() if key.startswith(WITHHELD)}
        told = {key.removeprefix(TOLD) for key in self._notes if key.startswith(TOLD)}
        now, age, due = time.time(), self._age(), Notes()
        notes: Notes = {key: None for key, note in (unread | withheld).items() if age - note.get(LIVED, 0) > UNREAD_S}
        if age - self._notes.get(LIVED, 0) > NOTED_S:
            notes[LIVED] = age
        left = {key: note for key, note in unread.items() if key not in notes}
        for note in sorted(left.values(), key=_order):
            waited = max(now - note["at"], age - note.get(LIVED, age))  # whichever clock was not set back
            if (waited > TELL_AFTER_S or self.why_withheld(note, changed)) and note["room"] not in told:
                due.setdefault(note["room"], note)
        read = told - {note["room"] for note in left.values()}
        notes |= {TOLD + room: None for room in read} | {TOLD + room: {"at": now} for room in due}
        return due, notes

    def _age(self) -> float:
        """How many seconds the surface has run in all."""
        return self._lived + time.monotonic() - self._began


def _crowded_out(senders: Mapping[str, str], kept: Notes) -> Notes:
    """What has to go of the notes *kept* for another one: the oldest of whoever has sent the most."""
    if len(kept) < MOST_UNREAD:
        return {}
    ((loudest, _),) = Counter(senders.values()).most_common(1)
    return {min((key for key, sender in senders.items() if sender == loudest), key=lambda key: _order(kept[key])): None}


def _order(note: Notes) -> tuple[int, float]:
    """The place of *note* among those of its kind: they are counted, because the clock may be set between two."""
    return note.get(NTH, 0), note["at"]
