"""A model of Telegram's limits on sending, off until a test switches it on.

Official are about one message a second in a chat with short bursts, 20 a minute in a group, and about 30 a
second over all chats (Bot FAQ, "My bot is hitting limits"). Edits count like sends. That a call during the
wait makes the wait longer, and that drafts are refused as well when there are too many, is common experience,
not documentation; how many drafts that is nobody has told. An album counts as the messages it is, as in the Bot API
server's own count (`yet_unsent_message_count_` in its `Client::process_send_media_group_query`).
"""

import math
from collections import deque
from dataclasses import dataclass, field

from surfacehost_devkit.botapi.errors import too_many_requests

CHARGED = frozenset(
    {
        "sendmessage",
        "senddocument",
        "sendphoto",
        "sendvoice",
        "sendaudio",
        "sendvideo",
        "sendanimation",
        "sendmediagroup",
        "editmessagetext",
        "editmessagereplymarkup",
        "createforumtopic",
        "sendchataction",
        "setmessagereaction",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FloodLimits:
    """What is allowed; `penalty_s` seconds are added to a wait at each call made during it.

    `minute_s` is how long the minute of a group takes: less, for a test of a bot whose own minute is shorter as well.
    """

    chat_per_s: float = 1.0
    chat_burst: int = 5
    group_per_minute: int = 20
    minute_s: float = 60.0
    bot_per_s: int = 30
    penalty_s: float = 5.0
    draft_per_s: int = 3
    charged: frozenset[str] = CHARGED


@dataclass(slots=True)
class _Ledger:
    tokens: float
    since: float
    shut_until: float = 0.0
    minute: deque[float] = field(default_factory=deque)
    drafts: deque[float] = field(default_factory=deque)


class Flood:
    """Counts the calls of each bot in each chat."""

    def __init__(self) -> None:
        self.limits: FloodLimits | None = None
        self.refused = 0
        self._ledgers: dict[tuple[int, str], _Ledger] = {}
        self._seconds: dict[int, deque[float]] = {}

    def switch(self, limits: FloodLimits | None) -> None:
        """Switch the limits on (afresh), or off with None."""
        self.limits = limits
        self.refused = 0
        self._ledgers.clear()
        self._seconds.clear()

    def charge(self, bot_id: int, chat: str, method: str, now: float, count: int = 1) -> None:
        """Count one call, of `count` messages, at the steady time `now`; ApiError 429 where it is one too many."""
        limits = self.limits
        is_draft = method == "sendmessagedraft"
        if limits is None or not (is_draft or method in limits.charged):
            return
        ledger = self._ledgers.setdefault((bot_id, chat), _Ledger(tokens=limits.chat_burst, since=now))
        seconds = self._seconds.setdefault(bot_id, deque())
        if now < ledger.shut_until:
            ledger.shut_until += limits.penalty_s
            self._refuse(ledger.shut_until - now)
        if is_draft:
            wait = max(_wait(ledger.drafts, limits.draft_per_s, now), _wait(seconds, limits.bot_per_s, now))
        else:
            wait = max(
                _chat_wait(ledger, limits, now),
                _group_wait(ledger, limits, chat, now, count),
                _wait(seconds, limits.bot_per_s, now, count),
            )
        if wait > 0:
            ledger.shut_until = now + wait
            self._refuse(wait)
        seconds.extend([now] * count)
        if is_draft:
            ledger.drafts.append(now)
            return
        ledger.tokens -= count
        ledger.minute.extend([now] * count)

    def _refuse(self, wait: float) -> None:
        self.refused += 1
        raise too_many_requests(max(1, math.ceil(wait)))


def _chat_wait(ledger: _Ledger, limits: FloodLimits, now: float) -> float:
    ledger.tokens = min(limits.chat_burst, ledger.tokens + (now - ledger.since) * limits.chat_per_s)
    ledger.since = now
    return 0.0 if ledger.tokens >= 1 else (1 - ledger.tokens) / limits.chat_per_s


def _group_wait(ledger: _Ledger, limits: FloodLimits, chat: str, now: float, count: int) -> float:
    if not chat.startswith(("-", "@")):
        return 0.0
    while ledger.minute and ledger.minute[0] <= now - limits.minute_s:
        ledger.minute.popleft()
    return _until_room(ledger.minute, limits.group_per_minute, count, now - limits.minute_s)


def _wait(second: deque[float], most: int, now: float, count: int = 1) -> float:
    while second and second[0] <= now - 1:
        second.popleft()
    return _until_room(second, most, count, now - 1)


def _until_room(times: deque[float], most: int, count: int, since: float) -> float:
    """Seconds until *count* more fit in beside what has been *since* then."""
    over = len(times) + count - most
    return times[over - 1] - since if over > 0 and times else 0.0
