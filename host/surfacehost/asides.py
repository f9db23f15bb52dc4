"""Work that a surface does beside messages while it listens: whatever goes wrong with it must not cost one."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from surfacehost.errors import NotReady, Refused, Undeliverable

AGAIN_S = 60.0
"""After how long it is tried again where the platform does not say."""

log = logging.getLogger(__name__)


@asynccontextmanager
async def beside(work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Do *work* while the block runs: again after a pause when it raises NotReady, until it is done or can't be.

    What it raises else is logged and ends it; it never ends the block.
    """
    task = asyncio.create_task(_insist(work))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _insist(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        pause_s = await _try(work)
        if pause_s is None:
            return
        await asyncio.sleep(pause_s)


async def _try(work: Callable[[], Awaitable[None]]) -> float | None:
    """Seconds after which *work* is to be tried again, none if it is done or can't be."""
    try:
        await work()
    except NotReady as error:
        log.info("what stands beside messages has to wait: %s", error)
        return AGAIN_S if error.retry_after is None else error.retry_after
    except (Refused, Undeliverable) as error:
        log.warning("what stands beside messages is not accepted: %s", error)
    except Exception:
        log.exception("what stands beside messages could not be done")
    return None
