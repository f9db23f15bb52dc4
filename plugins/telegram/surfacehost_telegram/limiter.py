"""How often a chat may be written to: one budget over all calls of a bot.

Telegram names about one message a second in a chat, short bursts apart, 20 a minute in a group, and about 30 a second
over all chats; edits and actions count as well
(https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this). Calls made during a penalty prolong
it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from time import monotonic
from typing import Any

from telegram.error import TelegramError
from telegram.ext import BaseRateLimiter

from surfacehost import Memory, NotReady
from surfacehost_telegram.bot import MAX_CALLS, MAX_UPLOADS, MESSAGE, Flooded, Json, Turn
from surfacehost_telegram.budget import BotBudget, ChatBudget

PATIENCE_S = 60.0
"""The longest that a call is held back here; a longer penalty is raised as Flooded, without a call."""

DRAFT = "sendMessageDraft"

SHUT = "shut:"
"""The note of a penalty: by chat, when it ends by the wall clock, and how long it was."""

_FREE = frozenset({"deleteMessage", "getChat", "getChatMemberCount", "leaveChat"})
"""Calls with a chat that bring nothing into it: they count against nothing, and wait for a penalty's end alone."""

Result = bool | Json | list[Json]

log = logging.getLogger(__name__)


class Dropped(TelegramError):
    """A frame for which there was no room."""


class ChatBudgets(BaseRateLimiter[Turn]):
    """Every call of a bot goes through here, except getUpdates. A penalty is kept in *memory* over a restart."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._budgets: dict[str, ChatBudget] = {}
        self._bot = BotBudget()
        self._calls = asyncio.Semaphore(MAX_CALLS)
        self._uploads = asyncio.Semaphore(MAX_UPLOADS)
        self._recalling = asyncio.Lock()
        self._has_recalled = False

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
        turn, chat = rate_limit_args or MESSAGE, data.get("chat_id")
        if endpoint == "answerCallbackQuery":  # somebody's finger is on the button: it waits for no upload
            return await callback(*args, **kwargs)
        if chat is None:
            async with self._calls:
                return await callback(*args, **kwargs)
        await self._recall()
        return await self._call(partial(callback, *args, **kwargs), str(chat), turn, endpoint)

    async def _call(self, call: Callable[[], Awaitable[Result]], chat: str, turn: Turn, endpoint: str) -> Result:
        """Make *call* about *chat* in its turn, and not in a penalty."""
        budget = self._budget(chat)
        while True:
            await self._wait_for_turn(budget, turn, endpoint)
            # Not sooner: a file whose chat has no room yet keeps none of another chat waiting.
            async with self._uploads if turn.is_upload else nullcontext(), self._calls:
                if endpoint not in _FREE:
                    await _wait_until_free(lambda: self._bot.wait(monotonic(), messages=turn.messages))
                if budget.penalty(monotonic()):
                    continue  # it came while this call waited for one of the few that may be under way
                # Not sooner: what queues up while Telegram is slow would come all at once when it no longer is.
                with nullcontext() if endpoint in _FREE else self._counted(turn, budget, endpoint):
                    try:
                        if turn.before is not None:
                            await turn.before()
                        return await call()
                    except Flooded as error:
                        # A call may outlive what is known of its chat, which is then counted anew.
                        for one in (budget, self._budgets.setdefault(chat, budget)):
                            one.shut(monotonic(), error.seconds)
                        await self._note(chat, error.seconds)
                        raise

    @contextmanager
    def _counted(self, turn: Turn, budget: ChatBudget, endpoint: str) -> Iterator[None]:
        """Count what is done inside as one call among those of all chats, and a draft's time from its answer on."""
        begun = monotonic()
        self._bot.spend(begun, messages=turn.messages)
        try:
            yield
        finally:
            self._bot.answered(monotonic(), begun, messages=turn.messages)
            if endpoint == DRAFT:
                budget.spend(monotonic(), draft=True)

    async def rekey(self, old: str, new: str) -> Json:
        """The group *old* is the chat *new* from now on: its penalty holds there as well.

        The notes of that, to be stored with the move itself; asked again it gives the same. Raises NotReady.
        """
        await self._recall()  # the move may be the first that this process hears of the group
        # Not taken from the old chat: calls may be on their way there that have not heard of the move.
        left = self._budget(old).penalty(monotonic())
        if not left:
            return {}
        budget = self._budget(new)
        budget.shut(monotonic(), left)
        # Of the new chat: it may have a penalty of its own by now, and a longer one.
        return {f"{SHUT}{old}": None, f"{SHUT}{new}": _noted(budget.penalty(monotonic()))}

    def _budget(self, chat: str) -> ChatBudget:
        now = monotonic()
        if chat not in self._budgets:
            self._budgets = {key: budget for key, budget in self._budgets.items() if not budget.is_idle(now)}
            self._budgets[chat] = ChatBudget(group=chat.startswith(("-", "@")), now=now)
        return self._budgets[chat]

    async def _wait_for_turn(self, budget: ChatBudget, turn: Turn, endpoint: str) -> None:
        now, is_draft = monotonic(), endpoint == DRAFT
        if endpoint in _FREE:
            await _wait_until_free(lambda: budget.penalty(monotonic()))
            return
        if turn.is_frame:
            wait = _wait(budget, turn, is_draft=is_draft)
            if budget.line.locked() or self._calls.locked() or max(wait, self._bot.wait(now, frame=True)) > 0:
                raise Dropped("no room")
        async with budget.line:
            await _wait_until_free(lambda: _wait(budget, turn, is_draft=is_draft))
            budget.spend(monotonic(), turn, draft=is_draft)

    async def _note(self, chat: str, seconds: float) -> None:
        """Keep a penalty: a call that a new process makes in the middle of it would prolong it."""
        try:
            await self._memory.set({f"{SHUT}{chat}": _noted(seconds)})
        except NotReady as error:
            log.warning("the penalty of chat %s is not noted, and forgotten at a restart: %s", chat, error)

    async def _recall(self) -> None:
        """Go on with the penalties that an earlier process had noted; those that are over are forgotten."""
        async with self._recalling:
            if self._has_recalled:
                return
            noted = await self._memory.items(SHUT)
            for key, penalty in noted.items():
                # By a clock that may have been turned: never longer than Telegram said.
                left = min(penalty["seconds"], penalty["until"] - time.time())
                if left > 0:
                    self._budget(key.removeprefix(SHUT)).shut(monotonic(), left)
            over = [key for key, penalty in noted.items() if penalty["until"] <= time.time()]
            if over:
                await self._memory.set(dict.fromkeys(over))
            self._has_recalled = True


def _wait(budget: ChatBudget, turn: Turn, *, is_draft: bool) -> float:
    """Seconds until the chat has room for a call."""
    now = monotonic()
    return budget.draft_wait(now) if is_draft else budget.wait(now, turn)


def _noted(seconds: float) -> Json:
    """A penalty of so many seconds from now on, as its note."""
    return {"until": time.time() + seconds, "seconds": seconds}


async def _wait_until_free(wait_of: Callable[[], float]) -> None:
    """Sleep until *wait_of* says 0 seconds. Raises Flooded when that is too far away."""
    while (wait := wait_of()) > 0:
        if wait > PATIENCE_S + ChatBudget.MARGIN_S:
            raise Flooded(wait)
        await asyncio.sleep(wait)
