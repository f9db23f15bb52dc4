"""What is done beside the messages: what is old is forgotten, and what was asked too long ago is withdrawn."""

import asyncio
import logging
import time
from collections.abc import Callable

from surfacehost.media import Shelf
from surfacehost.store import occasions, pieces, retention
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.store.transaction import StoreFailed

DAY_S = 86_400.0
EVERY_S = 3600.0
"""How often the host looks for what is old."""
EXPIRED_LOOK_S = 1.0
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


async def forget_pieces_for_ever(database: SqliteDatabase) -> None:
    """Every now and then forget what came for nobody, and was kept in case it is a piece of what is for the bot.

    Not at once: the rest of it may be what is waiting since the host was last there.
    """
    while True:
        await asyncio.sleep(pieces.KEEP_S)
        try:
            await database.tx(pieces.forget, now=time.time())
        except StoreFailed as error:
            log.warning("what came for nobody can't be forgotten now: %s", error)


async def expire_for_ever(database: SqliteDatabase, wake: Callable[[], None]) -> None:
    """Every second look whether the time of a question has passed; *wake* is called when it has."""
    while True:
        try:
            if await database.tx(occasions.is_due, now=time.time()):
                await database.tx(occasions.expire, now=time.time())
                wake()
        except StoreFailed as error:
            log.warning("no question can expire now: %s", error)
        await asyncio.sleep(EXPIRED_LOOK_S)


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


async def clear_for_ever(shelf: Shelf, keep_days: int) -> None:
    """Now and every hour remove files that are older than *keep_days* days; 0: none."""
    while keep_days:
        if count := await asyncio.to_thread(shelf.clear, time.time() - keep_days * DAY_S):
            log.info("%d files that came %d days ago are removed", count, keep_days)
        await asyncio.sleep(EVERY_S)
