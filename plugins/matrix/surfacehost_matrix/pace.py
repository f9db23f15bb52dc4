"""How fast one account may speak: homeservers limit the account, over all of its rooms together.

A stock Synapse counts events alone. Other homeservers, and proxies before them, count typing notices, receipts and
uploads as well: so whichever is refused, none of them is asked for before the time that was named.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from typing import TypeVar
from weakref import WeakValueDictionary

from surfacehost import Memory, NotReady

PATIENCE_S = 60.0
LONGEST_SPARE_S, EASING = 60.0, 0.8
"""Between two calls that may be dropped, at the most; and how that shrinks with every one that goes well."""

LIMITED, APART = "limited", "limited:"
"""The note of a pause, and of one that is for calls of one kind: when it ends by the wall clock, how long it was."""

T = TypeVar("T")
log = logging.getLogger(__name__)


class Held(NotReady):
    """A pause has begun while a call, let through before it, still asked for something else."""


class Apart:
    """Calls that homeservers limit apart from messages: joins, invitations of one person, the making of rooms.

    Synapse's manual, "Ratelimiting". Their pauses may last for minutes and are easily brought about by others, who
    invite us say: neither does a message wait for them, nor does anything wait here.
    """

    def __init__(self, memory: Memory | None = None) -> None:
        self._memory = memory
        self._not_before: dict[str, float] = {}
        self._lines: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def recall(self) -> None:
        """Go on with the pauses that an earlier process had noted. Raises NotReady when they can't be read."""
        if self._memory is None:
            return
        for note, told in (await self._memory.items(APART)).items():
            if (left := _left(told)) > 0:
                self._not_before[note.removeprefix(APART)] = time.monotonic() + left
            else:
                await self._memory.set({note: None})

    async def ask(self, kind: str, call: Callable[[], Awaitable[T]]) -> T:
        """*call*, one of this *kind*, unless there is a pause for that; then, one at a time.

        Raises NotReady with the time to wait, and whatever *call* raises.
        """
        line = self._lines.setdefault(kind, asyncio.Lock())
        async with line if kind in self._not_before else nullcontext():
            if (left := self._not_before.get(kind, 0.0) - time.monotonic()) > 0:
                raise NotReady(f"the homeserver limits us: {kind}", retry_after=left)
            try:
                result = await call()
            except NotReady as error:
                if error.retry_after is not None:
                    await self._limit(kind, error.retry_after)
                raise
            self._not_before.pop(kind, None)
            return result

    async def _limit(self, kind: str, seconds: float) -> None:
        log.info("the homeserver makes us wait %.1f s: %s", seconds, kind)
        now = time.monotonic()
        self._not_before = {one: until for one, until in self._not_before.items() if until > now}  # a kind is a person
        self._not_before[kind] = max(self._not_before.get(kind, 0.0), time.monotonic() + seconds)
        await _note(self._memory, APART + kind, self._not_before[kind] - time.monotonic())


class Pace:
    """Calls that count towards the limit go through here; after a refusal nobody asks again too early.

    And then one at a time, until all who waited have been: rooms that all ask at once are all refused once more.
    One for an account, over all of its connections; kept in *memory*, if there is one, over a restart.
    """

    def __init__(self, memory: Memory | None = None) -> None:
        self.apart = Apart(memory)
        self._memory = memory
        self._has_recalled = False
        self._not_before = 0.0
        self._is_limited = False
        self._line = asyncio.Lock()
        self._line_of_files = asyncio.Lock()
        self._spare_every_s = 0.0
        self._spare_not_before = 0.0

    async def recall(self) -> None:
        """Go on with the pause that an earlier process had noted, once. Raises NotReady when it can't be read."""
        if self._memory is None or self._has_recalled:
            return
        noted = await self._memory.get(LIMITED)
        await self.apart.recall()
        self._has_recalled = True
        if noted and (left := _left(noted)) > 0:
            self._hold_off(left)

    async def keep(self, call: Callable[[], Awaitable[T]], *, is_file: bool = False) -> T:
        """*call*, made as soon as it may be; one with a file takes its time, so no message waits for it in the line.

        Raises NotReady with the time to wait when that is more than a minute in all, and whatever *call* raises.
        """
        give_up = time.monotonic() + PATIENCE_S
        line = self._line_of_files if is_file else self._line
        while True:
            async with line if self._is_limited else nullcontext():
                await self._wait(give_up)
                try:
                    result = await call()
                except NotReady as error:
                    await self._heed(error)
                else:
                    self._is_limited = self._is_limited and is_file  # which may not have been what was counted
                    return result

    async def behind(self, call: Callable[[], Awaitable[T]]) -> T:
        """*call* once there is no pause and no message waits, for however long that is.

        For signs, which whoever makes them gives up when they have become pointless. Raises what *call* raises.
        """
        while True:
            while (left := self._not_before - time.monotonic()) > 0 or self._line.locked():
                await asyncio.sleep(max(0.0, left))  # the homeserver said how long
                async with self._line:
                    pass
            try:
                return await call()
            except NotReady as error:
                await self._heed(error)

    async def spare(self, call: Callable[[], Awaitable[T]]) -> T | None:
        """*call* if nothing has to wait for it, else None: it was left out, as it is when it is refused.

        For what may be dropped, previews say. What may not goes first: once the homeserver has refused something,
        these come at growing intervals only, since each of them takes the place of another. Raises what *call* raises.
        """
        now = time.monotonic()
        if self._is_limited or now < self._not_before or now < self._spare_not_before:
            return None
        self._spare_not_before = now + self._spare_every_s
        self._spare_every_s *= EASING
        try:
            return await call()
        except NotReady as error:
            await self._heed(error)
            return None

    def check(self) -> None:
        """Raises Held in a pause: for within a call that has had to ask for something else, just before it is made."""
        if (left := self._not_before - time.monotonic()) > 0:
            raise Held("the homeserver limits how often we may send", retry_after=left)

    async def _wait(self, give_up: float) -> None:
        """Sit out the pause, which may have grown by the time it is over."""
        while (now := time.monotonic()) < self._not_before or now > give_up:
            wait = max(0.0, self._not_before - now)
            if now + wait > give_up:
                raise NotReady("the homeserver limits how often we may send", retry_after=wait)
            await asyncio.sleep(wait)  # the homeserver said how long

    async def _heed(self, refusal: NotReady) -> None:
        """Pause for as long as *refusal* says; raises it where it says nothing, as it is no limit then."""
        if refusal.retry_after is None:
            raise refusal
        if not isinstance(refusal, Held):
            await self._limit(refusal.retry_after)

    async def _limit(self, seconds: float) -> None:
        log.info("the homeserver makes us wait %.1f s", seconds)
        self._hold_off(seconds)
        await _note(self._memory, LIMITED, self._not_before - time.monotonic())

    def _hold_off(self, seconds: float) -> None:
        self._is_limited = True
        self._not_before = max(self._not_before, time.monotonic() + seconds)
        self._spare_every_s = min(max(2 * self._spare_every_s, seconds), LONGEST_SPARE_S)
        self._spare_not_before = max(self._spare_not_before, self._not_before + self._spare_every_s)


async def _note(memory: Memory | None, note: str, left: float) -> None:
    """Keep a pause of which so many seconds are *left*."""
    try:
        if memory:
            await memory.set({note: {"until": time.time() + left, "seconds": left}})
    except NotReady as error:
        log.warning("the homeserver's limit is not noted, and forgotten at a restart: %s", error)


def _left(noted: Mapping[str, float]) -> float:
    """Seconds that are left of a pause by a clock that may have been turned: never more than the homeserver said."""
    return min(noted["seconds"], noted["until"] - time.time())
