"""How long to wait before trying again."""

import random

LEAST_S = 0.5
"""However soon a platform lets us come back: it may let us for ever."""


def pause(failures: int, *, first_s: float = 0.5, longest_s: float = 60.0) -> float:
    """Seconds to wait after *failures* failures in a row: doubling, capped, with jitter.

    The jitter keeps those that failed together from coming back together.
    """
    doubled: float = min(longest_s, first_s * 2.0 ** min(max(failures - 1, 0), 30))
    return doubled * random.uniform(0.7, 1.0)  # noqa: S311 - to spread load, not to keep a secret


def delay(failures: int, asked_s: float | None) -> float:
    """Seconds to wait after *failures* failures in a row: what the platform asked for, or else a growing pause.

    Nothing on top of what it asked for, which would make people wait for nobody's good; but half a second at least.
    """
    return max(asked_s, LEAST_S) if asked_s else pause(failures)
