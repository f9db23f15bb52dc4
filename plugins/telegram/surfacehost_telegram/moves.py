"""Groups that become supergroups: other chats, with other ids.

Telegram tells that by a message in each of the two, and that the bot came into the new one
(https://github.com/tdlib/telegram-bot-api/issues/266), in any order; by a webhook side by side.
"""

import asyncio
import logging
from collections.abc import Mapping

from telegram.error import BadRequest, ChatMigrated, Forbidden

from surfacehost import Invite, Memory, NotReady, Put
from surfacehost_telegram.bot import Bot, Json
from surfacehost_telegram.limiter import ChatBudgets
from surfacehost_telegram.outcome import what_next
from surfacehost_telegram.readback import is_supergroup

MOVE_S = 60.0
"""Within this time after a group has become a supergroup, being in it is no invitation."""
TOLD_S = 2.0
"""How long the news may take, once one sign of it is there."""

log = logging.getLogger(__name__)


class Moves:
    """Which groups moved. Its notes: ``moved:<old>`` where to, ``came:<new>`` when; ``group:<chat>`` its title."""

    def __init__(self, bot: Bot, budgets: ChatBudgets, memory: Memory) -> None:
        self._bot = bot
        self._budgets = budgets
        self._memory = memory
        self.put: Put | None = None
        """The way into the host, once somebody listens."""

    async def notes_of(self, old: str, new: str, at: float | None = None) -> Json:
        """What is noted of a group that moved, together with the move itself.

        *at*: when, by Telegram's clock; ours may be another. None: that is still to be found out.
        """
        log.info("group %s is now supergroup %s", old, new)
        when = {} if at is None else {f"came:{new}": at, f"group:{old}": None}
        return {f"moved:{old}": new} | when | await self._budgets.rekey(old, new)

    async def tell(self, old: str, new: str, at: float | None = None) -> None:
        """A call was told that *old* is now *new*; the messages that tell it may come later, or never."""
        if self.put is None:
            raise NotReady("a group has moved, and nobody listens who could write it down")
        await self.put(moved={old: new}, notes=await self.notes_of(old, new, at))

    async def notes_of_groups(self, seen: Mapping[str, str | None]) -> Json:
        """What is noted of the groups *seen*, which might move one day: by id their titles, none: it is left."""
        return {
            f"group:{chat}": title for chat, title in seen.items() if title != await self._memory.get(f"group:{chat}")
        }

    async def is_new_to(self, invite: Invite) -> bool:
        """Whether somebody really brought the bot into that chat: it moves to a supergroup by itself.

        Raises NotReady while that can't be told.
        """
        for wait_s in (0.0, TOLD_S):
            await asyncio.sleep(wait_s)
            came: float | None = await self._memory.get(f"came:{invite.chat}")
            if came is not None:
                return invite.at > came + MOVE_S
            groups = await self._memory.items("group:")
            alike = [key.removeprefix("group:") for key, title in groups.items() if title == invite.chat_name]
            if not alike or not is_supergroup(invite.chat):
                break
            for group in alike:
                if await self._became(group) == invite.chat:
                    await self.tell(group, invite.chat, invite.at)
                    return False
        return True

    async def _became(self, group: str) -> str | None:
        """The supergroup that *group* is by now; asked for in the one way that people don't see."""
        try:
            await self._bot.get_chat_member_count(group)
        except ChatMigrated as error:
            return str(error.new_chat_id)
        except (BadRequest, Forbidden):
            return None  # the bot is not in it any more
        except Exception as error:
            raise what_next(error) from error
        return None
