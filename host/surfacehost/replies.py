"""What is said to people: written down first, in the parts that a surface makes of it, then given to be sent."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from surfacehost.approvals import is_occasion, shown
from surfacehost.conversation import Said, sentence, taken_prompt
from surfacehost.errors import Kind, PlatformError
from surfacehost.events import Reply
from surfacehost.files import Files
from surfacehost.jsontext import whole
from surfacehost.store import inbox, occasions, outbox
from surfacehost.store.prompts import Prompt
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.surface import Surface
from surfacehost.texts import language_of, literal, say
from surfacehost.visits import Tenant, Visit
from surfacehost.ways import Step, Ways

COMPOSE_IN_THREAD = 20_000
"""From this many characters on composing takes long enough to hold up the loop."""

log = logging.getLogger(__name__)


class Replies:
    """The way out of every answer, through the outbox."""

    def __init__(
        self, *, database: SqliteDatabase, tenants: Mapping[str, Tenant], ways: Ways, files: Files, locale: str
    ) -> None:
        self._database = database
        self._tenants = tenants
        self._ways = ways
        self._files = files
        self._locale = locale

    async def keep(self, visit: Visit, said: Said, *, hands_on: bool = False, finding: str = "") -> None:
        """Write the whole answer down, in the parts that the surface makes of it."""
        surface, prompt = self._tenants[visit.entry.event.surface].surface, said.prompt
        bodies, lines = await self._files.take(visit.entry, said.files, shows=surface.capabilities.files)
        words = await self._parts(visit.entry, replace(said, text="\n\n".join(filter(None, [said.text, *lines]))))
        if surface.capabilities.albums and len(bodies) > 1:
            bodies = [bodies]
        parts = [*words, *_file_parts(visit.entry, bodies, behind=len(words))]
        if prompt is not None:
            asked = await self._asked(visit.entry, prompt, behind=len(parts))
            parts, prompt = [*parts, *asked], replace(prompt, reply=asked[-1].id)
        await self._database.tx(
            outbox.answer, visit.entry, parts,
            generation=said.generation, prompt=prompt, hands_on=hands_on, finding=finding,
        )  # fmt: skip
        visit.entry = replace(visit.entry, state=inbox.ANSWERED)
        self._ways.mark(visit.entry.event, Step.ANSWERED)

    async def excuse(self, visit: Visit, error: Exception, ends: str = inbox.DONE) -> None:
        """Write down the sentence that *error* is, in place of any answer, and how its event ends once it is said.

        Where the host tells the agent of itself that a time has passed nobody has asked for anything: they only see
        that it has, once the agent has heard or can't be told any more.
        """
        event = visit.entry.event
        failure = PlatformError.of(error)
        log.error("%s (ref %s) in %s", failure, failure.ref, event.key, exc_info=failure.__cause__)
        reason = f"{failure} (ref {failure.ref})"
        undecided = failure.is_repeatable or failure.kind is Kind.UNREACHABLE
        if not is_occasion(event) or _is_seen(visit, failure):
            text = sentence(failure, language_of(event.locale, self._locale))
            parts = await self._parts(visit.entry, Said(text=text, kind="notice"), is_sentence=True)
        else:
            parts = [] if undecided else await self._decided(visit.entry, taken_prompt(visit.entry))
        await self._database.tx(outbox.explain, visit.entry, parts, ends=ends, error=reason, undecided=undecided)
        visit.entry = replace(visit.entry, state=inbox.ANSWERED, ends=ends)
        visit.has_failed = failure.kind is not Kind.CANCELLED

    async def tell_decided(self, entry: inbox.Entry, prompt: Prompt | None) -> AsyncGenerator[Reply, None]:
        """Let whoever sees *prompt* see what it came to, where the surface can show that in its place."""
        if await self._decided(entry, prompt):
            async for reply in self.unsent(entry):
                yield reply

    async def _decided(self, entry: inbox.Entry, prompt: Prompt | None) -> list[outbox.Part]:
        """What *prompt* came to, written down; nothing where the surface can't show it, or another chat is to."""
        surface = self._tenants[entry.event.surface].surface
        if prompt is not None and prompt.lane != entry.lane.rstrip(inbox.FAST):
            await self._database.tx(occasions.show_elsewhere, entry, prompt, now=time.time())
            for tenant in self._tenants.values():
                tenant.wake()
            return []
        if prompt is None or not prompt.reply or not surface.capabilities.choices:
            return []
        [*_, body] = await self._compose(surface, whole(f"{prompt.question}\n\n{prompt.outcome}"))
        part = outbox.Part(id=f"{prompt.reply}/decided/{entry.id}", kind="decided", body=body)
        await self._database.tx(outbox.tell_decided, entry, part, prompt.reply)
        return [part]

    async def unsent(self, entry: inbox.Entry) -> AsyncGenerator[Reply, None]:
        """The replies that are still to be sent; each counts as sent when the next one is asked for."""
        reply = await self._database.tx(outbox.send_next, entry)
        shows = self._tenants[entry.event.surface].surface.capabilities
        while reply is not None:
            whole_reply = await self._whole(reply)
            yield whole_reply if shows.choices else replace(whole_reply, choices=())
            self._ways.mark(entry.event, Step.SENT)
            self._tenants[entry.event.surface].health.confirm()
            self._tenants[entry.event.surface].guard.answered(entry.event)
            reply = await self._database.tx(outbox.send_next, entry, reply.id)

    async def _parts(
        self, entry: inbox.Entry, said: Said, *, is_sentence: bool = False, behind: int = 0
    ) -> list[outbox.Part]:
        bodies = await self._compose(self._tenants[entry.event.surface].surface, whole(said.text))
        return [
            outbox.Part(id=outbox.reply_id(entry, number, is_sentence=is_sentence), kind=said.kind, body=body)
            for number, body in enumerate(bodies, behind)
        ]

    async def _asked(self, entry: inbox.Entry, prompt: Prompt, *, behind: int) -> list[outbox.Part]:
        """The parts that ask *prompt*, behind as many others; what can be said to it stands with the last."""
        text = shown(prompt, language_of(entry.event.locale, self._locale))
        said = await self._parts(entry, Said(text=text), behind=behind)
        return [*said[:-1], replace(said[-1], kind="prompt")]

    async def _compose(self, surface: Surface, text: str) -> list[Any]:
        if not text.strip():
            return []
        if len(text) < COMPOSE_IN_THREAD:
            return list(surface.compose(text))
        return list(await asyncio.to_thread(surface.compose, text))

    async def _whole(self, reply: Reply) -> Reply:
        """*reply* with its files; a sentence for those that are not kept any more."""
        if reply.kind != "file":
            return reply
        bodies = reply.body if isinstance(reply.body, list) else [reply.body]
        found = [self._files.find(body) for body in bodies]
        files = [file for file in found if file is not None]
        language = language_of(reply.event.locale, self._locale)
        captions = [body.get("caption", "") for body in bodies]
        gone = [body["name"] for body, file in zip(bodies, found, strict=True) if file is None]
        text = "\n\n".join(
            filter(None, [*captions, *(say(language, "file_gone", name=literal(name)) for name in gone)])
        )
        told = next(iter(await self._compose(self._tenants[reply.event.surface].surface, text)), None)
        if not files:
            return replace(reply, kind="notice", body=told)
        return replace(reply, file=files[0], album=tuple(files) if files[1:] else (), body=told)


def _is_seen(visit: Visit, failure: PlatformError) -> bool:
    """Whether people know of the run that ended as *failure*: they stopped it, or saw something of its answer."""
    has_shown = visit.has_shown or visit.entry.shown is not None
    return failure.kind is Kind.CANCELLED or bool(failure.partial.strip()) or has_shown


def _file_parts(entry: inbox.Entry, bodies: Sequence[Any], *, behind: int) -> list[outbox.Part]:
    """The files of an answer, each alone or all together, behind as many parts of words."""
    return [
        outbox.Part(id=outbox.reply_id(entry, number), kind="file", body=body)
        for number, body in enumerate(bodies, behind)
    ]
