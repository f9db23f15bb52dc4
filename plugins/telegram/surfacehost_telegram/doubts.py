"""What may be in a chat and may not: whoever sends there next finds out first.

Telegram tells that a message is ours, never which one it is. What was lost on its way can be told from what was sent
later only as long as nothing was: so it is written down for the chat, before each call, that one is under way, and what
others found out about it is kept until it is tried again.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any

from surfacehost import Memory

DOUBT, FOUND = "doubt:", "found:"
MOST_FOUND = 20
"""How many findings are kept for a chat: they are of replies that are tried again within minutes."""
MOST_KEPT = 1000
"""Of how many chats their notes are kept in mind."""

Notes = Mapping[str, Any]
NOTHING: Notes = MappingProxyType({})


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


@dataclass(frozen=True, slots=True)
class _Known:
    """The notes of a chat."""

    doubt: Doubt | None = None
    found: Mapping[str, Sequence[int]] = field(default_factory=dict)


class Doubts:
    """Those of all chats: ``doubt:<chat>`` the call that is under way, ``found:<chat>`` what became of earlier ones.

    What is noted of the chats that were written to last is kept in mind: nobody else changes it.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._known: dict[str, _Known] = {}

    async def of_another(self, chat: str, key: str) -> Doubt | None:
        """The call in *chat* whose end is not known, unless it was for the letter *key* itself."""
        doubt = (await self._of(chat)).doubt
        return doubt if doubt is not None and doubt.key != key else None

    async def begin(self, chat: str, doubt: Doubt, note: Callable[[Notes], Awaitable[None]]) -> None:
        """A call is about to be made; *note* is what keeps that, with what else there is to be noted of it."""
        found = {key: ids for key, ids in (await self._of(chat)).found.items() if key != doubt.key}
        del self._known[chat]  # whatever becomes of the note
        await note({DOUBT + chat: asdict(doubt), FOUND + chat: found or None})
        self._keep(chat, _Known(doubt, found))

    async def end(self, chat: str, more: Notes = NOTHING) -> None:
        """It is known how the call in *chat* ended; *more* is noted with that."""
        known = self._known.pop(chat, None)
        await self._memory.set({DOUBT + chat: None, **more})
        if known is not None:
            self._keep(chat, replace(known, doubt=None))

    async def settle(self, chat: str, doubt: Doubt, ids: Sequence[int]) -> None:
        """It has been found out that *doubt* made the messages *ids*, none: nothing."""
        found = {**(await self._of(chat)).found, doubt.key: list(ids)}
        kept = dict(list(found.items())[-MOST_FOUND:])
        await self.end(chat, {FOUND + chat: kept})
        self._keep(chat, _Known(found=kept))

    async def found(self, chat: str, key: str) -> Sequence[int] | None:
        """What others found out about the letter *key*; None: nobody has looked."""
        return (await self._of(chat)).found.get(key)

    async def _of(self, chat: str) -> _Known:
        if chat not in self._known:
            noted, found = await self._memory.get(DOUBT + chat), await self._memory.get(FOUND + chat)
            self._keep(chat, _Known(Doubt(**noted) if noted else None, found or {}))
        return self._known[chat]

    def _keep(self, chat: str, known: _Known) -> None:
        self._known.pop(chat, None)
        self._known[chat] = known
        if len(self._known) > MOST_KEPT:
            del self._known[next(iter(self._known))]
