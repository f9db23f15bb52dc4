"""A circuit breaker: while the agent is down, nobody waits for it to fail once more.

Own code because the published ones let every waiting caller through at once when they try again.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from surfacehost.errors import Kind, PlatformError

TRIPS = frozenset({Kind.UNREACHABLE, Kind.TIMEOUT, Kind.OVERLOADED})


class Breaker:
    """Opens after *threshold* failures in a row, for *cooldown_s* doubling up to *longest_s*; then one caller tries."""

    def __init__(
        self,
        threshold: int = 5,
        cooldown_s: float = 5.0,
        longest_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._threshold = threshold
        self._first_s, self._longest_s = cooldown_s, longest_s
        self._cooldown_s = cooldown_s
        self._clock = clock
        self._failures = 0
        self._open_until = 0.0
        self._is_probing = False
        self.reason = ""
        """Why the last call failed; empty after one that succeeded."""
        self.last: Kind | None = None
        """What kind of failure that was."""

    @property
    def is_open(self) -> bool:
        """Whether a call would be refused now."""
        return self._failures >= self._threshold and (self._is_probing or self._clock() < self._open_until)

    @asynccontextmanager
    async def guard(self) -> AsyncIterator[None]:
        """Count how what is done inside ends. Raises PlatformError ``unreachable`` at once while it is open."""
        if self.is_open:
            raise PlatformError(Kind.UNREACHABLE, f"not tried, it keeps failing: {self.reason}")
        is_probe = self._failures >= self._threshold
        self._is_probing |= is_probe
        try:
            yield
        except PlatformError as error:
            if error.kind in TRIPS:
                self._failed(error, was_probe=is_probe)
            raise
        else:
            self.close()
        finally:
            if is_probe:
                self._is_probing = False

    def close(self) -> None:
        """It works: start counting anew."""
        self._failures, self._cooldown_s, self.reason, self.last = 0, self._first_s, "", None

    def _failed(self, error: PlatformError, *, was_probe: bool) -> None:
        self._failures += 1
        self.reason, self.last = str(error), error.kind
        if was_probe:
            self._cooldown_s = min(self._cooldown_s * 2, self._longest_s)
        if self._failures >= self._threshold:
            self._open_until = self._clock() + self._cooldown_s
