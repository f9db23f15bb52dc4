"""A host whose wall clock is turned, as far as a file says."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TurnedClock:
    """What ``HostProcess`` does *first*: from then on its clock is as fast, or slow, as was last said here.

    *file* holds seconds to add to the time, so a jump is seen at once. What is turned is ``time.time``; the monotonic
    clock goes on, as it does when an operator sets the clock.
    """

    file: Path

    def turn(self, seconds: float) -> None:
        """Let the clock of the host be so much fast, or slow."""
        beside = self.file.with_suffix(".new")
        beside.write_text(str(seconds))
        beside.replace(self.file)  # at once: a reader never finds half a number

    def __call__(self) -> None:
        """Turn the clock of this process."""
        time.time = self._turned(time.time)

    def _turned(self, clock: Callable[[], float]) -> Callable[[], float]:
        def now() -> float:
            try:
                return clock() + float(self.file.read_text())
            except FileNotFoundError:
                return clock()

        return now
