"""What goes wrong on demand: the faults of every server, and those that a Bot API words in its own way."""

from surfacehost_devkit.faults import (
    Fault,
    Faults,
    answer,
    bad_gateway,
    delay,
    drop_after,
    garbage,
    half,
    hang,
    reset,
)

__all__ = [
    "Fault",
    "Faults",
    "answer",
    "bad_gateway",
    "delay",
    "drop_after",
    "error",
    "garbage",
    "half",
    "hang",
    "not_ok",
    "reset",
    "too_many",
]


def too_many(retry_after: int | None) -> Fault:
    """A 429; None leaves out the parameters, as a proxy in between may."""
    body: dict[str, object] = {"ok": False, "error_code": 429, "description": "Too Many Requests"}
    if retry_after is not None:
        body["description"] = f"Too Many Requests: retry after {retry_after}"
        body["parameters"] = {"retry_after": retry_after}
    return answer(429, body)


def error(code: int, description: str, *, acts: bool = False) -> Fault:
    """A well-formed refusal with this code, used as HTTP status too."""
    return answer(code, {"ok": False, "error_code": code, "description": description}, acts=acts)


def not_ok(*, acts: bool = False) -> Fault:
    """200 with a body that only says it is not ok."""
    return answer(200, {"ok": False}, acts=acts)
