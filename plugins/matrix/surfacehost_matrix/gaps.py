"""What a sync leaves out: a homeserver gives the newest 100 events of a room, and the rest on demand.

Client-server specification, "Syncing": a ``limited`` timeline has a gap before it, ``prev_batch`` is where it ends.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from typing import Any

from surfacehost import NotReady
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver, Page
from surfacehost_matrix.memberships import after_arrival, is_about, may_begin_earlier

MOST_EVENTS = 20_000
"""Of a room that we have come into: among how many comings and goings our arrival is looked for."""
MEMBERS = ("m.room.member",)

Raw = Mapping[str, Any]

log = logging.getLogger(__name__)


class NoHistory(NotReady):
    """A room's history can't be read now, while the homeserver may be well otherwise."""


async def gap(homeserver: Homeserver, room: str, since: str | None, until: str) -> AsyncIterator[Sequence[Raw]]:
    """The events of *room* between two tokens, or from its beginning on, oldest first, page by page: it may be long.

    A page may be empty and not the last: the homeserver leaves out what we may not see after it has counted. Raises
    NotReady, NoHistory where it is this room alone.
    """
    start = since
    while start != until:
        page = await _page(homeserver, room, start=start, end=until, forward=True)
        yield page.events
        if page.end is None or page.end == start:
            return
        start = page.end


async def arrival(
    homeserver: Homeserver, room: str, heard: Sequence[Raw], back_from: str | None, *, from_its_beginning: bool = False
) -> AsyncIterator[Sequence[Raw]]:
    """What was said in *room* since our time there began: of *heard*, which is the newest, and what lies before it.

    In a room that takes the place of one of ours it began with the room, as far back as we may see.

    A new room's timeline holds what was said before we came as well; without the cut the bot would answer it. Page by
    page, of which it gives empty ones while it looks. Raises NotReady, NoHistory for the room's trouble.
    """
    if from_its_beginning:
        if back_from is not None:
            async for page in gap(homeserver, room, None, back_from):
                yield page
        yield heard
        return
    looking = _Looking(homeserver, room, heard)
    start = back_from
    while start is not None and looking.may_find_more:
        start = await looking.look(start)
        yield ()
    if (came := looking.came) is None:
        log.warning("%s does not show when we came; what was said there so far is left out", room)
        return
    known = [one.get("event_id") for one in heard]
    if came not in known and back_from is not None:
        first = await _asked(room, homeserver.behind(room, came))
        yield first.events
        if first.end is not None:
            async for page in gap(homeserver, room, first.end, back_from):
                yield page
    yield heard[known.index(came) + 1 :] if came in known else heard


class _Looking:
    """Looks for our arrival in a room: of what it is told nothing is kept that is not about us."""

    def __init__(self, homeserver: Homeserver, room: str, heard: Sequence[Raw]) -> None:
        self._homeserver = homeserver
        self._room = room
        self._own = self._about_us(heard)
        self._looked = 0

    @property
    def came(self) -> str | None:
        """The event with which our time there began; None where it was not found."""
        begin = after_arrival(self._own, self._homeserver.user_id)
        return str(self._own[begin - 1].get("event_id")) if begin else None

    @property
    def may_find_more(self) -> bool:
        """Whether it, or an earlier one that counts, may lie further back, and not too far."""
        return self._looked < MOST_EVENTS and may_begin_earlier(self._own, self._homeserver.user_id)

    async def look(self, start: str) -> str | None:
        """Look through those who came and went before the token *start*; where to go on, None at the beginning."""
        page = await _page(self._homeserver, self._room, start=start, forward=False, kinds=MEMBERS)
        self._own = [*self._about_us(page.events[::-1]), *self._own]
        self._looked += len(page.events)
        return page.end if page.end != start else None

    def _about_us(self, events: Sequence[Raw]) -> list[Raw]:
        return [one for one in events if is_about(one, self._homeserver.user_id)]


async def _page(homeserver: Homeserver, room: str, **wanted: Any) -> Page:  # noqa: ANN401 - those of ``Homeserver.page``
    return await _asked(room, homeserver.page(room, **wanted))


async def _asked(room: str, asking: Awaitable[Page]) -> Page:
    try:
        return await asking
    except Declined as refusal:
        if blame := refusal.blames_account():
            raise blame from refusal
        # We are out again, mostly. Asking once more gives the same answer, and nothing must wait for it.
        log.warning("the history of %s is closed to us, what was said there is left out: %s", room, refusal)
        return Page([], None)
    except NotReady as error:
        if error.retry_after is not None:  # which is about the account, as everything else is limited then
            raise
        raise NoHistory(f"the history of {room} can't be read: {error}") from error
