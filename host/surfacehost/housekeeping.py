"""Forgets what is done with, beside the messages and never in their way."""

import asyncio
import logging
import time

from surfacehost.store import retention
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.store.transaction import StoreFailed

DAY_S = 86_400.0
EVERY_S = 3600.0
"""How often the host looks for what is old."""
SHARE = 0.2
"""Of the writer's time that this takes at most, while there is much to forget."""

log = logging.getLogger(__name__)


async def forget_for_ever(database: SqliteDatabase, keep_days: int) -> None:
    """Now and every hour forget what has been done with for *keep_days* days; 0: forget nothing."""
    while keep_days:
        try:
            if count := await forget_old(database, keep_days):
                log.info("%d events that were done with %d days ago are forgotten", count, keep_days)
        except StoreFailed as error:
            log.warning("what is old can't be forgotten now: %s", error)
        await asyncio.sleep(EVERY_S)


async def forget_old(database: SqliteDatabase, keep_days: int) -> int:
    """Forget everything that is old, a little at a time; how many events it were."""
    forgotten, before = 0, time.time() - keep_days * DAY_S
    while True:
        began = time.monotonic()
        count = await database.tx(retention.forget, before=before)
        forgotten += count
        if count < retention.BATCH:
            return forgotten
        await asyncio.sleep((time.monotonic() - began) * (1 / SHARE - 1))
