"""The way of each message through the host, as a person watches it: which step it took, and when."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from surfacehost.events import Event


class Step(StrEnum):
    """Where a message is on its way; in the order in which it gets there."""

    STORED = "stored"
    """Event and cursor are on the disk: the platform may forget it."""
    TAKEN = "taken"
    """The oldest of its thread: its turn has come."""
    ASKED = "asked"
    """The agent has been asked."""
    ANSWERED = "answered"
    """The whole answer is on the disk: nobody is asked again."""
    SENT = "sent"
    """One part of the answer was accepted by the platform."""
    SETTLED = "settled"
    """Done with; the next of its thread may go."""


@dataclass(slots=True)
class Way:
    """One message's way so far."""

    surface: str
    event: str
    thread: str
    steps: list[tuple[Step, float]] = field(default_factory=list)
    """Each with the time, in seconds since the epoch."""

    def to_json(self) -> dict[str, Any]:
        """As the status page shows it."""
        return {"surface": self.surface, "event": self.event, "thread": self.thread,
                "steps": [[str(step), at] for step, at in self.steps]}  # fmt: skip


class Ways:
    """The ways of the latest messages, in memory."""

    def __init__(self, keep: int = 200, clock: Callable[[], float] = time.time) -> None:
        self._keep = keep
        self._clock = clock
        self._ways: OrderedDict[tuple[str, str], Way] = OrderedDict()

    def mark(self, event: Event, step: Step) -> None:
        """*event* has reached *step*."""
        way = self._ways.get((event.surface, event.id))
        if way is None:
            way = self._ways[event.surface, event.id] = Way(event.surface, event.id, str(event.key))
            while len(self._ways) > self._keep:
                self._ways.popitem(last=False)
        way.steps.append((step, self._clock()))

    def latest(self, count: int = 50) -> list[Way]:
        """The newest *count* ways, newest first."""
        return list(reversed(self._ways.values()))[:count]
