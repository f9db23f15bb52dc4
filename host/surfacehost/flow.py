"""How much is read: so much of each person in a minute, and nothing of a bot that answers whatever is said to it.

Kept in memory alone: after a restart everybody begins anew, which does no harm.
"""

import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from surfacehost.events import Event

MINUTE_S = 60.0

QUICK_S = 5.0
"""Nobody reads an answer and writes the next message within so few seconds time after time."""

MOST_KEPT = 5000
"""Of how many people and chats it is known what they did lately; who was quiet longest is forgotten."""

Room = Literal["some", "none", "none, and told"]
"""Whether a message is read. Of those that are not, the first in a minute is the occasion to say so."""

K = TypeVar("K")
V = TypeVar("V")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Minute:
    """What one person wrote lately."""

    read: deque[tuple[float, str]] = field(default_factory=deque)
    refused: dict[str, Room] = field(default_factory=dict)
    told_at: float = float("-inf")


class Allowance:
    """What each person of one surface may write in a minute."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.time) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._people: OrderedDict[str, _Minute] = OrderedDict()

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
        if any(known == event.id for _, known in minute.read):
            return "some"
        if len(minute.read) < self._per_minute:
            minute.read.append((at, event.id))
            return "some"
        return self._refuse(minute, event.id, now)

    def _refuse(self, minute: _Minute, event_id: str, now: float) -> Room:
        is_news = now - minute.told_at >= MINUTE_S
        if is_news:
            minute.told_at, minute.refused = now, {}
        minute.refused[event_id] = "none" if is_news else "none, and told"
        return minute.refused[event_id]


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
