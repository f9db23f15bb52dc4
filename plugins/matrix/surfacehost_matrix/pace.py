"""How fast one account may speak: homeservers limit the account, over all of its rooms together.

A stock Synapse counts events alone. Other homeservers, and proxies before them, count typing notices, receipts and
uploads as well: so whichever is refused, none of them is asked for before the time that was named.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import TypeVar

from surfacehost import Memory, NotReady

PATIENCE_S = 60.0
LONGEST_SPARE_S, EASING = 60.0, 0.8
"""Between two calls that may be dropped, at the most; and how that shrinks with every one that goes well."""

LIMITED = "limited"
"""The note of a pause: when it ends by the wall clock, and how long it was."""

T = TypeVar("T")
log = logging.getLogger(__name__)


class Pace:
    """Calls that count towards the limit go through here; after a refusal nobody asks again too early.

    And then one at a time, until all who waited have been: rooms that all ask at once are all refused once more.
    One for an account, over all of its connections; kept in *memory*, if there is one, over a restart.
    """

    def __init__(self, memory: Memory | None = None) -> None:
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
        self._has_recalled = True
        if noted:
            # By a clock that may have been turned: never longer than the homeserver said.
            left = min(noted["seconds"], noted["until"] - time.time())
            if left > 0:
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
        await self._limit(refusal.retry_after)

    async def _limit(self, seconds: float) -> None:
        log.info("the homeserver makes us wait %.1f s", seconds)
        self._hold_off(seconds)
        left = self._not_before - time.monotonic()
        try:
            if self._memory:
                await self._memory.set({LIMITED: {"until": time.time() + left, "seconds": left}})
        except NotReady as error:
            log.warning("the homeserver's limit is not noted, and forgotten at a restart: %s", error)

    def _hold_off(self, seconds: float) -> None:
        self._is_limited = True
        self._not_before = max(self._not_before, time.monotonic() + seconds)
        self._spare_every_s = min(max(2 * self._spare_every_s, seconds), LONGEST_SPARE_S)
        self._spare_not_before = max(self._spare_not_before, self._not_before + self._spare_every_s)
