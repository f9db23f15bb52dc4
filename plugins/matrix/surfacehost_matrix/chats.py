"""What the surface knows of its rooms, kept as notes so that it outlives the process.

``room:<id>``     a room we are in, and with whom it is direct by the mark of the invitation
``invite:<id>``   an invitation that we have not followed yet, and that mark
``m.direct``      the account data of that name
``person:<id>``   what was made for a person (see ``provision``)
``unread:<id>``   an encrypted event whose key has not come yet
"""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from surfacehost import Invite, Memory
from surfacehost_matrix.parse import Place, direct_rooms

ROOM, INVITE, PERSON, DIRECT, UNREAD = "room:", "invite:", "person:", "m.direct", "unread:"
MOST_UNREAD = 500
"""Encrypted events that are kept; beyond, the oldest goes: anybody can send what nobody can read."""

Notes = dict[str, Any]


class Chats:
    """The notes about rooms, in memory; whoever changes them hands ``Notes`` to the host first, then here."""

    def __init__(self, surface: str, me: str) -> None:
        self._surface = surface
        self._me = me
        self._notes: Notes = {}

    async def recall(self, memory: Memory) -> None:
        """Read what is stored: all of it at first, later what only the sync writes."""
        prefixes = (ROOM, INVITE, DIRECT, UNREAD) if self._notes else (ROOM, INVITE, DIRECT, UNREAD, PERSON)
        stored: Notes = {}
        for prefix in prefixes:
            stored |= await memory.items(prefix)
        kept = {key: value for key, value in self._notes.items() if not key.startswith(prefixes)}
        self._notes = kept | stored

    def learn(self, notes: Mapping[str, Any]) -> None:
        """Take over what has been stored."""
        for key, value in notes.items():
            if value is None:
                self._notes.pop(key, None)
            else:
                self._notes[key] = value

    def knows(self, room: str) -> bool:
        """Whether we were in *room* when the last sync had been stored."""
        return ROOM + room in self._notes

    def made_for(self, person: str) -> Notes:
        """What was made for *person* so far; empty for a stranger."""
        return dict(self._notes.get(PERSON + person) or {})

    def rooms_made(self) -> set[str]:
        """Every room that was made for somebody."""
        people = (note for key, note in self._notes.items() if key.startswith(PERSON))
        return {room for note in people for room in note["rooms"].values()}

    def place(self, room: str, *, my_name: str, names: Mapping[str, str]) -> Place:
        """*room* as the parser needs it."""
        return Place(
            surface=self._surface,
            chat=room,
            me=self._me,
            my_name=my_name,
            names=names,
            direct_with=frozenset(self._direct_with(room)),
        )

    def invited(self, invite: Invite, since: str | None) -> tuple[Invite, Notes]:
        """*invite* with an id of its own, heard behind the token *since*, and what is to be noted of it.

        The same invitation told again keeps its id. Another one that says the same (put out, invited again) gets
        another id: by then the first one has been followed or is gone, and its note with it.
        """
        known = self._notes.get(INVITE + invite.chat)
        if known and known["says"] == invite.id:
            return replace(invite, id=known["id"]), {}
        own = hashlib.sha256(f"{invite.id} {since}".encode()).hexdigest()[:32]
        numbered = replace(invite, id=f"invite:{invite.chat}:{own}")
        direct = [invite.sender] if invite.direct else []
        return numbered, {INVITE + invite.chat: {"says": invite.id, "id": numbered.id, "direct": direct}}

    def joined(self, room: str) -> Notes:
        """To be noted when we are found in *room* for the first time: the invitation's mark goes with it."""
        mark = self._notes.get(INVITE + room) or {"direct": []}
        return {ROOM + room: {"direct": mark["direct"]}, INVITE + room: None}

    def left(self, room: str) -> Notes:
        """To be noted when we are in *room* no more, or an invitation into it is gone."""
        return {key: None for key in (ROOM + room, INVITE + room) if key in self._notes}

    def unread(self, room: str, raw: Mapping[str, Any]) -> Notes:
        """To be noted of an event that can't be decrypted yet."""
        kept = self.all_unread()
        oldest = min(kept, key=lambda key: kept[key]["at"]) if len(kept) >= MOST_UNREAD else None
        dropped = {oldest: None} if oldest else {}
        return {**dropped, UNREAD + str(raw["event_id"]): {"room": room, "event": raw, "at": time.time()}}

    def all_unread(self) -> Notes:
        """What ``unread`` has noted."""
        return {key: note for key, note in self._notes.items() if key.startswith(UNREAD)}

    def told_direct(self, content: Any) -> Notes:  # noqa: ANN401 - JSON
        """To be noted when the account's ``m.direct`` has changed."""
        return {DIRECT: direct_rooms(content)}

    def _direct_with(self, room: str) -> set[str]:
        marked: Notes = self._notes.get(ROOM + room) or self._notes.get(INVITE + room) or {}
        listed: Notes = self._notes.get(DIRECT) or {}
        return {
            *marked.get("direct", ()),
            *(person for person, rooms in listed.items() if room in rooms),
            *(
                key.removeprefix(PERSON)
                for key, note in self._notes.items()
                if key.startswith(PERSON) and room in note["rooms"].values()
            ),
        }
