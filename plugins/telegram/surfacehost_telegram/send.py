"""Bring one reply into its chat, once: every way a send can end, and what is done about it."""

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakValueDictionary

from telegram import LinkPreviewOptions, MessageEntity, ReplyParameters
from telegram.error import ChatMigrated

from surfacehost import Event, Home, NotReady, Reply, Uncertain, Undeliverable
from surfacehost_telegram.bot import Bot, Flooded
from surfacehost_telegram.limiter import PATIENCE_S
from surfacehost_telegram.outcome import Outcome, outcome
from surfacehost_telegram.readback import MessageIds, find_own
from surfacehost_telegram.settings import Delivery

_TRIES = 5
"""Calls for one reply at the most; each after the first corrects something or follows a penalty."""

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

    Its notes: ``moved:<chat>`` where a group went, ``last:<chat>`` the last message known to have arrived.
    """

    def __init__(self, bot: Bot, home: Home, ids: MessageIds, delivery: Delivery) -> None:
        self._bot = bot
        self._memory = home.memory
        self._restored_at = home.restored_at
        self._ids = ids
        self._delivery = delivery
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # lives while somebody holds it

    async def send(self, reply: Reply, *, answers: int | None = None) -> None:
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
            if not (reply.repeated and await self._is_settled(reply, letter)):
                await self._send(reply, letter)

    async def _is_settled(self, reply: Reply, letter: Letter) -> bool:
        """Whether nothing is left to do for a reply whose earlier attempt ended without an answer."""
        if self._delivery == "again":
            return False
        if self._delivery == "once":
            log.warning("reply %s in chat %s may be lost: nobody knows whether it arrived", reply.id, letter.chat)
            return True
        found = await self._find(reply, letter.chat)
        if found is None:
            log.info("reply %s has not arrived in chat %s; it is sent again", reply.id, letter.chat)
            return False
        log.info("reply %s is in chat %s already, as message %s", reply.id, letter.chat, found)
        await self._arrived(letter.chat, found)
        return True

    async def _find(self, reply: Reply, chat: str) -> int | None:
        """The id under which *reply* is in *chat*, none if it is not. While that can't be told it stays uncertain."""
        asked = reply.event.native.get("message_id", 0) if chat == reply.event.chat else 0
        last = await self._memory.get(f"last:{chat}") or 0
        ids = self._ids.unknown(chat, after=max(last, asked), long_ago=reply.event.at < self._restored_at)
        try:
            return await find_own(self._bot, chat, ids)
        except ChatMigrated:
            return None  # what was written in the old group has no id in the new one
        except Exception as error:
            instruction = _what_next(error)
            if isinstance(instruction, NotReady):
                instruction = Uncertain(str(instruction), retry_after=instruction.retry_after)
            raise instruction from error

    async def _send(self, reply: Reply, letter: Letter) -> None:
        try:
            chat, message_id = await self._deliver(letter)
        except Exception as error:
            instruction = _what_next(error)
            if isinstance(instruction, Uncertain) and self._delivery == "once":
                log.warning("reply %s in chat %s may be lost: %s", reply.id, letter.chat, error)
                return
            raise instruction from error
        await self._arrived(chat, message_id)

    async def _deliver(self, letter: Letter) -> tuple[str, int]:
        """Where it arrived, and its id there. What can be put right is put right; the rest is raised as it came."""
        patience, tries = PATIENCE_S, 0
        while True:
            try:
                return letter.chat, await self._call(letter)
            except Exception as error:
                tries += 1
                patience -= error.seconds if isinstance(error, Flooded) else 0
                corrected = await self._correct(letter, error, patience)
                if corrected is None or tries == _TRIES:
                    raise
                letter = corrected

    async def _call(self, letter: Letter) -> int:
        quote = ReplyParameters(letter.answers, allow_sending_without_reply=True) if letter.answers else None
        message = await self._bot.send_message(
            letter.chat,
            letter.text,
            entities=[MessageEntity.de_json(entity) for entity in letter.entities] or None,
            message_thread_id=letter.topic,
            reply_parameters=quote,
            link_preview_options=LinkPreviewOptions(is_disabled=True),
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

    async def _arrived(self, chat: str, message_id: int) -> None:
        self._ids.see(chat, message_id)
        await self._memory.set({f"last:{chat}": message_id})


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
