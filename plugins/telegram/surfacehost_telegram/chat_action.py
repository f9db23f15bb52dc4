"""The "typing…" line under the bot's name."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from telegram.constants import ChatAction

from surfacehost_telegram.bot import Bot
from surfacehost_telegram.limiter import Dropped

AFTER_S = 0.3
"""An answer that is there at once needs no typing, nor does a message that gets none."""
EVERY_S = 4.0
"""Telegram shows it for 5 seconds (https://core.telegram.org/bots/api#sendchataction)."""

log = logging.getLogger(__name__)


@asynccontextmanager
async def typing(bot: Bot, chat: str, topic: int | None) -> AsyncIterator[None]:
    """Show that the bot is typing for as long as the block runs; whatever goes wrong with that is no concern of it."""
    task = asyncio.create_task(_type(bot, chat, topic))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])  # not ``await task``: that would raise its cancellation, or hide one of ours


async def _type(bot: Bot, chat: str, topic: int | None) -> None:
    await asyncio.sleep(AFTER_S)
    try:
        while True:
            await _once(bot, chat, topic)
            await asyncio.sleep(EVERY_S)
    except Exception as error:  # noqa: BLE001 - decoration: an answer must not fail because of it
        log.debug("no typing in chat %s: %s", chat, error)


async def _once(bot: Bot, chat: str, topic: int | None) -> None:
    try:
        await bot.send_chat_action(chat, ChatAction.TYPING, message_thread_id=topic, rate_limit_args="droppable")
    except Dropped:
        log.debug("no room for typing in chat %s", chat)
