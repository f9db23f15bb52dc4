"""What a sync leaves out: a homeserver gives the newest 100 events of a room, and the rest on demand.

Client-server specification, "Syncing": a ``limited`` timeline has a gap before it, ``prev_batch`` is where it ends.
"""

import logging
from collections.abc import Sequence
from typing import Any

from surfacehost import NotReady, Put
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver, Page
from surfacehost_matrix.parse import after_arrival, may_begin_earlier

MOST_EVENTS = 20_000
"""Of one room's gap; what lies behind is left out, with a line in the log."""

log = logging.getLogger(__name__)


async def gap(homeserver: Homeserver, room: str, since: str, until: str, put: Put) -> list[Any]:
    """The events of *room* between two tokens, oldest first."""
    events: list[Any] = []
    start: str | None = since
    while start is not None and len(events) < MOST_EVENTS:
        page = await _page(homeserver, room, put, start=start, end=until, forward=True)
        events += page.events
        start = page.end if page.events and page.end != start else None
    if start is not None:
        log.error("more than %d events of %s were missed; those in between are left out", MOST_EVENTS, room)
    return events


async def arrival(homeserver: Homeserver, room: str, timeline: Any, put: Put) -> list[Any]:  # noqa: ANN401 - untyped
    """What was said in *room* since our time there began, *timeline* being all we have of it so far.

    A new room's timeline holds what was said before as well; without the cut the bot would answer it.
    """
    events: list[Any] = list(timeline.events)
    start: str | None = timeline.prev_batch if timeline.limited else None
    while start is not None and may_begin_earlier(_raw(events), homeserver.user_id) and len(events) < MOST_EVENTS:
        page = await _page(homeserver, room, put, start=start, forward=False)
        events = [*reversed(page.events), *events]
        start = page.end if page.events and page.end != start else None
    begin = after_arrival(_raw(events), homeserver.user_id)
    if begin is None:
        log.warning("%s does not show when we came; what was said there so far is left out", room)
        return []
    return events[begin:]


async def _page(
    homeserver: Homeserver, room: str, put: Put, *, start: str, end: str | None = None, forward: bool
) -> Page:
    try:
        page = await homeserver.page(room, start=start, end=end, forward=forward)
    except Declined as refusal:
        if refusal.status in (403, 404):  # we are out again; other rooms must not wait for this one
            log.info("%s is closed to us: %s", room, refusal)
            return Page([], None)
        raise refusal.blames_account() or NotReady(f"the history of {room} can't be read: {refusal}") from refusal
    await put()  # a long gap takes a while: a sign of life
    return page


def _raw(events: Sequence[Any]) -> list[dict[str, Any]]:
    return [getattr(event, "source", None) or {} for event in events]
