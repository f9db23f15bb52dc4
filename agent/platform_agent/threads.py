"""Memory: what was said in each thread, and never a word of it in another."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

from platform_agent.runs import Answers, Run
from platform_agent.unasked import Unasked


@dataclass(frozen=True, slots=True)
class Said:
    """One thing said in a thread."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(slots=True)
class Thread:
    """One conversation: its memory, its answers by `runId`, the run going on now, and the backend's own notes."""

    id: str
    max_messages: int = 200
    max_chars: int = 200_000
    said: list[Said] = field(default_factory=list)
    answers: Answers = field(default_factory=Answers)
    running: Run | None = None
    unasked: Unasked = field(default_factory=Unasked)
    notes: dict[str, Any] = field(default_factory=dict)

    def remember(self, *said: Said) -> None:
        """Add to the memory; the oldest is forgotten beyond the limits, the newest stays whatever its length."""
        self.said.extend(item for item in said if item.text)
        chars = sum(len(item.text) for item in self.said)
        while len(self.said) > 1 and (len(self.said) > self.max_messages or chars > self.max_chars):
            chars -= len(self.said.pop(0).text)


class Threads:
    """The threads by id, at most `limit`; the least recently used that has no run going on is forgotten first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._threads: OrderedDict[str, Thread] = OrderedDict()

    def __len__(self) -> int:
        return len(self._threads)

    def __iter__(self) -> Iterator[Thread]:
        return iter(self._threads.values())

    def open(self, thread_id: str) -> Thread:
        """The thread of exactly this id, made if there is none."""
        thread = self._threads.setdefault(thread_id, Thread(id=thread_id))
        self._threads.move_to_end(thread_id)
        idle = (key for key, other in self._threads.items() if other.running is None and key != thread_id)
        for key in list(islice(idle, max(0, len(self._threads) - self._limit))):
            del self._threads[key]
        return thread
