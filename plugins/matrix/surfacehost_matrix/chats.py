"""What the surface knows of its rooms, kept as notes so that it outlives the process.

``room:<id>``     a room we are in, with whom it is direct by the mark of the invitation, and which takes its place
``upgrade:<id>``  a room that took the place of another, with whom that was direct, and whether it was for everybody
``invite:<id>``   an invitation that we have not followed yet, and that mark
``m.direct``      the account data of that name
``alias:<alias>`` the room that an alias in the settings leads to
``person:<id>``   what was made for a person (see ``provision``)
``behind:<id>``   a room whose history can't be read now, and from where on (see ``behind``)

and what ``unread`` notes.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from surfacehost import Invite, Memory
from surfacehost_matrix.memberships import direct_rooms
from surfacehost_matrix.parse import Place
from surfacehost_matrix.unread import ASKED, TOLD, UNREAD, WITHHELD, Unread

ROOM, INVITE, PERSON, DIRECT, UPGRADE = "room:", "invite:", "person:", "m.direct", "upgrade:"
ALIAS, BEHIND = "alias:", "behind:"
EVERYBODY = "*"
"""Stands for whom a shared Space is made."""
_OF_SYNC = (ROOM, INVITE, DIRECT, UNREAD, ASKED, WITHHELD, TOLD, BEHIND)
REPLACES, WAS_IN = "replaces", "was in"
"""In the ``native`` of an invitation that is a tombstone's: the room that moves, and whether we were in the new one."""

Notes = dict[str, Any]


class Chats:
    """The notes about rooms, in memory; whoever changes them hands ``Notes`` to the host first, then here."""

    def __init__(self, surface: str, me: str) -> None:
        self._surface = surface
        self._me = me
        self._notes: Notes = {}
        self._heirs: dict[str, str] | None = None
        self.unread = Unread(self._notes)

    async def recall(self, memory: Memory) -> None:
        """Read what is stored: all of it at first, later what only the sync writes."""
        prefixes = _OF_SYNC if self._notes else (*_OF_SYNC, UPGRADE, PERSON, ALIAS)
        stored: Notes = {}
        for prefix in prefixes:
            stored |= await memory.items(prefix)
        self._heirs = None
        for key in [key for key in self._notes if key.startswith(prefixes)]:
            del self._notes[key]
        self._notes |= stored
        await self.unread.recall(memory)

    def learn(self, notes: Mapping[str, Any]) -> None:
        """Take over what has been stored."""
        for key, value in notes.items():
            if key.startswith(UPGRADE):
                self._heirs = None
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
        return {room for _, note in self.people() for room in _rooms_of(note)}

    def people(self) -> list[tuple[str, Notes]]:
        """Everybody for whom something was made, and what."""
        return [(key.removeprefix(PERSON), note) for key, note in self._notes.items() if key.startswith(PERSON)]

    def maker_note(self, room: str) -> tuple[str, Notes] | None:
        """For whom *room* was made, and everything that was; None for a room that was not."""
        return next(((person, note) for person, note in self.people() if room in note["rooms"].values()), None)

    def all_aliases(self) -> dict[str, str]:
        """The aliases of the settings, and the rooms that they lead to."""
        return {key.removeprefix(ALIAS): room for key, room in self._notes.items() if key.startswith(ALIAS)}

    def direct_chats(self, person: str) -> list[str]:
        """The rooms we are in that are direct chats with *person*."""
        rooms = (key.removeprefix(ROOM) for key in self._notes if key.startswith(ROOM))
        return [room for room in rooms if person in self._direct_with(room)]

    def place(self, room: str, *, my_name: str, names: Mapping[str, str]) -> Place:
        """*room* as the parser needs it."""
        return Place(
            surface=self._surface,
            chat=room,
            me=self._me,
            my_name=my_name,
            names=names,
            direct_with=frozenset(self._direct_with(room)),
            aliases=tuple(sorted(alias for alias, leads_to in self.all_aliases().items() if leads_to == room)),
            own=self._is_everybodys(room),
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
        # Who is invited is out: what is said until we are in again is not for us, told or not that we were put out.
        return numbered, {
            **self.left(invite.chat),
            INVITE + invite.chat: {"says": invite.id, "id": numbered.id, "direct": direct},
        }

    def joined(self, room: str) -> Notes:
        """To be noted when we are found in *room* for the first time: the invitation's mark goes with it."""
        mark = self._notes.get(INVITE + room) or {"direct": []}
        return {ROOM + room: {"direct": mark["direct"]}, INVITE + room: None}

    def left(self, room: str) -> Notes:
        """To be noted when we are in *room* no more, or an invitation into it is gone."""
        return {kind + room: None for kind in (ROOM, INVITE, UPGRADE, BEHIND) if kind + room in self._notes}

    def refused(self, invite: Invite) -> Notes:
        """To be noted when *invite* leads nowhere any more: another one may have come in its place meanwhile."""
        known = self._notes.get(INVITE + invite.chat)
        return {INVITE + invite.chat: None} if known and known["id"] == invite.id else {}

    def fell_behind(self, room: str, since: str | None, *, from_its_beginning: bool) -> Notes:
        """To be noted when *room* can't be read behind the token *since*; None: from where our time there begins."""
        return {BEHIND + room: {"since": since, "from_its_beginning": from_its_beginning}}

    def all_behind(self) -> Notes:
        """What ``fell_behind`` has noted, by room."""
        return {key.removeprefix(BEHIND): note for key, note in self._notes.items() if key.startswith(BEHIND)}

    def only_in(self, rooms: Collection[str]) -> Notes:
        """To be noted when *rooms* are all that we are in."""
        known = (key.removeprefix(ROOM) for key in self._notes if key.startswith(ROOM))
        return {key: None for room in known if room not in rooms for key in self.left(room)}

    def moving(self, room: str, new: str, tombstone: Mapping[str, Any], pending: Notes) -> tuple[Invite, Notes] | None:
        """The way into *new*, which takes the place of *room* by *tombstone*, and what is to be noted of it.

        *pending* is what is about to be noted. None for a room that has moved before: whoever may upgrade it could
        send us about for ever.
        """
        here: Notes = pending.get(ROOM + room) or self._notes.get(ROOM + room) or {"direct": []}
        if "moved" in here:
            return None
        sender, event_id = str(tombstone.get("sender")), str(tombstone.get("event_id"))
        native = {REPLACES: room, WAS_IN: self.knows(new)}
        way = Invite(surface=self._surface, id=event_id, chat=new, sender=sender, direct=False, native=native)
        return way, {ROOM + room: here | {"moved": new}}

    def moved_into(self, room: str) -> str | None:
        """The room of which a tombstone said that *room* takes its place."""
        for key, note in self._notes.items():
            if key.startswith(ROOM) and note.get("moved") == room:
                return key.removeprefix(ROOM)
        return None

    def took_over(self, room: str, old: str) -> Notes:
        """To be noted when *room* has taken the place of *old*: it is direct with whom that was then, or for all."""
        known = self._notes.get(UPGRADE + room)
        was = {"direct": sorted(self._direct_with(old)), "own": self._is_everybodys(old)}
        return {UPGRADE + room: known or {"from": old, **was}}

    def newest(self, room: str) -> str:
        """The room that has taken the place of *room*, or of that one, and so on; itself as long as none has."""
        if self._heirs is None:
            upgrades = ((key, note) for key, note in self._notes.items() if key.startswith(UPGRADE))
            self._heirs = {note["from"]: key.removeprefix(UPGRADE) for key, note in upgrades}
        seen = set[str]()
        while room in self._heirs and room not in seen:
            seen.add(room)
            room = self._heirs[room]
        return room

    def told_direct(self, content: Any) -> Notes:  # noqa: ANN401 - JSON
        """To be noted when the account's ``m.direct`` has changed."""
        return {DIRECT: direct_rooms(content)}

    def _is_everybodys(self, room: str) -> bool:
        """Whether *room* is one that we made for everybody, or has taken the place of one.

        To have it take that place takes more rights than to let somebody in, so it lets nobody in who could not be.
        """
        made: Notes = self._notes.get(PERSON + EVERYBODY) or {"rooms": {}}
        taken_over: Notes = self._notes.get(UPGRADE + room) or {}
        return room in _rooms_of(made) or bool(taken_over.get("own"))

    def _direct_with(self, room: str) -> set[str]:
        marked: Notes = self._notes.get(ROOM + room) or self._notes.get(INVITE + room) or {}
        listed: Notes = self._notes.get(DIRECT) or {}
        taken_over: Notes = self._notes.get(UPGRADE + room) or {}
        return {
            *marked.get("direct", ()),
            *taken_over.get("direct", ()),
            *(person for person, rooms in listed.items() if room in rooms),
            *(person for person, note in self.people() if room in _rooms_of(note)),
        }


def _rooms_of(note: Notes) -> list[str]:
    """The rooms that were made for somebody, those of before a reset among them."""
    return [*note["rooms"].values(), *note.get("former", ())]
