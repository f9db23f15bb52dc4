"""What Telegram tells, whichever way it came, into the host's inbox: only then may Telegram forget it."""

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from telegram import Update, User

from surfacehost import Event, Memory, Message, Put
from surfacehost_telegram.bot import Bot, Json
from surfacehost_telegram.courtesy import acknowledge
from surfacehost_telegram.parse import Moved, parse
from surfacehost_telegram.readback import MessageIds

log = logging.getLogger(__name__)

MOVE_S = 60.0
"""Within this time after a group has become a supergroup, being in it is no invitation."""


def moving(old: str, new: str) -> dict[str, Any]:
    """The notes of a group that has become a supergroup: where it went, and when we heard of it."""
    return {f"moved:{old}": new, f"came:{new}": time.time()}


async def is_new_to(chat: str, at: float, memory: Memory) -> bool:
    """Whether somebody really brought the bot into *chat* at the time *at*: it moves to a supergroup by itself."""
    came = await memory.get(f"came:{chat}")
    return came is None or at > came + MOVE_S


@dataclass(slots=True)
class Read:
    """What some updates came to."""

    events: list[Event] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    """Updates that nobody can make sense of, as they came."""
    made: dict[str, str] = field(default_factory=dict)
    """Topics that we have made ourselves, as notes for ``topics``."""


class Intake:
    """Reads the updates of one bot."""

    def __init__(
        self,
        bot: Bot,
        surface: str,
        ids: MessageIds,
        see: Callable[[Update], None],
        rekey: Callable[[str, str], Awaitable[Json]],
    ) -> None:
        """*see* is told each update as well, for what it means beside events.

        *rekey* is told of groups that moved, old id, new id, and gives the notes that come of it.
        """
        self._bot = bot
        self._surface = surface
        self._ids = ids
        self._see = see
        self._rekey = rekey
        self._taps: set[asyncio.Task[None]] = set()

    async def take(self, updates: Sequence[object], me: User, put: Put, *, cursor: str | None = None) -> None:
        """Store what *updates* mean, in their order, and *cursor* with them. Raises what *put* raises."""
        read = Read()
        for raw in updates:
            self._read(raw, me, read)
        notes: Json = self._ids.to_note() | read.made
        for old, new in read.moved.items():
            log.info("group %s is now supergroup %s", old, new)
            notes |= moving(old, new) | await self._rekey(old, new)
        await put(*read.events, cursor=cursor, notes=notes, moved=read.moved, unread=read.unread)
        for event in read.events:
            if isinstance(event, Message) and event.choice:
                # At once, and beside everything else: what was tapped may have to wait for its turn.
                tap = asyncio.create_task(acknowledge(self._bot, event))
                self._taps.add(tap)
                tap.add_done_callback(self._taps.discard)

    def _read(self, raw: object, me: User, read: Read) -> None:
        try:
            update = Update.de_json(_sound(raw), self._bot)
            found = parse(update, me, self._surface)
            self._see(update)
        except Exception:
            # Not raised: the same batch would come again for ever, and nothing behind it.
            log.exception("update %s can't be understood and is parked", _name(raw))
            read.unread[f"update:{_name(raw)}"] = json.dumps(raw, ensure_ascii=False)
            return
        if (message := update.message) is not None:
            self._ids.see(str(message.chat.id), message.message_id)
            if message.forum_topic_created is not None and message.from_user == me:
                read.made[f"made:{message.chat.id}:{message.message_thread_id}"] = message.forum_topic_created.name
        if isinstance(found, Moved):
            read.moved[found.old] = found.new
        elif found is not None:
            read.events.append(found)


def _sound(raw: object) -> Json:
    if not isinstance(raw, dict) or not isinstance(raw.get("update_id"), int):
        raise TypeError("no update")
    return raw


def _name(raw: object) -> str:
    """The number of an update; what has none is named by what it is."""
    if isinstance(raw, dict) and isinstance(raw.get("update_id"), int):
        return str(raw["update_id"])
    return hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()[:16]
