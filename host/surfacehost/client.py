"""RealPlatformClient: the one thing surfaces talk to."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from surfacehost import admission
from surfacehost.conversation import Conversation, Said, sentence
from surfacehost.errors import PlatformError
from surfacehost.events import Event, Message, Reply
from surfacehost.health import SurfaceHealth
from surfacehost.jsontext import whole
from surfacehost.store import inbox, outbox
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.surface import Behaviour, Surface
from surfacehost.texts import language_of, say
from surfacehost.ways import Step, Ways

STRANGER_EVERY_S = 3600.0
"""How often a person who may not talk is told so."""

MAX_TOLD = 1000
"""How many strangers are kept in mind before those of long ago are forgotten."""

COMPOSE_IN_THREAD = 20_000
"""From this many characters on composing takes long enough to hold up the loop."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A surface instance as the client knows it."""

    surface: Surface
    behaviour: Behaviour
    health: SurfaceHealth


@dataclass(slots=True)
class Visit:
    """An event while its hooks run."""

    entry: inbox.Entry
    streams: list[AsyncGenerator[Reply, None]] = field(default_factory=list)

    @property
    def is_answered(self) -> bool:
        """Whether what is to be said is on the disk."""
        return self.entry.state == inbox.ANSWERED

    async def close(self) -> None:
        """End the streams that a hook left behind; the collector would end them in another task."""
        for stream in self.streams:
            try:
                await stream.aclose()
            except Exception:
                log.exception("%s left a stream in use behind", self.entry.event.surface)


class RealPlatformClient:
    """Answers for all surfaces: conversation behind it, every final through the outbox."""

    def __init__(
        self,
        *,
        database: SqliteDatabase,
        conversation: Conversation,
        tenants: Mapping[str, Tenant],
        ways: Ways,
        locale: str = "auto",
    ) -> None:
        self._database = database
        self._conversation = conversation
        self._tenants = tenants
        self._ways = ways
        self._locale = locale
        self._visits: dict[tuple[str, str], Visit] = {}
        self._told: dict[tuple[str, str], float] = {}

    @asynccontextmanager
    async def visiting(self, entry: inbox.Entry) -> AsyncIterator[Visit]:
        """Let hooks ask about the event of *entry* while this lasts."""
        key = entry.event.surface, entry.event.id
        visit = self._visits[key] = Visit(entry)
        try:
            yield visit
        finally:
            del self._visits[key]
            await visit.close()

    def answer(self, message: Message) -> AsyncIterator[Reply]:
        """Everything to show for *message*, in order. Raises PlatformError when there is no answer."""
        visit = self._visit_of(message)
        return self._open(visit, self._answer(visit, message))

    def explain(self, error: Exception, event: Event) -> AsyncIterator[Reply]:
        """The sentence that *error* is to the person who caused *event*."""
        visit = self._visit_of(event)
        return self._open(visit, self._explain(visit, error))

    def greet(self, event: Event) -> AsyncIterator[Reply]:
        """A first word in a chat the bot has just come into."""
        visit = self._visit_of(event)
        text = say(language_of(event.locale, self._locale), "greeting")
        return self._open(visit, self._say_once(visit, Said(text=text, kind="notice")))

    def admits(self, event: Event) -> bool:
        """Whether the settings let the person of *event* talk to the bot there."""
        return admission.admits(event, self._tenants[event.surface].behaviour)

    async def note(self, reply: Reply, value: Any) -> None:  # noqa: ANN401 - JSON
        """Keep *value* with *reply*. Raises NotReady when the database does not take it."""
        await self._database.tx(outbox.note, self._visit_of(reply.event).entry, reply.id, value)

    async def excuse(self, event: Event, error: Exception, ends: str = inbox.DONE) -> None:
        """Write down the sentence that *error* is, in place of any answer, and how *event* ends once it is said."""
        visit = self._visit_of(event)
        failure = PlatformError.of(error)
        log.error("%s (ref %s) in %s", failure, failure.ref, event.key, exc_info=failure.__cause__)
        text = sentence(failure, language_of(event.locale, self._locale))
        parts = await self._parts(visit.entry, Said(text=text, kind="notice"), is_sentence=True)
        reason = f"{failure} (ref {failure.ref})"
        await self._database.tx(outbox.explain, visit.entry, parts, ends=ends, error=reason)
        visit.entry = replace(visit.entry, state=inbox.ANSWERED, ends=ends)

    async def _answer(self, visit: Visit, message: Message) -> AsyncGenerator[Reply, None]:
        if not visit.is_answered:
            async with aclosing(self._ask(visit, message)) as previews:
                async for preview in previews:
                    yield preview
        async for reply in self._unsent(visit.entry):
            yield reply

    async def _ask(self, visit: Visit, message: Message) -> AsyncGenerator[Reply, None]:
        """The previews of an answer; when it ends, the whole answer is on the disk."""
        if not self.admits(message):
            await self._keep(visit, self._refusal(message))
            return
        shows = self._tenants[message.surface].surface.capabilities
        interval_s = shows.preview_interval_s if shows.previews else float("inf")
        words = self._conversation.reply_to(
            visit.entry, message, lambda: self._ways.mark(message, Step.ASKED), interval_s
        )
        async with aclosing(words):
            async for said in words:
                if isinstance(said, Said):
                    await self._keep(visit, said)
                elif shows.previews:
                    yield Reply(id=outbox.reply_id(visit.entry, 0), event=message, kind="preview", body=whole(said))

    def _refusal(self, message: Message) -> Said:
        """What a stranger is told: once in a while, else nothing."""
        person, now = (message.surface, message.sender), time.monotonic()
        if now - self._told.get(person, float("-inf")) < STRANGER_EVERY_S:
            return Said()
        if len(self._told) >= MAX_TOLD:
            self._told = {one: at for one, at in self._told.items() if now - at < STRANGER_EVERY_S}
        self._told[person] = now
        return self._conversation.stranger(message)

    async def _explain(self, visit: Visit, error: Exception) -> AsyncGenerator[Reply, None]:
        if not visit.is_answered:
            await self.excuse(visit.entry.event, error)
        async for reply in self._unsent(visit.entry):
            yield reply

    async def _say_once(self, visit: Visit, said: Said) -> AsyncGenerator[Reply, None]:
        if not visit.is_answered:
            await self._keep(visit, said)
        async for reply in self._unsent(visit.entry):
            yield reply

    async def _keep(self, visit: Visit, said: Said) -> None:
        """Write the whole answer down, in the parts that the surface makes of it."""
        parts = await self._parts(visit.entry, said)
        interrupts = None if said.interrupts is None else [dict(one) for one in said.interrupts]
        await self._database.tx(outbox.answer, visit.entry, parts, generation=said.generation, interrupts=interrupts)
        visit.entry = replace(visit.entry, state=inbox.ANSWERED)
        self._ways.mark(visit.entry.event, Step.ANSWERED)

    async def _parts(self, entry: inbox.Entry, said: Said, *, is_sentence: bool = False) -> list[outbox.Part]:
        bodies = await self._compose(self._tenants[entry.event.surface].surface, whole(said.text))
        return [
            outbox.Part(id=outbox.reply_id(entry, number, is_sentence=is_sentence), kind=said.kind, body=body)
            for number, body in enumerate(bodies)
        ]

    async def _compose(self, surface: Surface, text: str) -> list[Any]:
        if not text.strip():
            return []
        if len(text) < COMPOSE_IN_THREAD:
            return list(surface.compose(text))
        return list(await asyncio.to_thread(surface.compose, text))

    async def _unsent(self, entry: inbox.Entry) -> AsyncGenerator[Reply, None]:
        """The replies that are still to be sent; each counts as sent when the next one is asked for."""
        reply = await self._database.tx(outbox.send_next, entry)
        while reply is not None:
            yield reply
            self._ways.mark(entry.event, Step.SENT)
            self._tenants[entry.event.surface].health.confirm()
            reply = await self._database.tx(outbox.send_next, entry, reply.id)

    def _visit_of(self, event: Event) -> Visit:
        visit = self._visits.get((event.surface, event.id))
        if visit is None:
            raise LookupError(f"{event.id} of {event.surface} is not being delivered: ask from within its hook")
        return visit

    def _open(self, visit: Visit, stream: AsyncGenerator[Reply, None]) -> AsyncGenerator[Reply, None]:
        """Remember *stream*: it is closed with its visit."""
        visit.streams.append(stream)
        return stream
