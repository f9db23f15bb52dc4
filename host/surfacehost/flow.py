"""How much is read: so much of each person in a minute, and nothing of a bot that answers whatever is said to it.

Kept in memory; what somebody wrote in the minute before a restart is recalled from the inbox.
"""

import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from surfacehost.events import Event, Message

MINUTE_S = 60.0

QUICK_S = 5.0
"""Nobody reads an answer and writes the next message within so few seconds time after time."""

MOST_PIECES = 20
"""So many are asked as one message, see ``gather``: what is beyond them is another one."""

MOST_KEPT = 5000
"""Of how many people and chats it is known what they did lately; who was quiet longest is forgotten."""

Room = Literal["some", "none", "none, and told"]
"""Whether a message is read. Of those that are not, the first in a minute is the occasion to say so."""

K = TypeVar("K")
V = TypeVar("V")

log = logging.getLogger(__name__)


IsPiece = Callable[[Event, Event], bool]
"""Whether the second event is a piece of what the person sent as one with the first."""


@dataclass(slots=True)
class _Minute:
    """What one person wrote lately."""

    read: deque[tuple[float, str, bool]] = field(default_factory=deque)
    """When, the event's id, and whether it counts: of what came in pieces only the first does."""
    refused: dict[str, Room] = field(default_factory=dict)
    told_at: float = float("-inf")
    first: Event | None = None
    """The first piece of what was read or refused last."""
    pieces: int = 0
    piece_at: float = float("-inf")
    room: Room = "some"
    """What became of it."""


class Allowance:
    """What each person of one surface may write in a minute."""

    def __init__(
        self, per_minute: int, is_piece: IsPiece, debounce_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        """*debounce_s*: so soon behind each other come the pieces of a text that a client has cut up."""
        self._per_minute = per_minute
        self._is_piece = is_piece
        self._debounce_s = debounce_s
        self._clock = clock
        self._people: OrderedDict[str, _Minute] = OrderedDict()

    def recall(self, event: Event, at: float, *, is_refused: bool) -> None:
        """Before the host was started again *event* was read *at* that time, or refused and its person told so."""
        minute = _latest(self._people, event.sender, _Minute)
        if is_refused:
            minute.told_at, minute.refused = at, {event.id: "none"}
            self._begin(minute, event, at, "none")
        elif not self._is_one_more(minute, event, at):
            minute.read.append((at, event.id, True))
            self._begin(minute, event, at, "some")

    def room_for(self, event: Event) -> Room:
        """Whether *event* is read; the same at every redelivery.

        What is older than a minute by the platform's own time was written while nobody listened, and is no flood.
        """
        now = self._clock()
        at = min(event.at or now, now)
        if not self._per_minute or at <= now - MINUTE_S:
            return "some"
        minute = _latest(self._people, event.sender, _Minute)
        if event.id in minute.refused:
            return minute.refused[event.id]
        while minute.read and minute.read[0][0] <= now - MINUTE_S:
            minute.read.popleft()
        if any(known == event.id for _, known, _ in minute.read):
            return "some"
        is_more = self._is_one_more(minute, event, now)
        if not is_more:
            has_room = sum(counts for _, _, counts in minute.read) < self._per_minute
            self._begin(minute, event, now, "some" if has_room else self._refuse(minute, now))
        if minute.room == "some":
            minute.read.append((at, event.id, not is_more))
            return "some"
        minute.refused[event.id] = "none, and told" if is_more else minute.room
        return minute.refused[event.id]

    def _is_one_more(self, minute: _Minute, event: Event, now: float) -> bool:
        """Whether *event* is one more piece of what came last: it is read with that, or not, and does not count."""
        if minute.first is None or minute.pieces >= MOST_PIECES or not self._is_piece(minute.first, event):
            return False
        is_album = isinstance(event, Message) and event.bundle
        if now - minute.piece_at >= (MINUTE_S if is_album else self._debounce_s):
            return False
        minute.pieces, minute.piece_at = minute.pieces + 1, now
        return True

    def _begin(self, minute: _Minute, event: Event, now: float, room: Room) -> None:
        minute.first, minute.pieces, minute.piece_at, minute.room = event, 1, now, room

    def _refuse(self, minute: _Minute, now: float) -> Room:
        if now - minute.told_at < MINUTE_S:
            return "none, and told"
        minute.told_at, minute.refused = now, {}
        return "none"


@dataclass(slots=True)
class _Turns:
    """How one chat went lately."""

    sender: str = ""
    quick: int = 0
    """How many messages of *sender* in a row came right behind an answer."""
    heard_at: float = float("-inf")
    answered_at: float | None = None
    """None: nothing was said since the last message."""


class LoopGuard:
    """Notices two bots that answer each other: one sender, again and again at once, and nobody else."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._chats: OrderedDict[tuple[str, str], _Turns] = OrderedDict()

    def answered(self, event: Event) -> None:
        """Something was said to *event*."""
        if turns := self._chats.get((event.chat, event.topic)):
            turns.answered_at = self._clock()

    def is_loop(self, event: Event) -> bool:
        """Whether *event* is one more turn of two bots. It ends when somebody else writes, or after a minute's rest."""
        if not self._limit:
            return False
        now, turns = self._clock(), _latest(self._chats, (event.chat, event.topic), _Turns)
        if event.sender != turns.sender or now - turns.heard_at > MINUTE_S:
            turns.sender, turns.quick, turns.answered_at = event.sender, 0, None
        elif turns.answered_at is not None:
            turns.quick = turns.quick + 1 if now - turns.answered_at < QUICK_S else 0
            turns.answered_at = None
            if turns.quick == self._limit:
                log.warning(
                    "%s in chat %s of %s answers faster than a person: taken for a bot, and not answered",
                    event.sender, event.chat, event.surface,
                )  # fmt: skip
        turns.heard_at = now
        return turns.quick >= self._limit


def _latest(known: OrderedDict[K, V], key: K, make: Callable[[], V]) -> V:
    """The value of *key*, from now on the one used last; of too many the one used first is forgotten."""
    value = known.pop(key, None) or make()
    known[key] = value
    if len(known) > MOST_KEPT:
        known.popitem(last=False)
    return value
