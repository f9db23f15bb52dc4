"""Things that go wrong on the way, set per method and used up call by call."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

FaultKind = Literal["answer", "reset", "drop_after", "hang", "delay", "half"]
ANY_METHOD = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    `acts` says whether the call is carried out before it goes wrong; after a hang or delay the answer follows.
    """

    kind: FaultKind
    acts: bool = False
    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def answer(status: int, body: object, *, acts: bool = False, headers: Mapping[str, str] | None = None) -> Fault:
    """Answer with this status and body (a str as it is, anything else as JSON) instead of the real result."""
    raw = isinstance(body, str)
    return Fault(
        kind="answer",
        acts=acts,
        status=status,
        body=str(body).encode() if raw else json.dumps(body).encode(),
        content_type="text/html" if raw else "application/json",
        headers=headers or {},
    )


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


def bad_gateway(status: int = 502, *, acts: bool = False) -> Fault:
    """A proxy's HTML page with this status, instead of JSON."""
    return answer(status, f"<html><head><title>{status}</title></head></html>\r\n", acts=acts)


def garbage(*, acts: bool = False) -> Fault:
    """200 with something that is no JSON."""
    return answer(200, "\x00\x01 not json {", acts=acts)


def not_ok(*, acts: bool = False) -> Fault:
    """200 with a body that only says it is not ok."""
    return answer(200, {"ok": False}, acts=acts)


def reset() -> Fault:
    """The connection is reset before the call is carried out."""
    return Fault(kind="reset")


def drop_after() -> Fault:
    """The call is carried out, then the connection is reset: the message exists, the caller never hears."""
    return Fault(kind="drop_after", acts=True)


def half(*, acts: bool = True) -> Fault:
    """The connection is closed in the middle of the answer."""
    return Fault(kind="half", acts=acts)


def hang(*, acts: bool = False) -> Fault:
    """Nothing happens until `Faults.release()`; then the call is answered."""
    return Fault(kind="hang", acts=acts)


def delay(seconds: float, *, acts: bool = False) -> Fault:
    """The answer comes that many seconds late."""
    return Fault(kind="delay", acts=acts, seconds=seconds)


@dataclass(slots=True)
class _Planned:
    fault: Fault
    left: int | None


class Faults:
    """What will go wrong, and how often it did."""

    def __init__(self) -> None:
        self.used: dict[str, int] = {}
        self.hanging = 0
        self._planned: dict[str, list[_Planned]] = {}
        self._released = asyncio.Event()

    def plan(self, method: str, fault: Fault, *, times: int | None = 1) -> None:
        """Let the next `times` calls of a method (or of "*", any) meet this fault; None: until cleared."""
        self._planned.setdefault(method.lower(), []).append(_Planned(fault, times))

    def clear(self, method: str | None = None) -> None:
        """Plan nothing any more, for one method or for all; what hangs goes on hanging."""
        if method is None:
            self._planned.clear()
        else:
            self._planned.pop(method.lower(), None)

    def release(self) -> None:
        """Let everything that hangs go on."""
        self._released.set()
        self._released = asyncio.Event()

    def take(self, method: str) -> Fault | None:
        """Use up the next fault for this method."""
        for name in (method.lower(), ANY_METHOD):
            queue = self._planned.get(name, [])
            if queue:
                self.used[method.lower()] = self.used.get(method.lower(), 0) + 1
                return _use(queue)
        return None

    async def pause(self, fault: Fault) -> None:
        """Sit out a hang or a delay."""
        if fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
        if fault.kind == "hang":
            released = self._released
            self.hanging += 1
            try:
                await released.wait()
            finally:
                self.hanging -= 1


def _use(queue: list[_Planned]) -> Fault:
    first = queue[0]
    if first.left is not None:
        first.left -= 1
        if first.left <= 0:
            queue.pop(0)
    return first.fault
