"""Rooms that the settings name by an alias: which rooms those are now (specification, "Room aliases").

Asked at every connection, and again when a room tells that an alias of the settings is its own, or no longer. What an
alias led to is noted: as long as it can't be asked for, the room that it named is still allowed, and it is asked for
again and again.
"""

import asyncio
import contextlib
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from surfacehost import Memory, NotReady
from surfacehost_matrix.chats import ALIAS, Chats
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.jsonparts import content_of, mapping, room_id
from surfacehost_matrix.settings import MatrixSettings
from surfacehost_matrix.wanted import ALIAS as TOLD

AT_ONCE_S = 2.0
"""How long a sync waits for the directory, so that what is said next is judged by its answer: a call may take a minute,
and aliases of other servers are asked of those."""

AGAIN_S, LATER_S = 5.0, 300.0
"""The first and the longest pause before what could not be asked is asked again."""

log = logging.getLogger(__name__)


class Aliases:
    """The aliases in one account's settings."""

    def __init__(self, settings: MatrixSettings, chats: Chats, memory: Memory) -> None:
        self._named = dict(named(settings))
        self._chats = chats
        self._memory = memory
        self._doubted: set[str] = set()
        self._doubts = asyncio.Event()
        self._settled = asyncio.Event()

    async def resolve(self, homeserver: Homeserver) -> None:
        """Find out where each leads now, and note it; one that leads nowhere is a warning. Raises Refused.

        While ``follow`` runs; only one that was never looked up is waited for as long as it takes.
        """
        known = self._chats.all_aliases().keys()
        await self._note(dict.fromkeys(known - self._named.keys()))
        told = await self._ask(homeserver, self._named.keys() - known)
        await self._note(told)
        await self._look_up(self._named.keys() - told.keys())

    async def follow(self, homeserver: Homeserver) -> None:
        """Beside the sync: look up what is in doubt, until it can be. Raises Refused, and NotReady."""
        unanswered, pause_s = set[str](), AGAIN_S
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s if unanswered else None):
                    await self._doubts.wait()
            self._doubts.clear()
            doubted, self._doubted = self._doubted | unanswered, set()
            told = await self._ask(homeserver, doubted)
            await self._note(told)
            unanswered = doubted - told.keys()
            pause_s = min(2 * pause_s, LATER_S) if unanswered else AGAIN_S
            if not self._doubted:
                self._settled.set()

    async def hear(self, told: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
        """Have those looked up again that are concerned by what rooms have *told*, and wait a moment for that."""
        await self._look_up(
            {alias for room, events in told.items() for event in events for alias in self._concerned(room, event)}
        )

    async def _look_up(self, doubted: Collection[str]) -> None:
        """Have *doubted* looked up, and wait a moment for that."""
        if not doubted:
            return
        self._doubted |= {*doubted}
        self._settled.clear()
        self._doubts.set()
        try:
            async with asyncio.timeout(AT_ONCE_S):
                await self._settled.wait()
        except TimeoutError:
            log.info("the directory takes long to say where %s leads; all else goes on", ", ".join(sorted(doubted)))

    def _concerned(self, room: str, event: Mapping[str, Any]) -> set[str]:
        """The aliases of the settings that *event* may have moved into *room* or out of it."""
        if event.get("type") != TOLD:
            return set()
        led = {alias for alias, leads_to in self._chats.all_aliases().items() if leads_to == room}
        before = mapping(mapping(event.get("unsigned")).get("prev_content"))
        return self._named.keys() & {*led, *_written(content_of(event)), *_written(before)}

    async def _ask(self, homeserver: Homeserver, aliases: Iterable[str]) -> dict[str, str]:
        """Where each of *aliases* leads that can be asked, side by side: each may be another server's."""
        asked = list(aliases)
        rooms = await asyncio.gather(*(self._lead(homeserver, alias) for alias in asked))
        return {alias: room for alias, room in zip(asked, rooms, strict=True) if room is not None}

    async def _note(self, told: Mapping[str, str | None]) -> None:
        known = self._chats.all_aliases()
        changed = {ALIAS + alias: room for alias, room in told.items() if known.get(alias) != room}
        if changed:
            await self._memory.set(changed)
            self._chats.learn(changed)

    async def _lead(self, homeserver: Homeserver, alias: str) -> str | None:
        """The room that *alias* leads to, empty where there is none; None where that can't be asked now."""
        try:
            return await lead(homeserver, alias)
        except Declined as refusal:
            if blame := refusal.blames_account():
                raise blame from refusal
            log.warning("%s names %s, which leads to no room: %s", self._named[alias], alias, refusal)
            return ""
        except NotReady as error:
            log.warning("%s names %s, which can't be looked up now: %s", self._named[alias], alias, error)
            return None


def named(settings: MatrixSettings) -> Iterator[tuple[str, str]]:
    """The aliases in *settings*, each with the setting that has it."""
    for setting, ids in (("groups", (group.id for group in settings.groups)), ("allow", settings.allow)):
        yield from ((one, setting) for one in ids if one.startswith("#"))


async def lead(homeserver: Homeserver, alias: str) -> str:
    """The room that *alias* leads to. Raises Declined where there is none, and NotReady."""
    return room_id((await homeserver.call("GET", "directory", "room", alias)).get("room_id"))


def _written(content: Mapping[str, Any]) -> Iterator[str]:
    """The aliases in the content of an ``m.room.canonical_alias``, which another user wrote."""
    others = content.get("alt_aliases")
    yield from (
        one for one in (content.get("alias"), *(others if isinstance(others, list) else ())) if isinstance(one, str)
    )
