"""How each surface is doing: judged by what flows, not by whether a socket is open."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["starting", "up", "waiting", "parked"]


@dataclass(slots=True, eq=False)
class SurfaceHealth:
    """One surface instance. Times are seconds since the epoch; none: not yet."""

    name: str
    stale_after_s: float | None = None
    clock: Callable[[], float] = time.time
    ticks: Callable[[], float] = time.monotonic
    state: State = "starting"
    reason: str = ""
    """Why it is not up, for the operator."""
    since: float = 0.0
    failures: int = 0
    """How often in a row listening has ended."""
    retry_at: float | None = None
    heard_at: float | None = None
    """The last sign of life of the platform."""
    event_at: float | None = None
    """The last new event."""
    sent_at: float | None = None
    """The last send that the platform confirmed."""
    events: int = 0
    """New events since the process started."""
    sends: int = 0
    """Sends that the platform confirmed, since the process started."""
    parkings: int = 0
    """Events that were parked because they kept failing, since the process started."""
    storage: str = ""
    """Why what came in could not be stored, while it can't."""
    _alive: float | None = None
    """On the monotonic clock: when listening began, or the platform was heard last. None: nobody is listening."""

    def listen(self) -> None:
        """Listening begins."""
        self._alive = self.ticks()
        if self.state == "waiting":
            self.retry_at = None

    def beat(self, *, events: int = 0) -> None:
        """The platform answered, with so many new *events*."""
        self.heard_at, self._alive = self.clock(), self.ticks()
        if events:
            self.events += events
            self.event_at = self.heard_at
        if self.state in ("starting", "waiting"):
            self._become("up")

    def confirm(self) -> None:
        """The platform accepted something that was sent."""
        self.sends += 1
        self.sent_at = self.clock()

    def wait(self, reason: str, delay_s: float) -> None:
        """Listening has ended; the host tries again after *delay_s*."""
        self.failures += 1
        self.retry_at, self._alive = self.clock() + delay_s, None
        self._become("waiting", reason)

    def park(self, reason: str) -> None:
        """It stays down until a person acts; no sign of life changes that."""
        self.retry_at = self._alive = None
        self._become("parked", reason)

    @property
    def silent_s(self) -> float:
        """Seconds since listening began or the platform was heard; 0 while nobody is listening."""
        return 0.0 if self._alive is None else self.ticks() - self._alive

    @property
    def is_deaf(self) -> bool:
        """Whether somebody is listening and nothing has been heard for longer than can be."""
        return self.stale_after_s is not None and self.silent_s > self.stale_after_s

    @property
    def trouble(self) -> str:
        """Why messages can't flow, in one line; empty when they can."""
        if self.state != "up":
            return f"{self.state}: {self.reason}" if self.reason else self.state
        return f"nothing heard for {self.silent_s:.0f} s" if self.is_deaf else self.storage

    def to_json(self) -> dict[str, Any]:
        """As the status page shows it."""
        fields = ("name", "state", "reason", "since", "failures", "retry_at", "heard_at", "event_at", "sent_at")
        return {field: getattr(self, field) for field in fields} | {"trouble": self.trouble}

    def _become(self, state: State, reason: str = "") -> None:
        self.state, self.reason, self.since = state, reason, self.clock()
