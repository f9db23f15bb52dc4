"""Small signs: a reaction on a message, the answer to a tap on a button."""

import logging

from telegram import ReactionTypeEmoji
from telegram.error import BadRequest

from surfacehost import Event, Message
from surfacehost_telegram.bot import Bot, Turn

TAP_S = 3.0
"""How long the answer to a tap may take; after that nobody waits for it."""

_MARKS = {"✅": "👍", "❌": "👎", "⏳": "👀", "⚠": "🤷"}
"""Telegram knows some seventy reactions (Bot API, ReactionTypeEmoji); what stands for those that it does not know."""

log = logging.getLogger(__name__)


async def react(bot: Bot, event: Event, mark: str | None) -> None:
    """Put *mark* on the message *event*, or take it away; a mark that the chat does not allow is left out."""
    message_id = event.native.get("message_id")
    if message_id is None:
        return
    plain = (mark or "").replace("\ufe0f", "")
    # Said to be an emoji: of a bare one that the library does not know it makes a custom emoji's id.
    reaction = ReactionTypeEmoji(_MARKS.get(plain, plain)) if plain else None
    try:
        # Taking it away is no frame: a mark that stays says something that is no longer so. Nor shall it take the room
        # of an answer, so a mark is put only where there is room for both.
        turn = Turn(is_frame=True, promises=True) if reaction else Turn(is_promised=True)
        await bot.set_message_reaction(event.chat, message_id, reaction, rate_limit_args=turn)
    except BadRequest as error:
        log.debug("no %s in chat %s: %s", mark, event.chat, error)


async def acknowledge(bot: Bot, message: Message) -> None:
    """Take the clock off the button that somebody tapped. Queries expire: a failure is nothing to worry about."""
    query = message.native.get("callback_query_id")
    if query is None:
        return
    try:
        await bot.answer_callback_query(query, read_timeout=TAP_S)
    except Exception as error:  # noqa: BLE001 - decoration
        log.debug("a tap in chat %s is not acknowledged: %s", message.chat, error)
