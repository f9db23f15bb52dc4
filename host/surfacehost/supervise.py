"""Keeps surfaces listening: each in its own task, none able to hurt another."""

import asyncio
import logging
import time

from surfacehost.backoff import delay
from surfacehost.errors import NotReady, Refused
from surfacehost.health import SurfaceHealth
from surfacehost.surface import Put, Surface

STEADY_S = 10.0
"""A surface that was up for this long had recovered: its next failure counts as the first."""

LET_GO_S = 3.0
"""How long a surface may take to release what it holds once listening is cancelled."""

log = logging.getLogger(__name__)


async def keep_listening(surface: Surface, put: Put, health: SurfaceHealth) -> None:
    """Run ``surface.listen`` for as long as the host runs; returns only when the platform refuses the account."""
    while True:
        started = time.monotonic()
        health.listen()
        try:
            await _listen_watched(surface, put, health)
        except Refused as error:
            health.park(str(error))
            log.error("%s is parked until its settings change: %s", health.name, error)  # noqa: TRY400 - said in full
            return
        except NotReady as error:
            reason, wanted_s = str(error), error.retry_after or 0.0
        except Exception as error:  # a bug of the plugin: its trouble alone
            log.exception("%s fell over", health.name)
            reason, wanted_s = f"{type(error).__name__}: {error}", 0.0
        else:
            reason, wanted_s = "it stopped listening by itself", 0.0
        if health.state == "parked":  # one of its hooks was refused
            return
        if health.state == "up" and time.monotonic() - started >= STEADY_S:
            health.failures = 0
        delay_s = delay(health.failures + 1, wanted_s)
        health.wait(reason, delay_s)
        log.warning("%s is not listening: %s; next try in %.1f s", health.name, reason, delay_s)
        await asyncio.sleep(delay_s)


async def _listen_watched(surface: Surface, put: Put, health: SurfaceHealth) -> None:
    """Listen; raises NotReady when nothing has been heard for longer than the surface itself says is possible."""
    look_s = health.stale_after_s and health.stale_after_s / 3
    listening = asyncio.create_task(surface.listen(put), name=f"listen {health.name}")
    try:
        while not listening.done():
            await asyncio.wait({listening}, timeout=look_s)
            if not listening.done() and health.is_deaf:
                await _make_let_go(listening, health)
                raise NotReady(f"nothing was heard for more than {health.stale_after_s:g} s")
        if listening.cancelled():
            raise RuntimeError("it cancelled itself")
        listening.result()
    finally:
        listening.cancel()
        await asyncio.wait({listening}, timeout=LET_GO_S)


async def _make_let_go(listening: asyncio.Task[None], health: SurfaceHealth) -> None:
    """End *listening*, however long it takes: two that listen for one account would be worse than none."""
    listening.cancel()
    await asyncio.wait({listening}, timeout=LET_GO_S)
    if not listening.done():
        health.wait("nothing is heard, and it does not stop listening", 0.0)
        log.error("%s was told to stop listening %g s ago and does not", health.name, LET_GO_S)
        await asyncio.wait({listening})
