"""Things that go wrong on the way of a call, planned by its name and used up call by call; the same for every server.

A name is what the server makes of a call: the Bot API simulator its method, a ``FaultProxy`` method and path.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Literal

FaultKind = Literal["answer", "reset", "drop_after", "hang", "delay", "half"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    `acts` says whether the call is carried out before it goes wrong; after a hang or delay the answer follows.
    `unread`: the answer comes before the call's body has been read, and ends the connection, as a gateway refuses
    an upload.
    """

    kind: FaultKind
    acts: bool = False
    unread: bool = False
    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back: an answer, half of one, or a cut line."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    ending: Literal["whole", "half", "reset"] = "whole"


CUT = Answer(status=0, body=b"", ending="reset")


def answer(
    status: int, body: object, *, acts: bool = False, unread: bool = False, headers: Mapping[str, str] | None = None
) -> Fault:
    """Answer with this status and body (a str as it is, anything else as JSON) instead of the real result."""
    raw = isinstance(body, str)
    return Fault(
        kind="answer",
        acts=acts,
        unread=unread,
        status=status,
        body=str(body).encode() if raw else json.dumps(body).encode(),
        content_type="text/html" if raw else "application/json",
        headers={**({"connection": "close"} if unread else {}), **(headers or {})},
    )


def bad_gateway(status: int = 502, *, acts: bool = False) -> Fault:
    """A proxy's HTML page with this status, instead of JSON."""
    return answer(status, f"<html><head><title>{status}</title></head></html>\r\n", acts=acts)


def garbage(*, acts: bool = False) -> Fault:
    """200 with something that is no JSON."""
    return answer(200, "\x00\x01 not json {", acts=acts)


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
    """What will go wrong, and how often it did, by the name of the call."""

    def __init__(self) -> None:
        self.used: dict[str, int] = {}
        self.hanging = 0
        self._planned: dict[str, list[_Planned]] = {}
        self._released = asyncio.Event()

    def plan(self, name: str, fault: Fault, *, times: int | None = 1) -> None:
        """Let the next `times` calls of this name, or of a pattern as of file names ("*": any), meet this fault.

        Case does not matter; None: until cleared. A plan for the very name goes before one for a pattern.
        """
        self._planned.setdefault(name.lower(), []).append(_Planned(fault, times))

    def clear(self, name: str | None = None) -> None:
        """Plan nothing any more, for one name or for all; what hangs goes on hanging."""
        if name is None:
            self._planned.clear()
        else:
            self._planned.pop(name.lower(), None)

    @property
    def is_planned(self) -> bool:
        """Whether anything is still to go wrong."""
        return any(self._planned.values())

    def release(self) -> None:
        """Let everything that hangs go on."""
        self._released.set()
        self._released = asyncio.Event()

    def take(self, name: str) -> Fault | None:
        """Use up the next fault for a call of this name."""
        call = name.lower()
        for pattern in (call, *self._planned):
            queue = self._planned.get(pattern)
            if queue and (pattern == call or fnmatchcase(call, pattern)):
                self.used[call] = self.used.get(call, 0) + 1
                return _use(queue)
        return None

    async def meet(self, fault: Fault, act: Callable[[], Awaitable[Answer]]) -> Answer:
        """What goes back of a call that meets *fault*; *act* carries the call out, if it comes to that."""
        acted = await act() if fault.acts else None
        await self.pause(fault)
        if fault.kind in ("hang", "delay"):
            return acted or await act()
        if fault.kind == "half":
            return replace(acted or await act(), ending="half")
        if fault.kind == "answer":
            return Answer(status=fault.status, body=fault.body, content_type=fault.content_type, headers=fault.headers)
        return CUT

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
