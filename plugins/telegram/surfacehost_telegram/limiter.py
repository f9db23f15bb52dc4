"""How often a chat may be written to: one budget per chat for everything that is seen there.

Telegram names about one message a second in a chat, short bursts apart, and 20 a minute in a group; edits and actions
count as well (https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this). Calls made during a
penalty prolong it.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from time import monotonic
from typing import Any

from telegram.error import TelegramError
from telegram.ext import BaseRateLimiter

from surfacehost_telegram.bot import MAX_CALLS, Flooded, Json, Turn

PATIENCE_S = 60.0
"""The longest that a call is held back here; a longer penalty is raised as Flooded, without a call."""

_FREE = frozenset({"answerCallbackQuery", "getChat", "getChatAdministrators", "getChatMember", "getFile", "leaveChat"})
"""Calls with a chat that nobody sees in it."""

Result = bool | Json | list[Json]


class Dropped(TelegramError):
    """A droppable call for which there was no room."""


class ChatBudget:
    """What one chat may take: arithmetic on the clock that the caller reads."""

    RATE, BURST = 0.9, 3.0
    A_MINUTE, RESERVE = 18, 10
    """Calls a group takes in a minute, and how many of them droppable calls leave to messages."""
    MARGIN_S = 0.3
    """Added to a penalty: its end by our clock is not its end by Telegram's."""

    def __init__(self, *, group: bool, now: float) -> None:
        self.line = asyncio.Lock()
        """Held while waiting for a turn: first come, first served."""
        self._group = group
        self._tokens = self.BURST
        self._counted_at = now
        self._minute: deque[float] = deque()
        self._shut_until = now

    def wait(self, now: float, *, droppable: bool = False) -> float:
        """Seconds until a call fits in; 0: now. A droppable one must leave room for a message."""
        self._refresh(now)
        missing = (2.0 if droppable else 1.0) - self._tokens
        waits = [0.0, self._shut_until - now, missing / self.RATE]
        room = self.A_MINUTE - (self.RESERVE if droppable else 0)
        if self._group and len(self._minute) >= room:
            waits.append(self._minute[-room] + 60 - now)
        return max(waits)

    def spend(self, now: float) -> None:
        """Count a call."""
        self._tokens -= 1
        if self._group:
            self._minute.append(now)

    def shut(self, now: float, seconds: float) -> None:
        """Let nothing through for *seconds*."""
        self._shut_until = now + seconds + self.MARGIN_S

    def is_idle(self, now: float) -> bool:
        """Whether a new budget would be the same."""
        self._refresh(now)
        return self._tokens >= self.BURST and not self._minute and self._shut_until <= now and not self.line.locked()

    def _refresh(self, now: float) -> None:
        self._tokens = min(self.BURST, self._tokens + (now - self._counted_at) * self.RATE)
        self._counted_at = now
        while self._minute and self._minute[0] <= now - 60:
            self._minute.popleft()


class ChatBudgets(BaseRateLimiter[Turn]):
    """Every call of a bot goes through here, except getUpdates."""

    def __init__(self) -> None:
        self._budgets: dict[str, ChatBudget] = {}
        self._calls = asyncio.Semaphore(MAX_CALLS)

    async def initialize(self) -> None:
        """Nothing to do."""

    async def shutdown(self) -> None:
        """Nothing to do."""

    async def process_request(
        self,
        callback: Callable[..., Coroutine[Any, Any, Result]],
        args: Any,  # noqa: ANN401 - the inherited signature
        kwargs: Json,
        endpoint: str,
        data: Json,
        rate_limit_args: Turn | None,
    ) -> Result:
        """Make the call when its chat has room for it. Raises Dropped, and Flooded for a chat shut for long."""
        chat = data.get("chat_id")
        if chat is None or endpoint in _FREE:
            return await self._call(callback, args, kwargs)
        budget = self._budget(str(chat))
        await self._turn(budget, droppable=rate_limit_args == "droppable")
        try:
            before = rate_limit_args if callable(rate_limit_args) else None
            return await self._call(callback, args, kwargs, before)
        except Flooded as error:
            budget.shut(monotonic(), error.seconds)
            raise

    def _budget(self, chat: str) -> ChatBudget:
        now = monotonic()
        if chat not in self._budgets:
            self._budgets = {key: budget for key, budget in self._budgets.items() if not budget.is_idle(now)}
            self._budgets[chat] = ChatBudget(group=chat.startswith(("-", "@")), now=now)
        return self._budgets[chat]

    async def _turn(self, budget: ChatBudget, *, droppable: bool) -> None:
        if droppable and (budget.line.locked() or budget.wait(monotonic(), droppable=True) > 0):
            raise Dropped("no room")
        async with budget.line:
            while (wait := budget.wait(monotonic())) > 0:
                if wait > PATIENCE_S + ChatBudget.MARGIN_S:
                    raise Flooded(wait)
                await asyncio.sleep(wait)
            budget.spend(monotonic())

    async def _call(
        self,
        callback: Callable[..., Coroutine[Any, Any, Result]],
        args: Any,  # noqa: ANN401 - as above
        kwargs: Json,
        before: Callable[[], Awaitable[None]] | None = None,
    ) -> Result:
        async with self._calls:
            if before is not None:
                await before()
            return await callback(*args, **kwargs)
