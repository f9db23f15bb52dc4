"""What a sync leaves out: a homeserver gives the newest 100 events of a room, and the rest on demand.

Client-server specification, "Syncing": a ``limited`` timeline has a gap before it, ``prev_batch`` is where it ends.
"""

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from surfacehost import NotReady
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver, Page
from surfacehost_matrix.memberships import after_arrival, may_begin_earlier

MOST_EVENTS = 20_000
"""Of a room that we have come into: how far back our arrival is looked for."""

Raw = Mapping[str, Any]

log = logging.getLogger(__name__)


class NoHistory(NotReady):
    """A room's history can't be read now, while the homeserver may be well otherwise."""


async def gap(homeserver: Homeserver, room: str, since: str, until: str) -> AsyncIterator[Sequence[Raw]]:
    """The events of *room* between two tokens, oldest first, page by page: it may be long.

    A page may be empty and not the last: the homeserver leaves out what we may not see after it has counted. Raises
    NotReady, NoHistory where it is this room alone.
    """
    start: str | None = since
    while start is not None and start != until:
        page = await _page(homeserver, room, start=start, end=until, forward=True)
        yield page.events
        start = page.end if page.end != start else None


async def arrival(
    homeserver: Homeserver, room: str, heard: Sequence[Raw], back_from: str | None, *, from_its_beginning: bool = False
) -> AsyncIterator[Sequence[Raw]]:
    """What was said in *room* since our time there began: of *heard*, which is the newest, and what lies before it.

    In a room that takes the place of one of ours it began with the room, as far back as we may see.

    A new room's timeline holds what was said before we came as well; without the cut the bot would answer it. Gives an
    empty page for each that it has asked for, then all there is. Raises NotReady, NoHistory for the room's trouble.
    """
    events, start = list(heard), back_from

    def is_more() -> bool:
        return from_its_beginning or may_begin_earlier(events, homeserver.user_id)

    while start is not None and is_more() and len(events) < MOST_EVENTS:
        page = await _page(homeserver, room, start=start, forward=False)
        events = [*reversed(page.events), *events]
        start = page.end if page.end != start else None
        yield ()
    begin = 0 if from_its_beginning else after_arrival(events, homeserver.user_id)
    if begin is None:
        log.warning("%s does not show when we came; what was said there so far is left out", room)
        return
    yield events[begin:]


async def _page(homeserver: Homeserver, room: str, *, start: str, end: str | None = None, forward: bool) -> Page:
    try:
        return await homeserver.page(room, start=start, end=end, forward=forward)
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
