"""The two clocks of the simulator, so that a test can turn them."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Wall time for dates, a steady one for limits; both in seconds."""

    wall: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Delays of the real server, in seconds; tests may shorten them.

    `hurry_wait_s` is the wait of a `getUpdates` that repeats an offset too soon, `conflict_wait_s` the wait
    before a repeated 409, `webhook_retry_s` the first pause after a failed webhook delivery (doubled each time).
    """

    hurry_wait_s: float = 3.0
    conflict_wait_s: float = 3.0
    webhook_retry_s: float = 1.0
