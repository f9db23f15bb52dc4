"""Keeps surfaces listening: each in its own task, none able to hurt another."""

import asyncio
import logging
import time

from surfacehost.backoff import pause
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
        health.state = "starting" if health.failures == 0 else health.state
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
        if health.state == "up" and time.monotonic() - started >= STEADY_S:
            health.failures = 0
        delay_s = max(wanted_s, pause(health.failures + 1))
        health.wait(reason, delay_s)
        log.warning("%s is not listening: %s; next try in %.1f s", health.name, reason, delay_s)
        await asyncio.sleep(delay_s)


async def _listen_watched(surface: Surface, put: Put, health: SurfaceHealth) -> None:
    """Listen; raises NotReady when nothing has been heard for longer than the surface itself says is possible."""
    limit_s = health.stale_after_s
    listening = asyncio.create_task(surface.listen(put), name=f"listen {health.name}")
    try:
        while not listening.done():
            await asyncio.wait({listening}, timeout=limit_s and limit_s / 3)
            if not listening.done() and health.is_deaf:
                raise NotReady(health.trouble)
        listening.result()
    finally:
        listening.cancel()
        _, stuck = await asyncio.wait({listening}, timeout=LET_GO_S)
        if stuck:
            log.error("%s does not let go: it was cancelled %g s ago and is still listening", health.name, LET_GO_S)
