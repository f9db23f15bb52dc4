"""Whether a letter whose fate is unknown is in its chat: where it may be, and when looking says something."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from telegram.error import BadRequest, ChatMigrated, Forbidden, TelegramError

from surfacehost import Memory, NotReady, Uncertain
from surfacehost_telegram.bot import Bot
from surfacehost_telegram.calls import Ids
from surfacehost_telegram.doubts import NOTHING, Doubt, Doubts, Notes
from surfacehost_telegram.errand import Errand, Note
from surfacehost_telegram.letter import Letter
from surfacehost_telegram.outcome import what_next
from surfacehost_telegram.readback import MessageIds, find_own

GRACE_S = 5.0
"""How long after a call whose answer was lost it may still be carried out; before that, looking says nothing."""
GRACE_BYTES, MOST_GRACES = 10_000_000, 12
"""For so many bytes of files as long again: a server passes on what it has whole. At the most so often."""

log = logging.getLogger(__name__)


class Search:
    """Looks among the messages that may be the one, if that is wanted, and keeps account of what is under way."""

    def __init__(self, bot: Bot, memory: Memory, ids: MessageIds, restored_until: float, *, is_on: bool) -> None:
        """*restored_until*: what was asked before then, in seconds since the epoch, an older copy may tell of.

        Where it is not *is_on* nothing is found, and nothing is known to be under way.
        """
        self._bot = bot
        self._memory = memory
        self._doubts = Doubts(memory)
        self._ids = ids
        self._restored_until = restored_until
        self._is_on = is_on

    async def begin(self, errand: Errand, letter: Letter, *, after: int, stale: int | None) -> None:
        """Write down that *letter* is about to be sent, under an id above *after*: for its chat, and with the reply."""
        chat = letter.chat
        if not self._is_on:
            await errand.note_call(chat, after, stale, NOTHING)
            return
        expected = self._ids.expect(chat, letter.messages)
        doubt = Doubt(
            key=errand.key, reply=errand.reply.id, after=after, at=time.time(), count=letter.messages,
            has_buttons=bool(letter.choices), grace_s=grace_s(letter),
        )  # fmt: skip
        await self._doubts.begin(chat, doubt, lambda notes: errand.note_call(chat, after, stale, {**notes, **expected}))

    async def end(self, chat: str, more: Notes = NOTHING) -> None:
        """It is known what became of the call in *chat*; *more* is noted with that."""
        await self._doubts.end(chat, more)  # also where looking was switched off since

    async def is_another_under_way(self, chat: str, key: str) -> bool:
        """Whether it is not known what became of a call in *chat*, other than that for the letter *key*."""
        return self._is_on and await self._doubts.of_another(chat, key) is not None

    async def know_ids(self) -> None:
        """Learn which ids there are already."""
        await self._ids.recall(self._memory)
        await self._ids.be_current()

    async def find(self, errand: Errand, letter: Letter) -> Ids:
        """Under which ids the letter is in its chat, none if it is not. While that can't be told it is uncertain."""
        if not self._is_on:
            return []
        reply, chat = errand.reply, letter.chat
        # Behind what has arrived of this reply already: that is not to be taken for what follows it.
        asked = reply.event.native.get("message_id", 0)
        older = await self._memory.get(f"last:{chat}") if errand.part and errand.known is None else asked
        tried = {"chat": chat, "after": older or asked, "at": 0.0} | dict(errand.known or {})
        if tried["chat"] != chat:
            return []  # what was written in the group that moved here has no id here
        if (known := await self._doubts.found(chat, errand.key)) is not None:
            return known
        await _wait(tried, letter)
        await self.know_ids()

        async def passed(message_id: int, end: int) -> None:
            # So that looking goes on there, whatever ends it, and no further: newer ids keep coming.
            await errand.note(tried | {"after": message_id, "until": end})

        is_old = reply.event.at < self._restored_until
        ids = self._ids.unknown(chat, after=tried["after"], reply=reply.id, long_ago=is_old)
        ids = [one for one in ids if one <= tried.get("until", one)]
        found = await self._look(ids, letter, passed, 1 if errand.is_preview else letter.messages)
        if not found:
            log.info("reply %s has not arrived in chat %s; it is sent again", reply.id, chat)
        else:
            log.info("reply %s is in chat %s already: %s", reply.id, chat, ", ".join(map(str, found)))
        return found

    async def settle_another(self, chat: str, key: str) -> None:
        """Find out what became of the call in *chat* that is in doubt, unless it was for the letter *key* itself.

        Before another message stands behind it. Raises NotReady.
        """
        doubt = await self._doubts.of_another(chat, key) if self._is_on else None
        if doubt is None:
            return
        await asyncio.sleep(_rest_of(doubt.grace_s, doubt.at))
        found = await self._look_for_another(chat, doubt)
        for message_id in found:
            self._ids.see(chat, message_id, reply=doubt.reply)
        await self._doubts.settle(chat, doubt, found)

    async def _look_for_another(self, chat: str, doubt: Doubt) -> Ids:
        is_old = doubt.at < self._restored_until
        ids = self._ids.unknown(chat, after=doubt.after, reply=doubt.reply, long_ago=is_old)
        try:
            return await find_own(self._bot, chat, ids, count=doubt.count, has_buttons=doubt.has_buttons)
        except (BadRequest, Forbidden, ChatMigrated):
            return []  # nothing can be said there, nor could it
        except TelegramError as error:
            raise NotReady(f"what became of another message can't be found out: {error}") from error

    async def _look(
        self, ids: Sequence[int], letter: Letter, passed: Callable[[int, int], Awaitable[None]], count: int
    ) -> Ids:
        """Which *count* of *ids* are the letter; what the look itself runs into leaves it uncertain."""
        try:
            return await find_own(self._bot, letter.chat, ids, passed, count=count, has_buttons=bool(letter.choices))
        except ChatMigrated:
            return []
        except Exception as error:
            instruction = what_next(error)
            if isinstance(instruction, NotReady):
                instruction = Uncertain(str(instruction), retry_after=instruction.retry_after)
            raise instruction from error


async def _wait(tried: Note, letter: Letter) -> None:
    """Until the call that was *tried* is either carried out or never will be."""
    wait_s = _rest_of(grace_s(letter), tried["at"])
    if letter.files and tried["at"] and "until" not in tried:
        # They may have been on their way for minutes when the process died; but once is enough.
        wait_s = grace_s(letter)
    await asyncio.sleep(wait_s)


def grace_s(letter: Letter) -> float:
    """How long after the call for *letter* it may still be carried out."""
    return GRACE_S * min(1 + sum(file.size for file in letter.files) / GRACE_BYTES, MOST_GRACES)


def _rest_of(grace_s: float, at: float) -> float:
    """What is left of the time after *at*; by a clock that may have been turned, so never more than the whole."""
    return min(grace_s, max(0.0, at + grace_s - time.time()))
