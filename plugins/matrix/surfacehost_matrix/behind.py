"""Rooms whose history can't be read now: each waits by itself, and the others go on.

What is said there meanwhile is not read either, since it would come out of order: once the homeserver gives the
history again, all of it is read up to where the sync is then. Notes keep that over a restart (``Chats.fell_behind``).
"""

import logging
import math
import time
from collections.abc import AsyncIterator, Sequence

from surfacehost_matrix.chats import BEHIND, Chats, Notes
from surfacehost_matrix.gaps import NoHistory, Raw, arrival, gap
from surfacehost_matrix.homeserver import Homeserver

AGAIN_S, LONGEST_S, SHARE = 0.5, 900.0, 0.1
"""Before the history is asked for again, which doubles each time, and the longest; and the share of the time that may
pass with asking, since the other rooms wait for it."""

log = logging.getLogger(__name__)


class Behind:
    """Those of one connection, and when they are tried again; the first time at once."""

    def __init__(self, homeserver: Homeserver, chats: Chats) -> None:
        self._homeserver = homeserver
        self._chats = chats
        self._pause_s = AGAIN_S
        self._not_before = self._asked = 0.0

    @property
    def wait_s(self) -> float:
        """How long a sync may wait for news: they are tried again after it."""
        if not self._chats.all_behind():
            return math.inf
        return max(0.0, self._not_before - time.monotonic())

    def fell(self, room: str, since: str | None, trouble: NoHistory, *, from_its_beginning: bool) -> Notes:
        """To be noted when *room* can't be read behind the token *since*; None: from where our time there begins."""
        log.warning("%s; what is said there waits, other rooms go on", trouble)
        self._pause_s = AGAIN_S
        self._not_before = time.monotonic() + AGAIN_S
        return self._chats.fell_behind(room, since, from_its_beginning=from_its_beginning)

    def due(self, until: str, pending: Notes) -> dict[str, AsyncIterator[Sequence[Raw]]]:
        """What is to be read now: by room, everything up to the token *until*; *pending* is what will be noted."""
        if time.monotonic() < self._not_before:
            return {}
        self._asked = time.monotonic()
        rooms = {room: note for room, note in self._chats.all_behind().items() if BEHIND + room not in pending}
        return {room: self._pages(room, note, until) for room, note in rooms.items()}

    def caught_up(self, room: str) -> Notes:
        """To be noted when everything that was said in *room* has been read."""
        log.info("the history of %s can be read again: what was said there is heard", room)
        return {BEHIND + room: None}

    def still(self, trouble: NoHistory) -> None:
        """One of them can't be read yet."""
        log.warning("%s; it still waits", trouble)
        now = time.monotonic()
        self._pause_s = min(max(2 * self._pause_s, (now - self._asked) / SHARE), LONGEST_S)
        self._not_before = now + self._pause_s

    def _pages(self, room: str, note: Notes, until: str) -> AsyncIterator[Sequence[Raw]]:
        if note["since"] is not None:
            return gap(self._homeserver, room, note["since"], until)
        return arrival(self._homeserver, room, (), until, from_its_beginning=note["from_its_beginning"])
