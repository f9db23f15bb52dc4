"""Waiting for the world to change, without polling it."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Bell:
    """Rings at every change; whoever waits looks again."""

    def __init__(self) -> None:
        self.rung = 0
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake everybody who waits."""
        self.rung += 1
        self._event.set()
        self._event = asyncio.Event()

    async def until(self, look: Callable[[], T | None], *, timeout_s: float) -> T:
        """Return what `look` finds as soon as it is not None; TimeoutError after `timeout_s` seconds."""
        async with asyncio.timeout(timeout_s):
            while (found := look()) is None:
                await self._event.wait()
        return found
