"""When chats get their topics: at the start, and whenever they become possible later."""

import asyncio
import logging
from collections.abc import Iterable

from telegram import ChatMemberAdministrator, Update
from telegram.error import ChatMigrated, Forbidden

from surfacehost import Memory
from surfacehost_telegram.bot import Flooded
from surfacehost_telegram.membership import GROUPS
from surfacehost_telegram.topics import Topics

log = logging.getLogger(__name__)


class Furnishing:
    """Tells ``Topics`` when to look after which chat."""

    def __init__(self, topics: Topics, groups: Iterable[str], memory: Memory) -> None:
        """*groups* are those that want topics, by the ids that the settings have for them."""
        self._topics = topics
        self._groups = frozenset(groups)
        self._memory = memory
        self._forums: set[str] = set()
        self._due: set[str] = set()
        self._is_due = asyncio.Event()

    async def at_start(self, *, in_private: bool) -> None:
        """Look after every group that wants topics, and private chats with some. Raises TelegramError and NotReady."""
        private = [chat for chat in await self._topics.known() if in_private and not chat.startswith("-")]
        for chat in {*await self._wanted(), *private}:
            await self._furnish(chat)

    async def later(self) -> None:
        """Look after chats in which topics have become possible, for ever. Raises TelegramError and NotReady.

        What is due then stays so.
        """
        while True:
            while self._due:
                chat = self._due.pop()
                try:
                    if not chat.startswith("-") or chat in await self._wanted():
                        await self._furnish(chat)
                except Exception:
                    self._due.add(chat)
                    raise
            self._is_due.clear()
            await self._is_due.wait()

    def see(self, update: Update) -> None:
        """Notice in *update* that topics have become possible: the bot was given the right, or there are topics now.

        Telegram does not tell that a group got topics; its messages say it from then on.
        """
        change, message = update.my_chat_member, update.message
        if change is not None and change.chat.type in GROUPS:
            member = change.new_chat_member
            if isinstance(member, ChatMemberAdministrator) and member.can_manage_topics:
                self.look_after(str(change.chat.id))
        elif message is not None and not message.chat.is_forum:
            self._forums.discard(str(message.chat.id))
        elif message is not None and str(message.chat.id) not in self._forums:
            self._forums.add(str(message.chat.id))
            self.look_after(str(message.chat.id))

    def look_after(self, chat: str) -> None:
        """See soon to the topics of *chat*: somebody's private chat, or a group, if it wants any."""
        self._due.add(chat)
        self._is_due.set()

    async def _furnish(self, chat: str) -> None:
        """See to the topics of *chat*. It keeps no other waiting: not while it is shut, nor where we may not write."""
        try:
            await self._topics.furnish(chat)
        except Flooded as error:
            log.info("the topics of chat %s have to wait: %s", chat, error)
            asyncio.get_running_loop().call_later(error.seconds, self.look_after, chat)
        except (Forbidden, ChatMigrated) as error:
            log.info("nothing can be done about the topics of chat %s: %s", chat, error)

    async def _wanted(self) -> set[str]:
        """The groups that want topics, each by the id that it has by now."""
        return {str(await self._memory.get(f"moved:{group}") or group) for group in self._groups}
