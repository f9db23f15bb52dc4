"""What a chat, and the bot over all chats, may take: arithmetic on the clock that the caller reads."""

import asyncio
from collections import deque

from surfacehost_telegram.bot import MESSAGE, Turn


class ChatBudget:
    """What one chat may take."""

    RATE, BURST = 0.9, 3.0
    A_MINUTE, RESERVE = 18, 10
    """Calls a group takes in a minute, and how many of them frames leave to messages."""
    MINUTE_S = 60.0
    DRAFT_EVERY_S = 0.35
    """From the answer to one draft to the next: by when Telegram has counted it, nobody knows.

    Drafts leave no message and have a measure of their own; a penalty shuts the chat for them as well.
    """
    MARGIN_S = 0.3
    """Added to a penalty: its end by our clock is not its end by Telegram's."""

    def __init__(self, *, group: bool, now: float) -> None:
        self.line = asyncio.Lock()
        """Held while waiting for a turn: first come, first served."""
        self._group = group
        self._tokens = self.BURST
        self._counted_at = now
        self._minute: deque[float] = deque()
        self._promised: deque[float] = deque()
        """Those in there that stand for calls to come."""
        self._draft_at = now
        self._shut_until = now

    def wait(self, now: float, turn: Turn = MESSAGE) -> float:
        """Seconds until a call fits in; 0: now. A frame must leave room for a message.

        For more *messages* than a burst it is the time for a burst: what it takes beyond that is waited for afterwards.
        One that *promises* another needs room for both in the minute, and the one that is *promised* has it already.
        """
        self._refresh(now)
        missing = (2.0 if turn.is_frame else min(turn.messages, self.BURST)) - self._tokens
        waits = [0.0, self._shut_until - now, missing / self.RATE]
        room = self.A_MINUTE - (self.RESERVE if turn.is_frame else turn.messages - 1) - turn.promises
        if self._group and len(self._minute) >= room and not (turn.is_promised and self._promised):
            waits.append(self._minute[-room] + self.MINUTE_S - now)
        return max(waits)

    def draft_wait(self, now: float) -> float:
        """Seconds until a draft fits in; 0: now."""
        return max(self.penalty(now), self._draft_at - now)

    def penalty(self, now: float) -> float:
        """Seconds until the chat takes anything at all; 0: now."""
        return max(0.0, self._shut_until - now)

    def spend(self, now: float, turn: Turn = MESSAGE, *, draft: bool = False) -> None:
        """Count a call, and with it the one that it *promises*."""
        if draft:
            self._draft_at = now + self.DRAFT_EVERY_S
            return
        self._tokens -= turn.messages
        if not self._group:
            return
        if turn.is_promised and self._promised:
            self._minute.remove(self._promised.popleft())
        self._minute.extend([now] * (turn.messages + turn.promises))
        if turn.promises:
            self._promised.append(now)

    def shut(self, now: float, seconds: float) -> None:
        """Let nothing through for *seconds*."""
        self._shut_until = max(self._shut_until, now + seconds + self.MARGIN_S)

    def is_idle(self, now: float) -> bool:
        """Whether a new budget would be the same."""
        self._refresh(now)
        is_shut = max(self._shut_until, self._draft_at) > now
        return self._tokens >= self.BURST and not self._minute and not is_shut and not self.line.locked()

    def _refresh(self, now: float) -> None:
        self._tokens = min(self.BURST, self._tokens + (now - self._counted_at) * self.RATE)
        self._counted_at = now
        while self._minute and self._minute[0] <= now - self.MINUTE_S:
            self._minute.popleft()
        while self._promised and self._promised[0] <= now - self.MINUTE_S:
            self._promised.popleft()


class BotBudget:
    """What the bot may do in all its chats together."""

    A_SECOND, RESERVE = 27, 9
    """Calls in any one second (Telegram names 30), and how many of them frames leave to messages."""

    def __init__(self) -> None:
        self._second: deque[float] = deque()

    def wait(self, now: float, *, frame: bool = False, messages: int = 1) -> float:
        """Seconds until a call fits in; 0: now."""
        while self._second and self._second[0] <= now - 1:
            self._second.popleft()
        room = self.A_SECOND - (self.RESERVE if frame else messages - 1)
        return 0.0 if len(self._second) < room else self._second[-room] + 1 - now

    def spend(self, now: float, *, messages: int = 1) -> None:
        """Count a call that begins."""
        self._second.extend([now] * messages)

    def answered(self, now: float, begun: float, *, messages: int = 1) -> None:
        """Count a call that was *begun* as one of now: when Telegram has counted it in between nobody knows."""
        for _ in range(min(messages, self._second.count(begun))):
            self._second.remove(begun)
        self._second.extend([now] * messages)
