"""What a person gets when the bot meets them: a Space with rooms in it, made once and kept as the settings declare it.

Making a room is not idempotent: there is no transaction id for it. So each step is noted before and after, and a room
that was made just before the process died (noted before, not after) is found again by the mark in its state. Everything
else is state, which may be sent again without harm: what is missing or different is mended, at first and at each start.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any
from weakref import WeakValueDictionary

from surfacehost import Invite, Memory, NotReady, Undeliverable
from surfacehost_matrix.avatars import Avatars
from surfacehost_matrix.chats import EVERYBODY, PERSON, Chats, Notes
from surfacehost_matrix.comparing import Comparing, asked_for, part_of
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.joining import give_up
from surfacehost_matrix.rooms import MARK, find, joined, membership, own_mark, rename, send_state, server_of
from surfacehost_matrix.settings import SpaceSettings
from surfacehost_matrix.tree import Branch, Change

FOUND_AGAIN = "found_again"
"""Note: the time of the last restoring after which rooms that were made since the copy were looked for."""
MOST_REFUSED = 20
"""Chats of one person that are known to have been refused: the commands may come back."""
AGAIN_S = 60.0
"""Before mending goes on after the homeserver was away."""

log = logging.getLogger(__name__)


class Provisioning:
    """Makes Spaces and mends them; for one person at a time."""

    def __init__(self, surface: str, space: SpaceSettings, memory: Memory, chats: Chats) -> None:
        self._surface = surface
        self._space = space
        self._memory = memory
        self._chats = chats
        self._avatars = Avatars(memory)
        self._comparing = Comparing(space, self._avatars, chats)
        self._is_mended = False
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def meet(self, homeserver: Homeserver, invite: Invite) -> str | None:
        """Make what the sender of *invite* has not got yet.

        Returns the room to greet them in; None for somebody we had met before this invitation. Raises NotReady,
        and Undeliverable when the homeserver does not let us make rooms.
        """
        person = invite.sender
        async with self._lock(person):
            note = await self._note(person, by=invite.id)
            if not note["done"]:
                try:
                    await self._provide(homeserver, person, note)
                except Declined as refusal:
                    raise (
                        refusal.blames_account() or Undeliverable(f"no Space can be made for {person}: {refusal}")
                    ) from refusal
        if note["by"] != invite.id:
            return None
        return invite.chat if self._space.shared else str(note["rooms"][part_of(self._space.rooms[0])])

    async def mend(self, homeserver: Homeserver) -> None:
        """Bring every Space in step with the settings, one after another, until all are; once in a process.

        Raises NotReady and Refused for what is about the account.
        """
        if self._is_mended:
            return
        for person, _ in self._chats.people():
            while True:
                try:
                    await self._mend(homeserver, person)
                except NotReady as error:
                    await asyncio.sleep(error.retry_after or AGAIN_S)  # what the homeserver said, or its own pause
                    continue
                except Declined as refusal:
                    _tell(refusal, person)
                break
        self._is_mended = True

    async def keep_up(self, homeserver: Homeserver, room: str) -> None:
        """Bring in step the Space to which *room* belongs, which has just taken the place of another, if it does.

        Raises as ``mend``.
        """
        for person, note in self._chats.people():
            if room not in map(self._chats.newest, note["rooms"].values()):
                continue
            try:
                await self._mend(homeserver, person)
            except Declined as refusal:
                _tell(refusal, person)

    async def _mend(self, homeserver: Homeserver, person: str) -> None:
        async with self._lock(person):
            note = await self._note(person)
            if note["done"] and note["rooms"]:
                await self._leave_doubles(homeserver, person, note)
                await self._make(homeserver, person, note)

    async def plan(self, homeserver: Homeserver, person: str) -> list[str]:
        """What mending would do to the Space of *person*, a line each. Raises NotReady and Declined."""
        note = await self._note(person)
        if not await self._has_space(homeserver, person, note):
            return []
        branches = self._comparing.branches(note)
        missing = [f"{branch.name}: is made" for branch in branches if branch.part not in note["rooms"]]
        return [*missing, *(str(change) for change in await self._comparing.differences(homeserver, note, branches))]

    async def find_again(self, homeserver: Homeserver, restored_at: float) -> None:
        """Learn what was made for whom since the copy that we go on with was made; once for each copy."""
        if (await self._memory.get(FOUND_AGAIN) or 0.0) == restored_at:
            return
        found: dict[str, dict[str, str]] = {}
        for room in await self._unknown(homeserver):
            mark = await own_mark(homeserver, room, self._surface)
            if mark and mark.get("turn", 0) == (await self._note(mark["person"])).get("turn", 0):
                found.setdefault(mark["person"], {})[mark["part"]] = room
        for person, rooms in found.items():
            note = await self._note(person)
            await self._keep(person, note, rooms=note["rooms"] | rooms)
            log.info("found %d rooms that were made for %s since the copy", len(rooms), person)
        await self._memory.set({FOUND_AGAIN: restored_at})

    async def add(self, homeserver: Homeserver, person: str, event_id: str, name: str) -> str | None:
        """A further room for the Space of *person*, who asked for it by the event; None where they are in none.

        It is part of the Space once all of it is done. Raises NotReady, and Declined, of which nothing is left; and
        again when the same event comes back, since they may have been told.
        """
        async with self._lock(person):
            note = await self._note(person)
            if not await self._has_space(homeserver, person, note):
                return None
            chat = asked_for(f"chat {event_id}", name)
            if chat.part in note.get("refused", ()):
                raise Declined(403, "M_FORBIDDEN", "it was refused before")
            try:
                await self._room(homeserver, person, note, chat)
                for change in await self._comparing.placing(homeserver, note, chat):
                    await _apply(homeserver, change)
            except Declined as refusal:
                if not refusal.blames_account():
                    await self._undo(homeserver, person, note, chat.part)
                raise
            await self._keep(person, note, names={chat.part: name} | note.get("names", {}))
            return str(note["rooms"][chat.part])

    async def _undo(self, homeserver: Homeserver, person: str, note: Notes, part: str) -> None:
        """Leave what was made of a chat that can't be. Whoever dies before it is left leaves it at the next start."""
        room = note["rooms"].get(part)
        rooms = {one: known for one, known in note["rooms"].items() if one != part}
        doubted = [*note.get("doubted", []), *([part] if room else [])]
        refused = [*note.get("refused", []), part][-MOST_REFUSED:]
        await self._keep(person, note, opening="", rooms=rooms, doubted=doubted, refused=refused)
        if room:
            await give_up(homeserver, room, person)
            await self._keep(person, note, doubted=doubted[:-1])

    async def call(self, homeserver: Homeserver, room: str, name: str) -> None:
        """Give *room* another name, which the settings then don't change back. Raises NotReady and Declined."""
        made = self._chats.maker_note(room)
        if made is not None:
            person, _ = made
            async with self._lock(person):
                note = await self._note(person)
                named = {part: name for part, known in note["rooms"].items() if known == room}
                if named:  # not after a reset that we have not heard of
                    await self._keep(person, note, names=note.get("names", {}) | named)
        await rename(homeserver, room, name)

    async def _provide(self, homeserver: Homeserver, person: str, note: Notes) -> None:
        if not self._space.shared:
            await self._make(homeserver, person, note)
            log.info("a Space with %d rooms is made for %s", len(self._space.rooms), person)
            return
        async with self._lock(EVERYBODY):
            shared = await self._note(EVERYBODY)
            if not shared["done"]:
                await self._make(homeserver, EVERYBODY, shared)
        space = self._comparing.space(shared)
        if await membership(homeserver, space, person) not in ("join", "invite"):
            path, body = ("rooms", space, "invite"), {"user_id": person}
            # Invitations of one person are limited, whoever sends them: on a stock Synapse to one in five minutes.
            await homeserver.apart(f"invitations of {person}", lambda: homeserver.call("POST", *path, body=body))
        await self._keep(person, note, done=True)

    async def _make(self, homeserver: Homeserver, person: str, note: Notes) -> None:
        """Make what is missing of the Space, and mend the rest; only the first time for somebody who has left it."""
        if note["done"] and await _has_left(homeserver, self._comparing.space(note), person):
            return
        branches = self._comparing.branches(note)
        for branch in branches:
            await self._room(homeserver, person, note, await self._avatars.worn(homeserver, branch))
        for change in await self._comparing.differences(homeserver, note, branches, upload=True):
            if note["done"]:
                log.info("mending what was made for %s: %s", person, change)
            await _apply(homeserver, change)
        if not note["done"]:
            await self._keep(person, note, done=True)

    async def _room(self, homeserver: Homeserver, person: str, note: Notes, branch: Branch) -> None:
        """Have the room that is *branch*: the one noted, one found, or a new one."""
        if branch.part in note["rooms"]:
            return
        mark = self._mark(person, note, branch.part)
        again = note["opening"] == branch.part
        doubted: list[str] = note.get("doubted", [])
        room = await find(homeserver, mark, await self._unknown(homeserver)) if again else None
        if room is None:
            await self._keep(person, note, opening=branch.part)
            event = {"type": MARK, "state_key": "", "content": mark}
            body = branch.creation(event, space=self._comparing.space(note), via=server_of(homeserver))
            if branch.is_space and person != EVERYBODY:
                body["invite"] = [person]
            answer = await homeserver.apart("new rooms", lambda: homeserver.call("POST", "createRoom", body=body))
            room = str(answer["room_id"])
            if again:
                room = await self._only_one(homeserver, mark, room)
                doubted = [*doubted, branch.part]
        await self._keep(person, note, opening="", rooms={**note["rooms"], branch.part: room}, doubted=doubted)

    async def _only_one(self, homeserver: Homeserver, mark: Mapping[str, Any], room: str) -> str:
        """*room*, or the one from an earlier attempt that the homeserver was still making when we looked for it."""
        earlier = await find(homeserver, mark, await self._unknown(homeserver) - {room})
        if earlier is None:
            return room
        await give_up(homeserver, room, mark["person"])
        return earlier

    async def _leave_doubles(self, homeserver: Homeserver, person: str, note: Notes) -> None:
        """Leave what an earlier attempt made after all, later than we had looked for it and made another."""
        if not note.get("doubted"):
            return
        for part in note["doubted"]:
            double = await find(homeserver, self._mark(person, note, part), await self._unknown(homeserver))
            if double is not None:
                await give_up(homeserver, double, person)
                log.info("left %s, which was made for %s a second time", double, person)
        await self._keep(person, note, doubted=[])

    async def _has_space(self, homeserver: Homeserver, person: str, note: Notes) -> bool:
        space = self._comparing.space(note)
        return bool(note["done"] and space) and not await _has_left(homeserver, space, person)

    def _mark(self, person: str, note: Notes, part: str) -> dict[str, Any]:
        turn = note.get("turn", 0)
        return {"surface": self._surface, "person": person, "part": part} | ({"turn": turn} if turn else {})

    async def _unknown(self, homeserver: Homeserver) -> set[str]:
        """The rooms we are in of which we don't know that we made them."""
        return await joined(homeserver) - self._chats.rooms_made()

    async def _note(self, person: str, by: str = "") -> Notes:
        """What is noted of *person*: as it is stored, since the operator may have reset it meanwhile."""
        note: Notes = await self._memory.get(PERSON + person) or {"rooms": {}, "opening": "", "done": False}
        note.setdefault("by", by)
        self._chats.learn({PERSON + person: dict(note)})
        return note

    async def _keep(self, person: str, note: Notes, **changes: Any) -> None:  # noqa: ANN401 - JSON
        await self._memory.set({PERSON + person: note | changes})
        note |= changes
        self._chats.learn({PERSON + person: dict(note)})

    def _lock(self, person: str) -> asyncio.Lock:
        return self._locks.setdefault(person, asyncio.Lock())


async def _apply(homeserver: Homeserver, change: Change) -> None:
    await homeserver.paced(lambda: send_state(homeserver, change.room, change.key, change.content))


async def _has_left(homeserver: Homeserver, space: str, person: str) -> bool:
    return person != EVERYBODY and await membership(homeserver, space, person) in ("leave", "ban")


def _tell(refusal: Declined, person: str) -> None:
    """Log that a Space can't be mended. Raises what is about the account: the next connection goes on with it."""
    if blame := refusal.blames_account():
        raise blame from refusal
    log.warning("the Space of %s is not as the settings say: %s", person, refusal)
