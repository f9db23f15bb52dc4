"""What a person gets when the bot meets them: a Space of their own with rooms in it, made once.

Making a room is not idempotent: there is no transaction id for it. So each step is noted before and after, and a room
that was made just before the process died (noted before, not after) is found again by the mark in its state.

The rooms are *restricted*: who is in the Space may join them, so one invitation is enough and the homeserver's limit
on invitations is never met (client-server specification, "Restricted rooms"). The bot does not list itself in the
power levels: as creator it needs no entry, and room version 12 refuses one.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any
from weakref import WeakValueDictionary

from surfacehost import Memory, Undeliverable
from surfacehost_matrix.chats import PERSON, Chats, Notes
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.settings import SpaceSettings

MARK = "org.surfacehost.made_for"
"""State event of every room we make: for whom, and which part of their Space it is."""
SPACE = "space"
FOUND_AGAIN = "found_again"
"""Note: the time of the last restoring after which rooms that were made since the copy were looked for."""

log = logging.getLogger(__name__)


class Provisioning:
    """Makes Spaces; for one person at a time."""

    def __init__(self, surface: str, space: SpaceSettings, memory: Memory, chats: Chats) -> None:
        self._surface = surface
        self._space = space
        self._memory = memory
        self._chats = chats
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def meet(self, homeserver: Homeserver, person: str, *, invite_id: str) -> str | None:
        """Make what *person* has not got yet.

        Returns the room to greet them in; None for somebody we had met before this invitation. Raises NotReady,
        and Undeliverable when the homeserver does not let us make rooms.
        """
        lock = self._locks.setdefault(person, asyncio.Lock())
        async with lock:
            note = self._chats.made_for(person) or {"by": invite_id, "rooms": {}, "opening": "", "done": False}
            if not note["done"]:
                try:
                    await self._make(homeserver, person, note)
                except Declined as refusal:
                    raise (
                        refusal.blames_account() or Undeliverable(f"no Space can be made for {person}: {refusal}")
                    ) from refusal
            return note["rooms"][_part(self._space.rooms[0])] if note["by"] == invite_id else None

    async def find_again(self, homeserver: Homeserver, restored_at: float) -> None:
        """Learn what was made for whom since the copy that we go on with was made; once for each copy."""
        if (await self._memory.get(FOUND_AGAIN) or 0) >= restored_at:
            return
        found: dict[str, dict[str, str]] = {}
        for room in await self._unknown_rooms(homeserver):
            if mark := await _own_mark(homeserver, room, self._surface):
                found.setdefault(mark["person"], {})[mark["part"]] = room
        for person, rooms in found.items():
            note = self._chats.made_for(person) or {"by": "", "rooms": {}, "opening": "", "done": False}
            await self._keep(person, note, rooms=note["rooms"] | rooms)
            log.info("found %d rooms that were made for %s since the copy", len(rooms), person)
        await self._memory.set({FOUND_AGAIN: restored_at})

    async def _make(self, homeserver: Homeserver, person: str, note: Notes) -> None:
        space = await self._room(homeserver, person, note, SPACE, self._space_body(person))
        for order, name in enumerate(self._space.rooms):
            body = self._room_body(person, name, space, homeserver)
            room = await self._room(homeserver, person, note, _part(name), body)
            link = {"via": [_server(homeserver)], "order": f"{order:04}", "suggested": True}
            await homeserver.paced(lambda room=room, link=link: _link(homeserver, space, room, link))  # type: ignore[misc]
        await self._keep(person, note, done=True)
        log.info("a Space with %d rooms is made for %s", len(self._space.rooms), person)

    async def _room(self, homeserver: Homeserver, person: str, note: Notes, part: str, body: Mapping[str, Any]) -> str:
        """The room that is *part* of the person's Space: the one noted, one found, or a new one."""
        if known := note["rooms"].get(part):
            return str(known)
        room = await self._find(homeserver, person, part) if note["opening"] == part else None
        if room is None:
            await self._keep(person, note, opening=part)
            answer = await homeserver.paced(lambda: homeserver.call("POST", "createRoom", body=body))
            room = str(answer["room_id"])
        await self._keep(person, note, opening="", rooms={**note["rooms"], part: room})
        return room

    async def _find(self, homeserver: Homeserver, person: str, part: str) -> str | None:
        """A room that an earlier attempt made without living to note it."""
        for room in await self._unknown_rooms(homeserver):
            if await homeserver.state(room, MARK) == self._mark(person, part) and await _is_own(homeserver, room):
                log.info("found the room that was made for %s before: %s", person, room)
                return str(room)
        return None

    async def _unknown_rooms(self, homeserver: Homeserver) -> set[str]:
        """The rooms we are in of which we don't know that we made them."""
        joined = await homeserver.call("GET", "joined_rooms")
        return set(joined["joined_rooms"]) - self._chats.rooms_made()

    async def _keep(self, person: str, note: Notes, **changes: Any) -> None:  # noqa: ANN401 - JSON
        await self._memory.set({PERSON + person: note | changes})
        note |= changes
        self._chats.learn({PERSON + person: dict(note)})

    def _space_body(self, person: str) -> dict[str, Any]:
        return {
            "preset": "private_chat",
            "name": self._space.name,
            "creation_content": {"type": "m.space"},
            "invite": [person],
            "power_level_content_override": {"events_default": 100},  # a Space is no place to write in
            "initial_state": [self._mark_event(person, SPACE)],
        }

    def _room_body(self, person: str, name: str, space: str, homeserver: Homeserver) -> dict[str, Any]:
        rule = {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": space}]}
        parent = {"via": [_server(homeserver)], "canonical": True}
        return {
            "preset": "private_chat",
            "name": name,
            "initial_state": [
                {"type": "m.room.join_rules", "state_key": "", "content": rule},
                {"type": "m.space.parent", "state_key": space, "content": parent},
                self._mark_event(person, _part(name)),
            ],
        }

    def _mark_event(self, person: str, part: str) -> dict[str, Any]:
        return {"type": MARK, "state_key": "", "content": self._mark(person, part)}

    def _mark(self, person: str, part: str) -> dict[str, Any]:
        return {"surface": self._surface, "person": person, "part": part}


def _part(name: str) -> str:
    return f"room {name}"


def _server(homeserver: Homeserver) -> str:
    return homeserver.user_id.split(":", 1)[1]


async def _link(homeserver: Homeserver, space: str, room: str, link: Mapping[str, Any]) -> None:
    await homeserver.call("PUT", "rooms", space, "state", "m.space.child", room, body=link)


async def _own_mark(homeserver: Homeserver, room: str, surface: str) -> dict[str, Any] | None:
    """For whom *room* was made; None where we did not make it, or can't see."""
    try:
        mark = await homeserver.state(room, MARK)
        is_own = mark is not None and mark.get("surface") == surface and await _is_own(homeserver, room)
    except Declined as refusal:
        if blame := refusal.blames_account():
            raise blame from refusal
        return None
    return mark if is_own else None


async def _is_own(homeserver: Homeserver, room: str) -> bool:
    """Whether we made *room*: anybody can write the mark into a room of theirs and invite us."""
    path = ("rooms", room, "state", "m.room.create", "")
    created = await homeserver.call("GET", *path, query={"format": "event"})
    return created.get("sender") == homeserver.user_id
