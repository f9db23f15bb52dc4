"""What Telegram tells, whichever way it came, into the host's inbox: only then may Telegram forget it."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from telegram import Update, User
from telegram.constants import ChatType

from surfacehost import Event, Message, Put
from surfacehost_telegram.bot import Bot, Json
from surfacehost_telegram.courtesy import acknowledge
from surfacehost_telegram.membership import is_in
from surfacehost_telegram.moves import Moves
from surfacehost_telegram.parse import Moved, parse
from surfacehost_telegram.readback import MessageIds

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Read:
    """What some updates came to."""

    events: list[Event] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    groups: dict[str, str | None] = field(default_factory=dict)
    """Basic groups by their ids, and how they are called; none: the bot is there no more."""
    unread: dict[str, str] = field(default_factory=dict)
    """Updates that nobody can make sense of, as they came."""
    made: dict[str, str] = field(default_factory=dict)
    """Topics that we have made ourselves, as notes for ``topics``."""


class Intake:
    """Reads the updates of one bot."""

    def __init__(self, bot: Bot, surface: str, ids: MessageIds, moves: Moves, see: Callable[[Update], None]) -> None:
        """*see* is told each update as well, for what it means beside events."""
        self._bot = bot
        self._surface = surface
        self._ids = ids
        self._see = see
        self._moves = moves
        self._taps: set[asyncio.Task[None]] = set()

    async def take(self, updates: Sequence[object], me: User, put: Put, *, cursor: str | None = None) -> None:
        """Store what *updates* mean, in their order, and *cursor* with them. Raises what *put* raises."""
        read = Read()
        for raw in updates:
            self._read(raw, me, read)
        notes: Json = self._ids.to_note() | read.made | await self._moves.notes_of_groups(read.groups)
        for one in read.moved:
            notes |= await self._moves.notes_of(one.old, one.new, one.at)
        moved = {one.old: one.new for one in read.moved}
        await put(*read.events, cursor=cursor, notes=notes, moved=moved, unread=read.unread)
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
        if (chat := update.effective_chat) is not None and chat.type == ChatType.GROUP:
            is_gone = update.my_chat_member is not None and not is_in(update.my_chat_member.new_chat_member)
            read.groups[str(chat.id)] = None if is_gone else chat.title
        if (message := update.message) is not None:
            self._ids.see(str(message.chat.id), message.message_id)
            if message.forum_topic_created is not None and message.from_user == me:
                read.made[f"made:{message.chat.id}:{message.message_thread_id}"] = message.forum_topic_created.name
        if isinstance(found, Moved):
            read.moved.append(found)
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
