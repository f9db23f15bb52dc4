"""A bot's queue of updates and the long poll on it.

Source of the rules: the Bot API server's `getUpdates` and TDLib's `TQueue`.
"""

import asyncio
import json
from dataclasses import dataclass, field

from surfacehost_devkit.botapi.bell import Bell
from surfacehost_devkit.botapi.clock import Clock, Pace
from surfacehost_devkit.botapi.errors import ApiError

Json = dict[str, object]
ALL_KINDS = frozenset(
    {
        "message",
        "edited_message",
        "channel_post",
        "edited_channel_post",
        "inline_query",
        "chosen_inline_result",
        "callback_query",
        "shipping_query",
        "pre_checkout_query",
        "poll",
        "poll_answer",
        "my_chat_member",
        "chat_member",
        "chat_join_request",
        "message_reaction",
        "message_reaction_count",
        "chat_boost",
        "removed_chat_boost",
        "business_connection",
        "business_message",
        "edited_business_message",
        "deleted_business_messages",
        "purchased_paid_media",
        "guest_message",
        "managed_bot",
        "stopped_message_generation",
    }
)
DEFAULT_KINDS = ALL_KINDS - {"chat_member", "message_reaction", "message_reaction_count"}
OTHER_POLL = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
WEBHOOK_SET = "Conflict: terminated by setWebhook request"
WEBHOOK_ACTIVE = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What one `getUpdates` asks for; `timeout_s` in seconds."""

    offset: int
    limit: int
    timeout_s: float


@dataclass(slots=True, eq=False)
class _Poll:
    woken: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def end(self, reason: str = "") -> None:
        if not self.woken.done():
            self.woken.set_result(reason)


class UpdateQueue:
    """Updates wait here until a later offset confirms them."""

    def __init__(self, first_id: int, clock: Clock, pace: Pace, bell: Bell) -> None:
        self.allowed = DEFAULT_KINDS
        self.pending: list[tuple[int, Json]] = []
        self.webhook_active = False
        self.arrived = asyncio.Event()
        self._next_id = first_id
        self._clock = clock
        self._pace = pace
        self._bell = bell
        self._waiting: _Poll | None = None
        self._last = (0, float("-inf"))
        self._next_conflict = float("-inf")

    @property
    def waiting(self) -> bool:
        """True while a long poll waits."""
        return self._waiting is not None

    def allow(self, names: object) -> None:
        """Remember `allowed_updates`; unknown names are ignored, an empty list means the default."""
        if isinstance(names, list):
            self.allowed = frozenset(name for name in names if name in ALL_KINDS) or DEFAULT_KINDS

    def put(self, kind: str, body: Json) -> None:
        """Queue an update, if the bot wants this kind at all."""
        if kind not in self.allowed:
            return
        # A copy through JSON: what was said then must not change when the world goes on.
        self.pending.append((self._next_id, {"update_id": self._next_id, kind: json.loads(json.dumps(body))}))
        self._next_id += 1
        self.arrived.set()
        if self._waiting:
            self._waiting.end()

    def put_raw(self, body: Json) -> None:
        """Queue a body as it is, sound or not, under the next id: for updates no client can parse."""
        self.pending.append((self._next_id, {"update_id": self._next_id, **body}))
        self._next_id += 1
        self.arrived.set()
        if self._waiting:
            self._waiting.end()

    def renumber(self, next_id: int) -> None:
        """Go on with another id, as the server does after a week without updates; it may be a lower one."""
        if self.pending:
            raise ValueError("only an empty queue is renumbered")
        self._next_id = next_id

    def forget(self, update_id: int) -> None:
        """Forget this one update."""
        self.pending = [entry for entry in self.pending if entry[0] != update_id]
        self._bell.ring()

    async def get(self, asked: Asked) -> list[Json]:
        """Answer one `getUpdates`; ApiError 409 to whoever is in the way of another."""
        if self.webhook_active:
            await self._conflict(WEBHOOK_ACTIVE)
        asked = self._unhurried(asked)
        found = self._take(asked)
        if found or not asked.timeout_s:
            return found
        return await self._wait(asked)

    def end_poll(self, reason: str = WEBHOOK_SET) -> None:
        """End the waiting poll with a 409 of this text."""
        if self._waiting:
            self._waiting.end(reason)

    def _unhurried(self, asked: Asked) -> Asked:
        """Slow down whoever repeats an offset at once, as the server does."""
        now = self._clock.steady()
        offset, since = self._last
        self._last = (asked.offset, now)
        if asked.offset != offset:
            return asked
        timeout = asked.timeout_s
        if timeout < self._pace.hurry_wait_s and now < since + self._pace.hurry_wait_s:
            timeout = self._pace.hurry_wait_s
        return Asked(asked.offset, 1 if now < since + 0.5 else asked.limit, timeout)

    def _take(self, asked: Asked) -> list[Json]:
        if asked.offset < 0:
            del self.pending[: asked.offset]
        elif 0 < asked.offset <= self._next_id + 10:
            # An offset further ahead is ignored: ids may have started again lower since the client saw its last.
            self.pending = [entry for entry in self.pending if entry[0] >= asked.offset]
        return [body for _, body in self.pending[: asked.limit]]

    async def _wait(self, asked: Asked) -> list[Json]:
        self.end_poll(OTHER_POLL)
        poll = self._waiting = _Poll()
        self._bell.ring()
        try:
            async with asyncio.timeout(asked.timeout_s):
                reason = await poll.woken
        except TimeoutError:
            return []
        finally:
            if self._waiting is poll:
                self._waiting = None
        if reason:
            await self._conflict(reason)
        return self._take(asked)

    async def _conflict(self, reason: str) -> None:
        now = self._clock.steady()
        if now < self._next_conflict:
            await asyncio.sleep(self._pace.conflict_wait_s)
        else:
            self._next_conflict = now + self._pace.conflict_wait_s
        raise ApiError(409, reason)
