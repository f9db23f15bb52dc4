"""The ways of messages through the host, kept over its deaths: the host itself begins a new book at every start."""

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from surfacehost_devkit.demo.board import Board

KEPT = 60
KILLED = "killed"
"""The step that is no step of the host's: it was killed when the message had got this far."""

Steps = list[tuple[str, float]]


@dataclass(slots=True)
class _Way:
    surface: str
    event: str
    thread: str
    steps: Steps = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return any(step == "settled" for step, _ in self.steps)


class WayBook:
    """Takes what each life of the host tells, and shows it on the board as one way."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._ways: OrderedDict[tuple[str, str], _Way] = OrderedDict()

    def take(self, told: list[Mapping[str, Any]]) -> None:
        """What the host's status page says now, newest first."""
        for one in reversed(told):
            key = one["surface"], one["event"]
            way = self._ways.setdefault(key, _Way(one["surface"], one["event"], one["thread"]))
            fresh = [(step, at) for step, at in one["steps"] if (step, at) not in way.steps]
            if fresh:
                way.steps = sorted([*way.steps, *fresh], key=lambda step: step[1])
                self._show(way)
        while len(self._ways) > KEPT:
            (surface, event), _ = self._ways.popitem(last=False)
            self._board.drop(f"way/{surface}/{event}")

    def interrupt(self) -> None:
        """The host was killed: so far had each message got that was under way."""
        now = time.time()
        for way in self._ways.values():
            if not way.is_over:
                way.steps.append((KILLED, now))
                self._show(way)

    def _show(self, way: _Way) -> None:
        self._board.put(
            f"way/{way.surface}/{way.event}",
            {"surface": way.surface, "event": way.event, "thread": way.thread, "steps": list(way.steps)},
        )
