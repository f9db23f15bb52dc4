"""The "typing…" line under the bot's name."""

from telegram.constants import ChatAction

from surfacehost_telegram.bot import FRAME, Bot

AFTER_S = 0.3
"""An answer that is there at once needs no typing, nor does a message that gets none."""
EVERY_S = 4.0
"""Telegram shows it for 5 seconds (https://core.telegram.org/bots/api#sendchataction)."""


async def type_once(bot: Bot, chat: str, topic: int | None) -> None:
    """Show it once. Raises Dropped and whatever became of the call."""
    await bot.send_chat_action(chat, ChatAction.TYPING, message_thread_id=topic, rate_limit_args=FRAME)
