"""Topics that the settings name, made once in each private chat and in the groups that want them.

Telegram has no idempotency key for making a topic either. But what we make comes back as an update, which ``intake``
notes (``made:<chat>:<id>``). So it is noted what is about to be made; a topic whose making was begun and not finished
is looked for among those that came back before it is made again.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from telegram.error import BadRequest

from surfacehost import Memory
from surfacehost_telegram.bot import Bot
from surfacehost_telegram.readback import MessageIds
from surfacehost_telegram.settings import COLORS, Topic

COMES_BACK_S = 5.0
"""How long after its making a topic may take to come back as an update."""

log = logging.getLogger(__name__)


class Topics:
    """Keeps chats in step with the settings. Its notes: ``topic:<chat>:<key>``."""

    def __init__(self, bot: Bot, memory: Memory, ids: MessageIds, wanted: Mapping[str, Topic]) -> None:
        self._bot = bot
        self._memory = memory
        self._ids = ids
        self._wanted = wanted
        self._lock = asyncio.Lock()

    async def known(self) -> set[str]:
        """The chats in which we have made topics."""
        return {key.split(":")[1] for key in await self._memory.items("topic:")}

    async def furnish(self, chat: str) -> None:
        """Make what is missing in *chat* and rename what is called otherwise by now. Raises TelegramError.

        Where the bot may make none, that is logged and left.
        """
        if not self._wanted:
            return
        async with self._lock:
            notes = await self._memory.items(f"topic:{chat}:")
            for key, topic in self._wanted.items():
                known = notes.get(f"topic:{chat}:{key}")
                try:
                    await self._keep_in_step(chat, key, topic, known)
                except BadRequest as error:
                    if not await self._is_gone(chat, key, known, error):
                        log.warning("chat %s gets no topic %r: %s", chat, topic.name, error)
                        return

    async def _keep_in_step(self, chat: str, key: str, topic: Topic, known: Mapping[str, Any] | None) -> None:
        if known is None:
            await self._make(chat, key, topic)
        elif "making" in known:
            made = await self._find(chat, known["making"])
            if made is None:
                await self._make(chat, key, topic)
            else:
                await self._note(chat, key, id=made, name=known["making"])
                await self._rename(chat, key, topic, {"id": made, "name": known["making"]})
        elif "id" in known:
            await self._rename(chat, key, topic, known)

    async def _make(self, chat: str, key: str, topic: Topic) -> None:
        await self._note(chat, key, making=topic.name)
        color = COLORS[topic.color] if topic.color else None
        made = await self._bot.create_forum_topic(chat, topic.name, icon_color=color)
        await self._note(chat, key, id=made.message_thread_id, name=topic.name)

    async def _rename(self, chat: str, key: str, topic: Topic, known: Mapping[str, Any]) -> None:
        if known["name"] == topic.name:
            return
        try:
            await self._bot.edit_forum_topic(chat, known["id"], name=topic.name)
        except BadRequest as error:
            if "topic_not_modified" not in error.message.casefold():  # else an earlier call did rename it
                raise
        await self._note(chat, key, id=known["id"], name=topic.name)

    async def _find(self, chat: str, name: str) -> int | None:
        """The topic *name* that came back from *chat* and is none that we know."""
        await self._ids.be_current()
        await asyncio.sleep(COMES_BACK_S)
        ours = {note.get("id") for note in (await self._memory.items(f"topic:{chat}:")).values()}
        came_back = await self._memory.items(f"made:{chat}:")
        numbers = [int(key.rpartition(":")[2]) for key, called in came_back.items() if called == name]
        return next((number for number in sorted(numbers, reverse=True) if number not in ours), None)

    async def _is_gone(self, chat: str, key: str, known: Mapping[str, Any] | None, error: BadRequest) -> bool:
        """Whether somebody has deleted the topic: what people do not want is not made again."""
        if not known or "id" not in known or "topic_id_invalid" not in error.message.casefold():
            return False
        log.info("topic %r of chat %s was deleted, and is not made again", known["name"], chat)
        await self._note(chat, key, gone=known["name"])
        return True

    async def _note(self, chat: str, key: str, **value: Any) -> None:  # noqa: ANN401 - JSON
        await self._memory.set({f"topic:{chat}:{key}": value})
