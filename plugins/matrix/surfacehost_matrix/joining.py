"""Into rooms and out of them, and from a room into the one that takes its place."""

import logging

from surfacehost import Invite, Memory, NotReady
from surfacehost_matrix.chats import REPLACES, WAS_IN, Chats
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.memberships import replaces
from surfacehost_matrix.rooms import membership

log = logging.getLogger(__name__)


async def join(homeserver: Homeserver, room: str, *, via: str = "") -> bool:
    """Whether we are in *room* now; not when the invitation was taken back. *via*: a server that is in it.

    Raises NotReady when that may go well later, and Refused where the account may do nothing any more.
    """
    # A server can be named in the other call alone; by the second name older homeservers know it.
    path = ("join", room) if via else ("rooms", room, "join")
    query = {"via": via, "server_name": via} if via else None
    try:
        await homeserver.apart("joins", lambda: homeserver.call("POST", *path, body={}, query=query))
    except Declined as refusal:
        if blame := refusal.blames_account():
            raise blame from refusal
        if refusal.status in (403, 404):
            log.info("%s is closed to us: %s", room, refusal)
            return False
        raise NotReady(f"{room} can't be joined: {refusal}") from refusal
    return True


async def leave(homeserver: Homeserver, room: str) -> None:
    """Leave *room*, or decline the invitation into it; nothing, where there is none any more."""
    try:
        await homeserver.call("POST", "rooms", room, "leave", body={})
    except Declined as refusal:
        if blame := refusal.blames_account():
            raise blame from refusal
        log.info("there is nothing to leave in %s: %s", room, refusal)


async def give_up(homeserver: Homeserver, room: str, person: str) -> None:
    """Leave *room*, which we made for *person*; an invitation that they have not followed is taken back."""
    if await membership(homeserver, room, person) == "invite":
        await homeserver.call("POST", "rooms", room, "kick", body={"user_id": person})
    await leave(homeserver, room)


class Upgrades:
    """Follows rooms that are upgraded into those that take their place ("Room upgrades")."""

    def __init__(self, chats: Chats, memory: Memory) -> None:
        self._chats = chats
        self._memory = memory

    async def follow(self, homeserver: Homeserver, invite: Invite) -> bool:
        """Whether *invite* leads from a room of ours into the one that takes its place, and was followed.

        Both have to say so: the old one by a tombstone, which takes the right to write one, the new one by how it was
        made. Whom the old one was direct with the new one is direct with. A sync that finds us in the new one notes the
        same, for what is said there before this goes on.
        """
        room = invite.chat
        is_tombstone = REPLACES in invite.native
        old = invite.native[REPLACES] if is_tombstone else self._chats.moved_into(room)
        if old is None:
            return False
        if not await join(homeserver, room, via=invite.sender.split(":", 1)[-1]):
            return is_tombstone  # who made it will invite us
        if replaces(await homeserver.state(room, "m.room.create") or {}) == old:
            notes = self._chats.took_over(room, old)
            await self._memory.set(notes)
            self._chats.learn(notes)
            log.info("followed %s into %s", old, room)
            return True
        if is_tombstone and not invite.native[WAS_IN]:
            log.warning("%s sends us to %s, which knows nothing of it: left", old, room)
            await leave(homeserver, room)
        return is_tombstone
