"""What may be in a chat and may not: whoever sends there next finds out first.

Telegram tells that a message is ours, never which one it is. What was lost on its way can be told from what was sent
later only as long as nothing was: so it is written down for the chat, before each call, that one is under way, and what
others found out about it is kept until it is tried again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from surfacehost import Memory

DOUBT, FOUND = "doubt:", "found:"
MOST_FOUND = 20
"""How many findings are kept for a chat: they are of replies that are tried again within minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A call whose end is not known."""

    key: str
    """Which letter it was to bring."""
    reply: str
    """The reply that this is of."""
    after: int
    """An id that is surely older than what it made."""
    at: float
    """When it was made, in seconds since the epoch."""
    count: int = 1
    """How many messages it was to make."""
    has_buttons: bool = False
    grace_s: float = 0.0
    """How long after it looking says nothing."""


class Doubts:
    """Those of all chats: ``doubt:<chat>`` the call that is under way, ``found:<chat>`` what became of earlier ones."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def of_another(self, chat: str, key: str) -> Doubt | None:
        """The call in *chat* whose end is not known, unless it was for the letter *key* itself."""
        noted = await self._memory.get(DOUBT + chat)
        return Doubt(**noted) if noted and noted["key"] != key else None

    async def begin(self, chat: str, doubt: Doubt, more: Mapping[str, Any]) -> None:
        """A call is about to be made; *more* is noted with it."""
        found = await self._memory.get(FOUND + chat) or {}
        found.pop(doubt.key, None)
        await self._memory.set({DOUBT + chat: asdict(doubt), FOUND + chat: found or None, **more})

    async def settle(self, chat: str, doubt: Doubt, ids: Sequence[int]) -> None:
        """It has been found out that *doubt* made the messages *ids*, none: nothing."""
        found = (await self._memory.get(FOUND + chat) or {}) | {doubt.key: list(ids)}
        kept = dict(list(found.items())[-MOST_FOUND:])
        await self._memory.set({**over(chat), FOUND + chat: kept})

    async def found(self, chat: str, key: str) -> Sequence[int] | None:
        """What others found out about the letter *key*; None: nobody has looked."""
        found: Mapping[str, Sequence[int]] = await self._memory.get(FOUND + chat) or {}
        return found.get(key)


def over(chat: str) -> Mapping[str, None]:
    """To be noted once it is known how the call in *chat* ended."""
    return {DOUBT + chat: None}
