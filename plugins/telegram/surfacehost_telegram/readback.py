"""Find out whether a message of ours is in a chat, although the answer to sending it was lost.

Telegram has no idempotency keys, and a bot can't read a chat's history. But asking to remove the buttons of a message
that has none changes nothing, and tells whose it is: "message to edit not found" and "message can't be edited" (it is
somebody else's) are the Bot API server's own findings; only a message of ours gets as far as "message is not modified"
(https://github.com/tdlib/telegram-bot-api, ``Client::check_message``; https://github.com/tdlib/td,
``MessagesManager::can_edit_message``).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum

from telegram.error import BadRequest

from surfacehost import Memory
from surfacehost_telegram.bot import MAX_CALLS, MAX_UPLOADS, Bot

SLACK = MAX_CALLS
"""How many ids beyond the newest that we know of are looked at: so many calls may have been under way."""
MOST = 40
"""How many ids are looked at in all; each is a call that counts against the chat's budget."""
NEWS_S = 10.0
"""How long the first send waits for the first polls, which tell what people wrote while nobody listened."""
MOST_LONG_AGO = 60
"""The same for what an older copy of the host's data does not know: where to look is less certain."""
REMEMBERED = 1000
"""How many of the latest ids are remembered where they are counted."""
COUNTS = 300
"""Of how many counts: a busy one takes 90 KB. Of the one that was quiet for the longest more ids are looked at."""

NEWEST = "newest"
"""The note that holds the newest id of the account's own count."""
EXPECTED = "expected"
"""The note of how far beyond that it may be, by albums that were under way."""
PRIVATE = "1"
"""Stands for all chats that are counted there."""

_FIRST_SUPERGROUP = -1_000_000_000_000
"""Supergroups have this id and those below it, basic groups those above (https://core.telegram.org/api/bots/ids)."""


log = logging.getLogger(__name__)


class MessageIds:
    """The latest message ids that this process has seen, in and out.

    A supergroup counts its own messages; private chats and basic groups share one count for the whole account.
    """

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[int, str]]] = {}
        self._newest: dict[str, int] = {}
        self._albums: dict[str, int] = {}
        """By chat, of how many messages an album is that is under way there or may have arrived unseen."""
        self._expected = 0
        self._caught_up = asyncio.Event()
        self._has_recalled = False

    def see(self, chat: str, message_id: int, *, reply: str = "") -> None:
        """Note a message that exists, and which *reply* it is when it is one of ours."""
        seen = self._seen.pop(_count_of(chat), None) or deque(maxlen=REMEMBERED)
        seen.append((message_id, reply))
        self._seen[_count_of(chat)] = seen
        if len(self._seen) > COUNTS:
            del self._seen[next(iter(self._seen))]
        self._raise(chat, message_id)
        if reply:
            self._albums.pop(chat, None)

    def newest(self, chat: str) -> int:
        """The highest id where *chat* is counted; 0: none is known."""
        return self._newest.get(_count_of(chat), 0)

    def _raise(self, chat: str, message_id: int) -> None:
        self._newest[_count_of(chat)] = max(self.newest(chat), message_id)

    def to_note(self) -> dict[str, int]:
        """What is worth a note in the surface's memory: where the account's own count stands."""
        return {NEWEST: newest} if (newest := self.newest(PRIVATE)) else {}

    def expect(self, chat: str, count: int) -> dict[str, int]:
        """*count* messages are about to be sent in one call: a note of how far the account's own count may be then.

        What is lost of another chat may have an id behind theirs. A call that is tried again is the same messages.
        """
        if count == 1 or _count_of(chat):
            return {}
        self._albums[chat] = max(count, self._albums.pop(chat, 0))
        if len(self._albums) > MAX_UPLOADS:  # so many can be under way: one of them no longer is
            del self._albums[next(iter(self._albums))]
        self._expected = max(self._expected, self.newest(PRIVATE) + sum(self._albums.values()))
        return {EXPECTED: self._expected}

    async def recall(self, memory: Memory) -> None:
        """Go on from what an earlier process had noted; once is enough."""
        if not self._has_recalled:
            self._raise(PRIVATE, await memory.get(NEWEST) or 0)  # which message that is nobody knows any more
            self._expected = max(self._expected, await memory.get(EXPECTED) or 0)
            self._has_recalled = True

    def caught_up(self) -> None:
        """The polls have told all there was: what people had written until then has been seen."""
        self._caught_up.set()

    async def be_current(self) -> None:
        """Wait until they have, but only once for so long: to know less is better than not to send."""
        try:
            async with asyncio.timeout(NEWS_S):
                await self._caught_up.wait()
        except TimeoutError:
            log.info("no poll is answered; messages are sent without knowing what people wrote meanwhile")
            self._caught_up.set()

    def unknown(self, chat: str, *, after: int, reply: str = "", long_ago: bool = False) -> list[int]:
        """The ids above *after* that may be that of *reply*, which nobody told us about, lowest first.

        The lowest, because a message gets its id within seconds of the call; higher ones came later. More of them where
        *after* is *long_ago*.
        """
        seen = {number for number, whose in self._seen.get(_count_of(chat), ()) if not (reply and whose == reply)}
        most = MOST_LONG_AGO if long_ago else MOST
        newest = max(after, self.newest(chat), 0 if _count_of(chat) else self._expected)
        end = min(newest + SLACK, after + REMEMBERED)
        return [number for number in range(after + 1, end + 1) if number not in seen][:most]


def is_supergroup(chat: str) -> bool:
    """Whether that is the id of one; basic groups and people have others."""
    return int(chat) <= _FIRST_SUPERGROUP


def _count_of(chat: str) -> str:
    return chat if is_supergroup(chat) else ""


async def find_own(
    bot: Bot,
    chat: str,
    ids: Sequence[int],
    passed: Callable[[int, int], Awaitable[None]] | None = None,
    *,
    count: int = 1,
    has_buttons: bool = False,
) -> list[int]:
    """The first *count* of *ids* that are messages of ours in *chat*, none if none is. One with buttons loses them.

    What we send in a chat goes out one after another, so the first are those whose answer was lost. Where the last
    of them turn out to be messages of others, those behind are looked at as well: what came before a restart is told
    to nobody again. *passed* hears of each that is not the one, and how far the look will go. A message that had
    buttons is a prompt, and the one only if what was lost *has_buttons*; a look broken off may have taken them.
    """
    ahead, end, found = deque(ids), max(ids, default=0), list[int]()
    for _ in range(len(ids) + MOST):
        if not ahead or len(found) == count:
            break
        message_id = ahead.popleft()
        whose = await _whose(bot, chat, message_id)
        if whose is not Whose.NOBODYS:
            ahead.extend(range(end + 1, message_id + SLACK + 1))
            end = max(end, message_id + SLACK)
        if whose is Whose.OURS or (whose is Whose.PROMPT and has_buttons):
            found.append(message_id)
        elif not found and passed is not None:
            await passed(message_id, end)
    return found


class Whose(Enum):
    """Whose a message is."""

    OURS = "of the bot"
    PROMPT = "of the bot, with buttons until now"
    THEIRS = "of somebody else"
    NOBODYS = "there is none"


async def _whose(bot: Bot, chat: str, message_id: int) -> Whose:
    try:
        await bot.edit_message_reply_markup(chat_id=chat, message_id=message_id)
    except BadRequest as error:
        reason = error.message.casefold()
        if "not modified" in reason:
            return Whose.OURS
        if "can't be edited" in reason:
            return Whose.THEIRS
        if "chat not found" in reason:  # of the chat, the only such 400 (``Client::check_chat_access``)
            raise
        if "message to edit not found" not in reason:
            # Not given up: what is sent twice is better than what is never read.
            log.warning("whose message %s in chat %s is can't be told: %s", message_id, chat, error)
        return Whose.NOBODYS
    return Whose.PROMPT
