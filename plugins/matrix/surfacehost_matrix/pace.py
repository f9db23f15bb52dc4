"""How fast one account may speak: homeservers limit the account, over all of its rooms together."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from surfacehost import NotReady

PATIENCE_S = 60.0

T = TypeVar("T")
log = logging.getLogger(__name__)


class Pace:
    """Calls that count towards the limit go through here; after a refusal nobody asks again too early."""

    def __init__(self) -> None:
        self._not_before = 0.0

    async def keep(self, call: Callable[[], Awaitable[T]]) -> T:
        """*call*, made as soon as it may be.

        Raises NotReady with the time to wait when that is more than a minute in all, and whatever *call* raises.
        """
        give_up = time.monotonic() + PATIENCE_S
        while True:
            wait = self._not_before - time.monotonic()
            if time.monotonic() + wait > give_up:
                raise NotReady("the homeserver limits how often we may send", retry_after=wait)
            if wait > 0:
                await asyncio.sleep(wait)  # the homeserver said how long
            try:
                return await call()
            except NotReady as error:
                if error.retry_after is None:
                    raise
                log.info("the homeserver makes us wait %.1f s", error.retry_after)
                self._not_before = max(self._not_before, time.monotonic() + error.retry_after)
