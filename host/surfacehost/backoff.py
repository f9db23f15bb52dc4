"""How long to wait before trying again."""

import random


def pause(failures: int, *, first_s: float = 0.5, longest_s: float = 60.0) -> float:
    """Seconds to wait after *failures* failures in a row: doubling, capped, with jitter.

    The jitter keeps those that failed together from coming back together.
    """
    doubled: float = min(longest_s, first_s * 2.0 ** min(max(failures - 1, 0), 30))
    return doubled * random.uniform(0.7, 1.0)  # noqa: S311 - to spread load, not to keep a secret
