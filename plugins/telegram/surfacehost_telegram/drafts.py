"""Drafts: what Telegram shows of an answer that is being written, in private chats (Bot API, sendMessageDraft).

A draft is gone after 30 seconds and when a message comes; it leaves nothing behind.
"""

import logging
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from telegram import MessageEntity
from telegram.error import BadRequest, InvalidToken

from surfacehost import Memory
from surfacehost_telegram.bot import FRAME, FRAME_S, Bot

log = logging.getLogger(__name__)


def draft_id_of(reply_id: str) -> int:
    """The number of the draft of a reply: never 0, and the same after a restart, so that it goes on growing."""
    return (zlib.crc32(reply_id.encode()) & 0x7FFFFFFF) or 1


class Drafts:
    """What this server and its chats take. A chat that takes none is remembered in the note ``drafts:<chat>``."""

    def __init__(self, bot: Bot, memory: Memory) -> None:
        self._bot = bot
        self._memory = memory
        self._is_known = True
        self._can_stop = True

    async def are_taken(self, chat: str) -> bool:
        """Whether it is worth trying in *chat*."""
        return self._is_known and await self._memory.get(f"drafts:{chat}") is None

    async def show(self, chat: str, topic: int | None, draft_id: int, body: Mapping[str, Any]) -> bool:
        """Show *body*; an empty one is Telegram's "Thinking…". Whether drafts are taken there.

        Raises Dropped, and what else may become of a call.
        """
        try:
            await self._call(chat, topic, draft_id, body)
        except InvalidToken:  # 404: no such method; a token that is dead is for the one who listens to find out
            log.info("this Bot API server knows no drafts; answers grow by edits")
            self._is_known = False
        except BadRequest as error:
            reason = error.message.casefold()
            if "peer_invalid" in reason:
                log.info("chat %s takes no drafts; answers grow by edits there", chat)
                await self._memory.set({f"drafts:{chat}": "refused"})
                return False
            if not self._can_stop or "stop" not in reason:
                raise
            log.info("this Bot API server knows no button to stop an answer: %s", error)
            self._can_stop = False
            return await self.show(chat, topic, draft_id, body)
        return self._is_known

    async def _call(self, chat: str, topic: int | None, draft_id: int, body: Mapping[str, Any]) -> None:
        entities: Sequence[Mapping[str, Any]] = body.get("entities", ())
        await self._bot.send_message_draft(
            int(chat),
            draft_id,
            body.get("text", ""),
            message_thread_id=topic,
            entities=[MessageEntity.de_json(dict(entity)) for entity in entities] or None,
            read_timeout=FRAME_S,
            api_kwargs={"can_stop": True} if self._can_stop else None,
            rate_limit_args=FRAME,
        )
