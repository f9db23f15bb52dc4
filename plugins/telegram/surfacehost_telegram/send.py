"""Bring one reply into its chat, once: every way a send can end, and what is done about it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

from telegram import LinkPreviewOptions, MessageEntity, ReplyParameters
from telegram.error import BadRequest, ChatMigrated

from surfacehost import Event, Home, NotReady, PlatformClient, Reply, Uncertain, Undeliverable
from surfacehost_telegram.bot import Bot, Flooded
from surfacehost_telegram.limiter import PATIENCE_S
from surfacehost_telegram.outcome import Outcome, outcome
from surfacehost_telegram.readback import MessageIds, find_own
from surfacehost_telegram.settings import Delivery

_TRIES = 5
"""Calls for one reply at the most; each after the first corrects something or follows a penalty."""

AHEAD_S = 60.0
"""By how much Telegram's clock may be ahead of ours."""

PLACEHOLDER = "…"
"""What stands where an answer is about to be, with ``delivery = "edit"``."""

GRACE_S = 5.0
"""How long after a call whose answer was lost it may still be carried out; before that, looking says nothing."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What sendMessage is told."""

    chat: str
    text: str
    entities: tuple[dict[str, Any], ...]
    topic: int | None = None
    answers: int | None = None
    """The message it is shown as a reply to."""


class Sender:
    """Sends replies, those of one chat one after another.

    Its notes: ``moved:<chat>`` where a group went; ``last:<chat>`` the last message known to have arrived, and
    ``arrived:<chat>`` which reply that was; where the account's own count of messages stands. With each reply, right
    before the call: see ``_call``.
    """

    def __init__(self, bot: Bot, home: Home, ids: MessageIds, delivery: Delivery) -> None:
        self._bot = bot
        self._memory = home.memory
        self._restored_until = home.restored_at + AHEAD_S if home.restored_at else 0.0
        self._ids = ids
        self._delivery = delivery
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # lives while somebody holds it

    async def send(self, reply: Reply, client: PlatformClient, *, answers: int | None = None) -> None:
        """Send *reply*, as a reply to the message *answers* if given.

        Raises NotReady when it may be tried again, Uncertain when nobody knows whether it arrived, and Undeliverable
        when it never will.
        """
        chat = await self._memory.get(f"moved:{reply.event.chat}") or reply.event.chat
        letter = Letter(
            chat=chat,
            text=reply.body["text"],
            entities=tuple(reply.body["entities"]),
            topic=reply.event.native.get("thread"),
            answers=answers if chat == reply.event.chat else None,
        )
        async with self._locks.setdefault(chat, asyncio.Lock()):
            if not (reply.repeated and await self._is_settled(reply, letter, client)):
                await self._send(reply, letter, client)

    async def _is_settled(self, reply: Reply, letter: Letter, client: PlatformClient) -> bool:
        """Whether nothing is left to do for a reply whose earlier attempt ended without an answer."""
        if reply.note is None and not self._is_from_a_copy(reply):
            return False  # it had not got as far as a call
        if await self._memory.get(f"arrived:{letter.chat}") == reply.id:
            return True  # we knew, and only the host was not told
        if self._delivery in ("again", "edit"):
            return False
        if self._delivery == "once":
            log.warning("reply %s in chat %s may be lost: nobody knows whether it arrived", reply.id, letter.chat)
            return True
        found = await self._find(reply, letter.chat, client)
        if found is None:
            log.info("reply %s has not arrived in chat %s; it is sent again", reply.id, letter.chat)
            return False
        log.info("reply %s is in chat %s already, as message %s", reply.id, letter.chat, found)
        await self._arrived(reply, letter.chat, found)
        return True

    def _is_from_a_copy(self, reply: Reply) -> bool:
        """Whether what we have noted of *reply* may be older than what became of it."""
        return reply.event.at < self._restored_until

    async def _find(self, reply: Reply, chat: str, client: PlatformClient) -> int | None:
        """The id under which *reply* is in *chat*, none if it is not. While that can't be told it stays uncertain."""
        asked = reply.event.native.get("message_id", 0)
        tried = {"chat": chat, "after": asked, "at": 0.0} | (reply.note or {})
        if tried["chat"] != chat:
            return None  # what was written in the group that moved here has no id here
        # By a clock that may have been turned: never more than the whole, never less than nothing.
        await asyncio.sleep(min(GRACE_S, max(0.0, tried["at"] + GRACE_S - time.time())))
        await self._ids.be_current()

        async def passed(message_id: int, end: int) -> None:
            # So that looking goes on there, whatever ends it, and no further: newer ids keep coming.
            await client.note(reply, tried | {"after": message_id, "until": end})

        try:
            ids = self._ids.unknown(chat, after=tried["after"], reply=reply.id, long_ago=self._is_from_a_copy(reply))
            return await find_own(self._bot, chat, [one for one in ids if one <= tried.get("until", one)], passed)
        except ChatMigrated:
            return None
        except Exception as error:
            instruction = _what_next(error)
            if isinstance(instruction, NotReady):
                instruction = Uncertain(str(instruction), retry_after=instruction.retry_after)
            raise instruction from error

    async def _send(self, reply: Reply, letter: Letter, client: PlatformClient) -> None:
        async def note(chat: str) -> None:
            await client.note(reply, {"chat": chat, "after": await self._newest(reply, chat), "at": time.time()})

        await self._ids.recall(self._memory)
        await self._ids.be_current()
        try:
            if self._delivery == "edit":
                chat, message_id = await self._place_and_edit(reply, letter, client, partial(self._call, note))
            else:
                chat, message_id = await self._deliver(letter, partial(self._call, note))
        except Exception as error:
            instruction = _what_next(error)
            if isinstance(instruction, Uncertain) and self._delivery == "once":
                log.warning("reply %s in chat %s may be lost: %s", reply.id, letter.chat, error)
                return
            raise instruction from error
        await self._arrived(reply, chat, message_id)

    async def _newest(self, reply: Reply, chat: str) -> int:
        """An id in *chat* that is surely older than what is sent now; the newer the better."""
        asked = reply.event.native.get("message_id", 0) if chat == reply.event.chat else 0
        return max(self._ids.newest(chat), await self._memory.get(f"last:{chat}") or 0, asked)

    async def _place_and_edit(
        self, reply: Reply, letter: Letter, client: PlatformClient, call: Callable[[Letter], Awaitable[int]]
    ) -> tuple[str, int]:
        """Send a placeholder, note its id, and make it the message: an edit can be repeated without harm."""
        known = reply.note or {}
        placed = known.get("placed") if known.get("chat") == letter.chat else None
        while True:
            if placed is None:
                chat, placed = await self._deliver(replace(letter, text=PLACEHOLDER, entities=()), call)
                letter = replace(letter, chat=chat)
                await client.note(reply, {"chat": chat, "placed": placed})
            try:
                return await self._deliver(letter, partial(self._edit, placed))
            except BadRequest as error:
                if "message to edit not found" not in error.message.casefold():
                    raise
                log.info("the placeholder %s in chat %s is gone; another one is sent", placed, letter.chat)
                placed = None

    async def _edit(self, message_id: int, letter: Letter) -> int:
        try:
            await self._bot.edit_message_text(
                letter.text,
                letter.chat,
                message_id,
                entities=[MessageEntity.de_json(entity) for entity in letter.entities] or None,
                link_preview_options=LinkPreviewOptions(is_disabled=True),
            )
        except BadRequest as error:
            if "not modified" not in error.message.casefold():  # else an earlier edit did arrive
                raise
        return message_id

    async def _deliver(self, letter: Letter, call: Callable[[Letter], Awaitable[int]]) -> tuple[str, int]:
        """Where it arrived, and its id there. What can be put right is put right; the rest is raised as it came."""
        patience, tries = PATIENCE_S, 0
        while True:
            try:
                return letter.chat, await call(letter)
            except Exception as error:
                tries += 1
                patience -= error.seconds if isinstance(error, Flooded) else 0
                corrected = await self._correct(letter, error, patience)
                if corrected is None or tries == _TRIES:
                    raise
                letter = corrected

    async def _call(self, note: Callable[[str], Awaitable[None]], letter: Letter) -> int:
        """Send *letter*; its id. *note* is called right before: what is not noted was never handed to Telegram."""
        quote = ReplyParameters(letter.answers, allow_sending_without_reply=True) if letter.answers else None
        message = await self._bot.send_message(
            letter.chat,
            letter.text,
            entities=[MessageEntity.de_json(entity) for entity in letter.entities] or None,
            message_thread_id=letter.topic,
            reply_parameters=quote,
            link_preview_options=LinkPreviewOptions(is_disabled=True),
            rate_limit_args=partial(note, letter.chat),
        )
        return message.message_id

    async def _correct(self, letter: Letter, error: Exception, patience: float) -> Letter | None:
        """What to send in place of *letter*, which certainly was not sent; none where nothing can be put right."""
        match outcome(error):
            case Outcome.WAIT if patience >= 0:
                return letter  # the limiter holds the next call back until the chat is open again
            case Outcome.FORMATTING if letter.entities:
                log.warning("chat %s gets a message without formatting: %s", letter.chat, error)
                return replace(letter, entities=())
            case Outcome.TOPIC_GONE if letter.topic is not None:
                log.warning("topic %s of chat %s is gone; its answer goes to the chat", letter.topic, letter.chat)
                return replace(letter, topic=None)
            case Outcome.MOVED if isinstance(error, ChatMigrated):
                log.info("group %s is now supergroup %s", letter.chat, error.new_chat_id)
                await self._memory.set({f"moved:{letter.chat}": str(error.new_chat_id)})
                return replace(letter, chat=str(error.new_chat_id), answers=None)  # ids do not carry over
        return None

    async def _arrived(self, reply: Reply, chat: str, message_id: int) -> None:
        self._ids.see(chat, message_id, reply=reply.id)
        await self._memory.set({f"last:{chat}": message_id, f"arrived:{chat}": reply.id, **self._ids.to_note()})


async def leave(bot: Bot, event: Event) -> None:
    """Leave the chat of *event*; not being there any more is as good. Raises NotReady: leaving twice does no harm."""
    try:
        await bot.leave_chat(event.chat)
    except Exception as error:
        if outcome(error) is not Outcome.REFUSED:
            raise _what_next(error) from error
        log.info("chat %s could not be left: %s", event.chat, error)


def _what_next(error: Exception) -> NotReady | Undeliverable:
    """*error* as the instruction that it is to the host."""
    match outcome(error):
        case Outcome.WAIT if isinstance(error, Flooded):
            return NotReady(f"Telegram does not take messages for this chat now: {error}", retry_after=error.seconds)
        case Outcome.UNKNOWN:
            return Uncertain(f"nobody knows whether Telegram took a message: {type(error).__name__}: {error}")
        case Outcome.REFUSED | Outcome.FORMATTING | Outcome.TOPIC_GONE:
            return Undeliverable(f"Telegram does not take a message for this chat: {error}")
    return NotReady(f"a message could not be sent: {error}")
