"""What stands behind the server: something that turns a turn into events."""

from collections.abc import AsyncGenerator
from typing import Protocol

from platform_agent.events import Frame
from platform_agent.threads import Thread
from platform_agent.wire import Turn

# The words of RUN_ERROR.code; hosts treat any other word as `internal`.
CODES = (
    "unreachable",
    "timeout",
    "lost",
    "auth",
    "model",
    "quota",
    "rate_limited",
    "overloaded",
    "content_refused",
    "too_large",
    "context_full",
    "protocol",
    "cancelled",
    "internal",
    "busy",
)


class AgentError(Exception):
    """Ends the run as RUN_ERROR with this code; raised before the first event it refuses the run."""

    def __init__(self, code: str, message: str, *, retry_after: float | None = None, detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after
        self.detail = detail


class Backend(Protocol):
    """Answers turns; one instance serves every thread."""

    def run(self, thread: Thread, turn: Turn) -> AsyncGenerator[Frame, None]:
        """Yield the events of one run, `events.started(turn.run_id)` first.

        The server adds RUN_FINISHED (success) when none was yielded, keeps the turn in the thread's memory when the
        run is over, and cancels the generator when the client aborts. Raise `AgentError` to fail the run.
        """
        ...
