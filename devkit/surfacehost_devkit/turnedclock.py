"""``python -m surfacehost_devkit.turnedclock run …``: the host with its wall clock turned, as far as a file says.

The file named by ``TURNED_CLOCK`` holds seconds to add to the time; whoever writes it makes the clock jump at once.
What is turned is ``time.time``; the monotonic clock goes on, as it does when an operator sets the clock.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from surfacehost.__main__ import main

FILE = "TURNED_CLOCK"


def turn(file: Path, seconds: float) -> None:
    """Let the clock of the process that reads *file* be so much fast, or slow."""
    beside = file.with_suffix(".new")
    beside.write_text(str(seconds))
    beside.replace(file)  # at once: a reader never finds half a number


def turned(clock: Callable[[], float], file: Path) -> Callable[[], float]:
    """*clock*, turned as far as *file* says; not at all while there is none."""

    def now() -> float:
        try:
            return clock() + float(file.read_text())
        except FileNotFoundError:
            return clock()

    return now


if __name__ == "__main__":
    time.time = turned(time.time, Path(os.environ[FILE]))
    sys.exit(main())
