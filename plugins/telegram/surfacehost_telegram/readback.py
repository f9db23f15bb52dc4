"""Find out whether a message of ours is in a chat, although the answer to sending it was lost.

Telegram has no idempotency keys, and a bot can't read a chat's history. But asking to remove the buttons of a message
that has none changes nothing, and tells whose it is: "message to edit not found" and "message can't be edited" (it is
somebody else's) are the Bot API server's own findings; only a message of ours gets as far as "message is not modified"
(https://github.com/tdlib/telegram-bot-api, ``Client::check_message``; https://github.com/tdlib/td,
``MessagesManager::can_edit_message``).
"""

from collections import deque
from collections.abc import Sequence
from enum import Enum

from telegram.error import BadRequest

from surfacehost_telegram.bot import Bot

SLACK = 5
"""How many ids beyond the newest that we know of are looked at: what came since, and what the bot does not hear."""
MOST = 20
"""How many ids are looked at in all; each is a call that counts against the chat's budget."""
MOST_LONG_AGO = 60
"""The same for what an older copy of the host's data does not know: where to look is less certain."""
REMEMBERED = 1000
"""How many of the latest ids are remembered where they are counted."""

_FIRST_SUPERGROUP = -1_000_000_000_000
"""Supergroups have this id and those below it, basic groups those above (https://core.telegram.org/api/bots/ids)."""


class MessageIds:
    """The latest message ids that this process has seen, in and out.

    A supergroup counts its own messages; private chats and basic groups share one count for the whole account.
    """

    def __init__(self) -> None:
        self._seen: dict[str, deque[int]] = {}

    def see(self, chat: str, message_id: int) -> None:
        """Note a message that exists."""
        self._seen.setdefault(_count_of(chat), deque(maxlen=REMEMBERED)).append(message_id)

    def newest(self, chat: str) -> int:
        """The highest id where *chat* is counted; 0: none is known."""
        return max(self._seen.get(_count_of(chat), ()), default=0)

    def unknown(self, chat: str, *, after: int, long_ago: bool = False) -> list[int]:
        """The ids above *after* that may be those of a message nobody told us about, lowest first.

        The latest of them; with *long_ago* those that come soon after *after*.
        """
        seen = {*self._seen.get(_count_of(chat), ())}
        end = max(after, self.newest(chat)) + SLACK
        start = after + 1 if long_ago else max(after + 1, end - REMEMBERED)
        ids = [number for number in range(start, min(end, start + REMEMBERED) + 1) if number not in seen]
        return ids[:MOST_LONG_AGO] if long_ago else ids[-MOST:]


def _count_of(chat: str) -> str:
    return chat if int(chat) <= _FIRST_SUPERGROUP else ""


async def find_own(bot: Bot, chat: str, ids: Sequence[int]) -> int | None:
    """The first of *ids* that is a message of ours in *chat*, none if none is.

    What we send in a chat goes out one after another, so the first one is the one whose answer was lost. Where the last
    of them turn out to be messages of others, those behind are looked at as well: what came before a restart is told
    to nobody again.
    """
    ahead, end = deque(ids), max(ids, default=0)
    for _ in range(len(ids) + MOST):
        if not ahead:
            break
        message_id = ahead.popleft()
        match await _whose(bot, chat, message_id):
            case Whose.OURS:
                return message_id
            case Whose.THEIRS:
                ahead.extend(range(end + 1, message_id + SLACK + 1))
                end = max(end, message_id + SLACK)
    return None


class Whose(Enum):
    """Whose a message is."""

    OURS = "of the bot"
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
        if "message to edit not found" in reason:
            return Whose.NOBODYS
        raise
    return Whose.OURS  # it had buttons, and only our own messages could have lost them
