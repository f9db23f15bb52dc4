"""Questions about rooms, and about which of them we made."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.tree import State, state_of

MARK = "org.surfacehost.made_for"
"""State event of every room we make: for whom, and which part of their Space it is."""

log = logging.getLogger(__name__)


async def find(homeserver: Homeserver, mark: Mapping[str, Any], among: Iterable[str]) -> str | None:
    """A room of ours that carries *mark*: one that an earlier attempt made without living to note it."""
    for room in among:
        if await homeserver.state(room, MARK) == mark and await is_own(homeserver, room):
            log.info("found the room that was made for %s before: %s", mark["person"], room)
            return room
    return None


def server_of(homeserver: Homeserver) -> str:
    """The server that we, and the rooms that we make, are on."""
    return homeserver.user_id.split(":", 1)[1]


async def joined(homeserver: Homeserver) -> set[str]:
    """The rooms that we are in."""
    return set((await homeserver.call("GET", "joined_rooms"))["joined_rooms"])


async def send_state(homeserver: Homeserver, room: str, key: tuple[str, str], content: Mapping[str, Any]) -> None:
    """Send a state event; the same content again changes nothing."""
    await homeserver.call("PUT", "rooms", room, "state", *key, body=content)


async def state_in(homeserver: Homeserver, room: str) -> State | None:
    """The whole state of *room*; None for one that we are in no more."""
    try:
        return state_of(await homeserver.listed("GET", "rooms", room, "state"))
    except Declined as refusal:
        if refusal.errcode not in ("M_FORBIDDEN", "M_NOT_FOUND"):
            raise
        log.warning("we are in %s no more, so it stays as it is", room)
        return None


async def rename(homeserver: Homeserver, room: str, name: str) -> None:
    """Give *room* the name. Raises NotReady and Declined."""
    await homeserver.paced(lambda: send_state(homeserver, room, ("m.room.name", ""), {"name": name}))


async def membership(homeserver: Homeserver, room: str, person: str) -> str:
    """How *person* stands to *room*; empty where they never had to do with it."""
    try:
        return str((await homeserver.call("GET", "rooms", room, "state", "m.room.member", person)).get("membership"))
    except Declined as refusal:
        if refusal.errcode != "M_NOT_FOUND":
            raise
        return ""


async def own_mark(homeserver: Homeserver, room: str, surface: str) -> dict[str, Any] | None:
    """For whom *room* was made; None where we did not make it, or can't see."""
    try:
        mark = await homeserver.state(room, MARK)
        is_ours = mark is not None and mark.get("surface") == surface and await is_own(homeserver, room)
    except Declined as refusal:
        if blame := refusal.blames_account():
            raise blame from refusal
        return None
    return mark if is_ours else None


async def is_own(homeserver: Homeserver, room: str) -> bool:
    """Whether we made *room*: anybody can write the mark into a room of theirs and invite us."""
    path = ("rooms", room, "state", "m.room.create", "")
    created = await homeserver.call("GET", *path, query={"format": "event"})
    return created.get("sender") == homeserver.user_id
