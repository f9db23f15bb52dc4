"""What ends the demo before its time."""

from collections import deque
from pathlib import Path

TAIL_LINES = 20


class DemoFailed(Exception):
    """The demo can't start or go on; the text is for the person at the terminal."""


def log_tail(log: Path) -> str:
    """The last lines of *log*, under its name."""
    if not log.exists():
        return f"({log} was never written)"
    with log.open(errors="replace") as lines:
        return f"The end of {log}:\n" + "".join(f"  {line}" for line in deque(lines, maxlen=TAIL_LINES))
