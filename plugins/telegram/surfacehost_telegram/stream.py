"""An answer while it grows: a draft in a private chat, else one message that is edited.

Whatever goes wrong with that is no concern of the answer, which comes in any case.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

from surfacehost import Message, PlatformClient, Reply
from surfacehost_render import close_open_fences, telegram
from surfacehost_telegram.bot import Bot, Flooded
from surfacehost_telegram.chat_action import AFTER_S, EVERY_S, type_once
from surfacehost_telegram.drafts import Drafts, draft_id_of
from surfacehost_telegram.letter import Letter, topic_of
from surfacehost_telegram.limiter import Dropped
from surfacehost_telegram.outcome import Outcome, outcome
from surfacehost_telegram.search import GRACE_S
from surfacehost_telegram.send import Sender
from surfacehost_telegram.settings import Technique

KEEP_S = 20.0
"""A draft that nothing changes is shown anew: Telegram forgets it after 30 seconds."""
LOOK_S = 1.0
"""How soon a draft for which there was no room is shown, also where the answer does not go on growing."""
RENDER_IN_THREAD = 20_000
"""From this many characters on rendering takes long enough to hold up the loop."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What every stream of a surface works with."""

    bot: Bot
    sender: Sender
    drafts: Drafts
    technique: Technique


class Stream:
    """What shows that an answer to *message* is coming, and how far it is."""

    def __init__(self, message: Message, client: PlatformClient, means: Means) -> None:
        self._message = message
        self._client = client
        self._bot = means.bot
        self._sender = means.sender
        self._drafts = means.drafts
        self._technique = means.technique
        self._chat = message.chat
        self._topic = topic_of(message)
        self._is_drafting = False
        self._draft = draft_id_of(message.id)
        self._newest: Mapping[str, Any] = {}
        self._shown: Mapping[str, Any] = {}
        self._shown_at = 0.0
        self._is_over = False
        self._quiet_until = 0.0
        self._in_flight = asyncio.Lock()
        self.placed: int | None = None
        """The message that is shown in place of the answer."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Stream"]:
        """Show typing or "Thinking…" until there is more to show."""
        self._chat = await self._sender.chat_of(self._message)
        wants_drafts = self._technique in ("auto", "draft") and self._message.direct
        self._is_drafting = wants_drafts and await self._drafts.are_taken(self._chat)
        beat = asyncio.create_task(self._beat())
        try:
            yield self
        finally:
            beat.cancel()
            await asyncio.wait([beat])  # not ``await beat``: that would raise its cancellation, or hide one of ours

    async def show(self, preview: Reply, *, answers: int | None = None) -> None:
        """Show the answer so far, unless there is no room for it or nothing new to see."""
        async with self._in_flight:
            if self._is_over:
                return
            try:
                body = await self._render(preview.body)
                if body is not None and body != self._shown:
                    self._newest = body
                    await self._show(preview, body, answers)
            except Dropped:
                log.debug("no room for a preview in chat %s", self._chat)
            except Exception as error:  # noqa: BLE001 - decoration
                self._trouble(error)

    async def end(self) -> None:
        """Show nothing any more: what comes now is the answer."""
        async with self._in_flight:
            self._is_over = True
        # An edit whose answer was lost may still be under way, and must not come after the answer.
        await asyncio.sleep(max(0.0, self._quiet_until - monotonic()))

    async def withdraw(self) -> None:
        """Take away what is shown: no answer will replace it. A draft goes by itself."""
        await self.end()
        if self.placed is not None:
            await self._sender.remove(self._chat, self.placed)

    async def _show(self, preview: Reply, body: Mapping[str, Any], answers: int | None) -> None:
        if self._is_drafting and await self._draw(body):
            return
        if self._technique == "draft":
            return
        if self.placed is None and not self._take_up(preview):
            return
        letter = Letter(
            chat=self._chat, text=body["text"], entities=tuple(body["entities"]), topic=self._topic, answers=answers
        )
        if self.placed is None:
            self.placed = await self._sender.place(preview, letter, self._client)
        else:
            await self._sender.revise(self.placed, letter)
        self._shown = body

    def _take_up(self, preview: Reply) -> bool:
        """Go on with the message that an earlier process had placed; False: whether it is there nobody knows yet."""
        known = preview.note or {}
        if known.get("chat") == self._chat and not self._is_over:
            self.placed = known.get("placed")
            self._is_over = self.placed is None  # the answer will look for it
        return not self._is_over

    async def _draw(self, body: Mapping[str, Any]) -> bool:
        """Show *body* as the draft; False: the chat takes none, from now on."""
        self._is_drafting = await self._drafts.show(self._chat, self._topic, self._draft, body)
        if self._is_drafting:
            self._shown, self._shown_at = body, monotonic()
        return self._is_drafting

    async def _render(self, markdown: str) -> Mapping[str, Any] | None:
        """As much of *markdown* as one message holds: the newest of it as a draft, else what the first will say."""

        def parts() -> list[Mapping[str, Any]]:
            return [
                {"text": part.text, "entities": [entity.to_json() for entity in part.entities]}
                for part in telegram(close_open_fences(markdown))
            ]

        made = await asyncio.to_thread(parts) if len(markdown) > RENDER_IN_THREAD else parts()
        return made[-1 if self._is_drafting else 0] if made else None

    def _trouble(self, error: Exception) -> None:
        log.debug("no preview in chat %s: %s: %s", self._chat, type(error).__name__, error)
        if isinstance(error, Flooded):
            return  # until that is over there is no room for one
        self._is_over = not self._is_drafting
        if self._is_over and outcome(error) is Outcome.UNKNOWN:
            self._quiet_until = monotonic() + GRACE_S

    async def _beat(self) -> None:
        """Keep the chat told that an answer is coming, until the answer shows it or Telegram does not want it."""
        await asyncio.sleep(AFTER_S)
        try:
            while self.placed is None and not self._is_over:
                pause_s = await self._tell()
                await asyncio.sleep(pause_s)
        except Exception as error:  # noqa: BLE001 - decoration
            log.debug("no typing in chat %s any more: %s", self._chat, error)

    async def _tell(self) -> float:
        """Tell it once; in how many seconds again."""
        try:
            async with self._in_flight:
                if self._is_drafting and not self._is_over:
                    is_kept = self._shown_at and monotonic() < self._shown_at + KEEP_S
                    if (is_kept and self._shown == self._newest) or await self._draw(self._newest):
                        return LOOK_S
                if not self._is_over:  # within the lock: one that comes behind the answer would stand for 5 s more
                    await type_once(self._bot, self._chat, self._topic)
        except Dropped:
            log.debug("no room for typing in chat %s", self._chat)
        except Exception as error:
            if outcome(error) is Outcome.REFUSED:
                raise
            log.debug("no typing in chat %s: %s", self._chat, error)
        return LOOK_S if self._is_drafting else EVERY_S
