"""What the surface knows of its rooms, kept as notes so that it outlives the process.

``room:<id>``     a room we are in, with whom it is direct by the mark of the invitation, and which takes its place
``upgrade:<id>``  a room that took the place of another, with whom that was direct, and whether it was for everybody
``invite:<id>``   an invitation that we have not followed yet, and that mark
``m.direct``      the account data of that name
``alias:<alias>`` the room that an alias in the settings leads to
``person:<id>``   what was made for a person (see ``provision``)
``unread:<id>``   an encrypted event whose key has not come yet
``asked:<id>``    a session whose key was asked for, by its room and its id
``withheld:<id>`` word that a key will not come, by who says so and the key's id
``behind:<id>``   a room whose history can't be read now, and from where on (see ``behind``)
``told:<id>``     a room whose people were told that something there can't be read
``lived``         how many seconds the surface has run in all, a few minutes less than it has
"""

import hashlib
import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from surfacehost import Invite, Memory
from surfacehost_matrix.memberships import direct_rooms
from surfacehost_matrix.parse import Place
from surfacehost_matrix.withheld import Withheld

ROOM, INVITE, PERSON, DIRECT, UPGRADE = "room:", "invite:", "person:", "m.direct", "upgrade:"
ALIAS = "alias:"
EVERYBODY = "*"
"""Stands for whom a shared Space is made."""
UNREAD, ASKED, WITHHELD, TOLD, BEHIND = "unread:", "asked:", "withheld:", "told:", "behind:"
_OF_SYNC = (ROOM, INVITE, DIRECT, UNREAD, ASKED, WITHHELD, TOLD, BEHIND)
REPLACES, WAS_IN = "replaces", "was in"
"""In the ``native`` of an invitation that is a tombstone's: the room that moves, and whether we were in the new one."""
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


class Chats:
    """The notes about rooms, in memory; whoever changes them hands ``Notes`` to the host first, then here."""

    def __init__(self, surface: str, me: str) -> None:
        self._surface = surface
        self._me = me
        self._notes: Notes = {}
        self._heirs: dict[str, str] | None = None
        self._began = time.monotonic()
        self._lived = 0.0

    async def recall(self, memory: Memory) -> None:
        """Read what is stored: all of it at first, later what only the sync writes."""
        prefixes = _OF_SYNC if self._notes else (*_OF_SYNC, UPGRADE, PERSON, ALIAS)
        stored: Notes = {}
        for prefix in prefixes:
            stored |= await memory.items(prefix)
        self._heirs = None
        kept = {key: value for key, value in self._notes.items() if not key.startswith(prefixes)}
        self._notes = kept | stored
        if LIVED not in self._notes:
            self._lived = await memory.get(LIVED) or 0.0
            self._notes[LIVED] = self._lived

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

    def unread(self, room: str, raw: Mapping[str, Any], pending: Notes) -> Notes:
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
        """Why the key of what ``unread`` has noted will not come; empty as long as it may."""
        content, sender = unread["event"]["content"], unread["event"]["sender"]
        keys = [f"{WITHHELD}{sender} {content.get(name)}" for name in ("session_id", "sender_key")]
        told = (known.get(key) for known in (pending or {}, self._notes) for key in keys)
        return next((note["why"] for note in told if note), "")

    def all_unread(self) -> Notes:
        """What ``unread`` has noted, oldest first."""
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

    def told_direct(self, content: Any) -> Notes:  # noqa: ANN401 - JSON
        """To be noted when the account's ``m.direct`` has changed."""
        return {DIRECT: direct_rooms(content)}

    def _age(self) -> float:
        """How many seconds the surface has run in all."""
        return self._lived + time.monotonic() - self._began

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


def _crowded_out(senders: Mapping[str, str], kept: Notes) -> Notes:
    """What has to go of the notes *kept* for another one: the oldest of whoever has sent the most."""
    if len(kept) < MOST_UNREAD:
        return {}
    ((loudest, _),) = Counter(senders.values()).most_common(1)
    return {min((key for key, sender in senders.items() if sender == loudest), key=lambda key: _order(kept[key])): None}


def _order(note: Notes) -> tuple[int, float]:
    """The place of *note* among those of its kind: they are counted, because the clock may be set between two."""
    return note.get(NTH, 0), note["at"]


def _rooms_of(note: Notes) -> list[str]:
    """The rooms that were made for somebody, those of before a reset among them."""
    return [*note["rooms"].values(), *note.get("former", ())]
