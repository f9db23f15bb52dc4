"""Bring one reply into its chat, once: every way a send can end, and what is done about it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from weakref import WeakValueDictionary

from telegram.error import BadRequest, Forbidden

from surfacehost import Event, Home, NotReady, PlatformClient, Reply, Uncertain
from surfacehost_telegram.bot import Bot
from surfacehost_telegram.calls import Ids, OnlyAFile, deliver, edit, post
from surfacehost_telegram.elsewhere import explained
from surfacehost_telegram.errand import Errand, Note
from surfacehost_telegram.letter import Letter, letters_of
from surfacehost_telegram.limiter import Dropped
from surfacehost_telegram.outcome import Outcome, outcome, what_next
from surfacehost_telegram.readback import MessageIds
from surfacehost_telegram.remaining import remaining
from surfacehost_telegram.search import Search
from surfacehost_telegram.settings import Delivery
from surfacehost_telegram.upload import CLOUD_BYTES

AHEAD_S = 60.0
"""By how much Telegram's clock may be ahead of ours."""

PLACEHOLDER = "…"
"""What stands where an answer is about to be, with ``delivery = "edit"``."""

log = logging.getLogger(__name__)

_REFUSED = frozenset({Outcome.REFUSED, Outcome.FORMATTING, Outcome.FILE})
"""What Telegram says of an album, and perhaps not of its files."""


class _NoAlbum(Exception):
    """Telegram took no album, so nothing was sent; *known* is what is known of the first of its files."""

    def __init__(self, known: Note | None) -> None:
        super().__init__("no album")
        self.known = known


class Sender:
    """Sends replies, those of one chat one after another.

    Its notes: ``last:<chat>`` the last message known to have arrived, and ``arrived:<chat>`` which reply that was;
    where the account's own count of messages stands, or may stand. With each reply, right before the call: see
    ``errand``. It reads ``moved:<chat>``, where a group went, which comes with what moved.
    """

    def __init__(
        self,
        bot: Bot,
        home: Home,
        ids: MessageIds,
        delivery: Delivery,
        moved: Callable[[str, str], Awaitable[None]],
        *,
        most_bytes: int = CLOUD_BYTES,
    ) -> None:
        """*moved* is told, before anything else, of a group that has become another chat: old id, new id."""
        self._bot = bot
        self._moved = moved
        self._memory = home.memory
        self._restored_until = home.restored_at + AHEAD_S if home.restored_at else 0.0
        self._ids = ids
        self._search = Search(bot, home.memory, ids, self._restored_until, is_on=delivery == "probe")
        self._delivery = delivery
        self._most_bytes = most_bytes
        self._gone: set[tuple[str, int | None]] = set()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # lives while somebody holds it

    async def chat_of(self, event: Event) -> str:
        """Where what is said to *event* goes: its chat, or what that has become."""
        return str(await self._memory.get(f"moved:{event.chat}") or event.chat)

    async def send(self, reply: Reply, client: PlatformClient, *, answers: int | None = None) -> None:
        """Send *reply*, as a reply to the message *answers* if given.

        Raises NotReady when it may be tried again, Uncertain when nobody knows whether it arrived, and Undeliverable
        when it never will.
        """
        chat = await self.chat_of(reply.event)
        letters = letters_of(reply, chat, answers=answers, most_bytes=self._most_bytes)
        is_apart, has_begun = (reply.note or {}).get("apart", False), False
        rest = remaining(letters, reply.note)
        async with self._line(chat):
            while rest.letters:
                letter = rest.next(self._most_bytes, is_apart=is_apart)
                try:
                    await self._bring(rest.errand(reply, client, letter, is_apart=is_apart), letter)
                except _NoAlbum as refused:
                    is_apart, rest = True, replace(rest, known=refused.known)
                except NotReady as error:
                    if has_begun:  # of the reply as a whole it is not sure that nothing of it arrived
                        raise Uncertain(str(error), retry_after=error.retry_after) from error
                    raise
                else:
                    rest, has_begun = rest.behind(letter), True

    async def place(self, preview: Reply, letter: Letter, client: PlatformClient) -> int:
        """Send *letter*, which is *preview*, as the message that the answer will be; its id, which is noted.

        Raises Dropped and whatever became of the call.
        """
        errand = Errand(reply=preview, client=client)
        async with self._line(letter.chat):
            await self._search.know_ids()
            if await self._search.is_another_under_way(letter.chat, errand.key):
                raise Dropped("another message may be on its way")
            try:
                [message_id] = await post(self._bot, letter, partial(self._note_call, errand, letter), is_frame=True)
            except Exception as error:
                if outcome(error) is not Outcome.UNKNOWN:  # so the answer need not look for it
                    await errand.note_nothing()
                    await self._search.end(letter.chat)
                raise
            self._ids.see(letter.chat, message_id, reply=preview.id)
            await errand.note_placed(letter.chat, message_id)
            await self._search.end(letter.chat)
        return message_id

    async def revise(self, message_id: int, letter: Letter) -> None:
        """Let the preview *message_id* say what *letter* says. Raises Dropped and whatever became of the call."""
        await edit(self._bot, message_id, letter, is_frame=True)

    async def remove(self, chat: str, message_id: int) -> None:
        """Delete a message of ours that nothing will replace; where that fails it stays."""
        try:
            await self._bot.delete_message(chat, message_id)
        except Exception as error:  # noqa: BLE001 - what was to be said has been said
            log.info("message %s in chat %s stays: %s", message_id, chat, error)

    def _line(self, chat: str) -> asyncio.Lock:
        return self._locks.setdefault(chat, asyncio.Lock())

    async def _bring(self, errand: Errand, letter: Letter) -> None:
        """Bring one letter into its chat: as the message that it is already, by an edit, or as a new one."""
        reply, placed = errand.reply, errand.placed(letter.chat)
        if reply.repeated and await self._has_arrived(errand, letter):
            return  # we knew, and only the host was not told
        if placed is None and errand.is_in_doubt(self._restored_until):
            if self._delivery == "once" and not errand.is_preview:
                log.warning("reply %s in chat %s may be lost: nobody knows whether it arrived", reply.id, letter.chat)
                return
            found = await self._search.find(errand, letter)
            if found and not (errand.is_preview or letter.choices):
                await self._arrived(errand, letter, found)
                return
            placed = found[0] if found else None
        await self._search.know_ids()
        try:
            chat, ids, stale = await self._make(errand, letter, placed)
        except _NoAlbum:
            raise
        except Exception as error:
            instruction = what_next(error)
            if not isinstance(instruction, Uncertain):
                await self._search.end(letter.chat)
            elif self._delivery == "once" and placed is None:
                log.warning("reply %s in chat %s may be lost: %s", reply.id, letter.chat, error)
                return
            raise instruction from error
        await self._arrived(errand, replace(letter, chat=chat), ids)
        if stale is not None:
            await self.remove(letter.chat, stale)

    async def _make(self, errand: Errand, letter: Letter, placed: int | None) -> tuple[str, Ids, int | None]:
        """Where the letter is now, under which ids, and which message it leaves behind that is to go."""
        stale, is_direct = errand.stale(letter.chat), self._delivery != "edit"
        while True:
            if placed is not None:
                if not letter.files and (refusal := await self._edit_into(placed, letter)) is None:
                    return letter.chat, [placed], stale
                is_there = letter.files or refusal == "can't be edited"
                stale, placed = placed if is_there else stale, None
            if is_direct or letter.files:
                return *await self._post(errand, letter, stale), stale
            # A placeholder is sent, its id noted, and made the message.
            chat, [placed] = await self._post(errand, _placeholder(letter), stale)
            letter = replace(letter, chat=chat)
            await errand.note_placed(chat, placed)
            is_direct = True  # should it not take the letter: another one would not either

    async def _edit_into(self, placed: int, letter: Letter) -> str | None:
        """Make the message *placed* the letter; none: it is, else why it can't be."""
        try:
            await deliver(letter, partial(edit, self._bot, placed))
        except OnlyAFile:
            return "can't be edited"
        except BadRequest as error:
            reason = error.message.casefold()
            if "message to edit not found" in reason:
                log.info("message %s in chat %s is gone; another one is sent", placed, letter.chat)
                return "gone"
            if "can't be edited" in reason or "no text in the message" in reason:
                return "can't be edited"
            raise
        return None

    async def _post(self, errand: Errand, letter: Letter, stale: int | None) -> tuple[str, Ids]:
        await self._search.settle_another(letter.chat, errand.key)
        try:
            return await deliver(letter, partial(self._call, errand, letter, stale))
        except Exception as error:
            if letter.is_album and outcome(error) in _REFUSED and not isinstance(error, Forbidden):
                log.info("chat %s gets %d files one by one: %s", letter.chat, letter.messages, error)
                raise _NoAlbum({"chat": letter.chat, "placed": stale} if stale else None) from error
            raise

    async def _call(self, errand: Errand, letter: Letter, stale: int | None, corrected: Letter) -> Ids:
        """Send *letter* as it is *corrected* by what Telegram said of it before."""
        if corrected.chat != letter.chat:
            await self._moved(letter.chat, corrected.chat)
        topic, is_elsewhere = (letter.chat, letter.topic), corrected.topic != letter.topic
        # The first answer that can't go to its topic says why it is not there.
        shown = explained(corrected) if is_elsewhere and topic not in self._gone else corrected
        ids = await post(self._bot, shown, partial(self._note_call, errand, corrected, stale))
        if is_elsewhere:
            self._gone.add(topic)
        return ids

    async def _note_call(self, errand: Errand, letter: Letter, stale: int | None = None) -> None:
        """Write down that *letter* is about to be sent: what is not noted was never handed to Telegram."""
        reply, chat = errand.reply, letter.chat
        asked = reply.event.native.get("message_id", 0) if chat == reply.event.chat else 0
        # An id that is surely older; the newer the better.
        after = max(self._ids.newest(chat), await self._memory.get(f"last:{chat}") or 0, asked)
        await self._search.begin(errand, letter, after=after, stale=stale)

    async def _has_arrived(self, errand: Errand, letter: Letter) -> bool:
        """Whether it is known to be the last that arrived, perhaps before its group moved."""
        chats = {letter.chat, errand.reply.event.chat}
        return errand.key in [await self._memory.get(f"arrived:{chat}") for chat in chats]

    async def _arrived(self, errand: Errand, letter: Letter, ids: Ids) -> None:
        if letter.choices:
            await errand.note_placed(letter.chat, ids[0])  # what the prompt comes to is to be shown there
        for message_id in ids:
            self._ids.see(letter.chat, message_id, reply=errand.reply.id)
        known = {f"last:{letter.chat}": max(ids), f"arrived:{letter.chat}": errand.key}
        await self._search.end(letter.chat, {**known, **self._ids.to_note()})


def _placeholder(letter: Letter) -> Letter:
    return replace(letter, text=PLACEHOLDER, entities=(), choices=())


async def leave(bot: Bot, event: Event) -> None:
    """Leave the chat of *event*; not being there any more is as good. Raises NotReady: leaving twice does no harm."""
    try:
        await bot.leave_chat(event.chat)
    except Exception as error:
        if outcome(error) is not Outcome.REFUSED:
            raise what_next(error) from error
        log.info("chat %s could not be left: %s", event.chat, error)
