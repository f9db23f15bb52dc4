"""Rooms that the settings name by an alias: which rooms those are now (specification, "Room aliases").

Asked at every connection, and again when a room tells that its alias is another one. What an alias led to is noted: as
long as it can't be asked for, the room that it named is still allowed.
"""

import logging
from collections.abc import Iterator

from surfacehost import Memory, NotReady
from surfacehost_matrix.chats import ALIAS, Chats
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.jsonparts import room_id
from surfacehost_matrix.settings import MatrixSettings

log = logging.getLogger(__name__)


class Aliases:
    """The aliases in one account's settings."""

    def __init__(self, settings: MatrixSettings, chats: Chats, memory: Memory) -> None:
        self._named = dict(named(settings))
        self._chats = chats
        self._memory = memory

    async def resolve(self, homeserver: Homeserver) -> None:
        """Find out where each leads now, and note it; one that leads nowhere is a warning. Raises Refused."""
        known = self._chats.all_aliases()
        told = {alias: await self._lead(homeserver, alias, known.get(alias, "")) for alias in self._named}
        notes = {ALIAS + alias: told.get(alias) or None for alias in {*known, *told}}
        changed = {key: room for key, room in notes.items() if known.get(key.removeprefix(ALIAS)) != room}
        if changed:
            await self._memory.set(changed)
            self._chats.learn(changed)

    async def _lead(self, homeserver: Homeserver, alias: str, known: str) -> str:
        """The room that *alias* leads to; *known* where that can't be asked now, nothing where there is none."""
        try:
            return await lead(homeserver, alias)
        except Declined as refusal:
            if blame := refusal.blames_account():
                raise blame from refusal
            log.warning("%s names %s, which leads to no room: %s", self._named[alias], alias, refusal)
            return ""
        except NotReady as error:
            log.warning("%s names %s, which can't be looked up now: %s", self._named[alias], alias, error)
            return known


def named(settings: MatrixSettings) -> Iterator[tuple[str, str]]:
    """The aliases in *settings*, each with the setting that has it."""
    for setting, ids in (("groups", (group.id for group in settings.groups)), ("allow", settings.allow)):
        yield from ((one, setting) for one in ids if one.startswith("#"))


async def lead(homeserver: Homeserver, alias: str) -> str:
    """The room that *alias* leads to. Raises Declined where there is none, and NotReady."""
    return room_id((await homeserver.call("GET", "directory", "room", alias)).get("room_id"))
