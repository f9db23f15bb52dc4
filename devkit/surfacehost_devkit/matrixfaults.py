"""What a Matrix homeserver does to its clients now and then, for a ``FaultProxy`` before it."""

from surfacehost_devkit.faults import Fault, answer

SENDS = "PUT */send/*"
SYNC = "GET */sync"
HISTORY = "GET */messages"


def limit_exceeded(retry_after_s: float) -> Fault:
    """A 429 with a pause in it (client-server specification, "Rate limiting")."""
    milliseconds = round(retry_after_s * 1000)
    return answer(429, {"errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests", "retry_after_ms": milliseconds})
