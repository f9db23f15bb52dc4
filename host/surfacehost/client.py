"""RealPlatformClient: the one thing surfaces talk to."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

from surfacehost import admission
from surfacehost.approvals import Refusal
from surfacehost.conversation import Conversation, Said
from surfacehost.events import Event, Message, Reply
from surfacehost.files import Files
from surfacehost.orders import Orders
from surfacehost.reception import Reception
from surfacehost.replies import Replies
from surfacehost.runs import Runs
from surfacehost.store import inbox, outbox, people, prompts, sayings
from surfacehost.store.prompts import Prompt
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.texts import language_of, say
from surfacehost.visits import Tenant, Visit
from surfacehost.ways import Ways


class RealPlatformClient:
    """Answers for all surfaces: conversation behind it, every final through the outbox."""

    def __init__(
        self,
        *,
        database: SqliteDatabase,
        conversation: Conversation,
        orders: Orders,
        tenants: Mapping[str, Tenant],
        ways: Ways,
        files: Files,
        locale: str = "auto",
    ) -> None:
        self._database = database
        self._conversation = conversation
        self._orders = orders
        self._tenants = tenants
        self._locale = locale
        self._visits: dict[tuple[str, str], Visit] = {}
        self._replies = Replies(database=database, tenants=tenants, ways=ways, files=files, locale=locale)
        self.runs = Runs(
            conversation=conversation, replies=self._replies, tenants=tenants, visits=self._visits, ways=ways,
            files=files, locale=locale,
        )  # fmt: skip
        self._reception = Reception(database, locale)

    @asynccontextmanager
    async def visiting(self, entry: inbox.Entry) -> AsyncIterator[Visit]:
        """Let hooks ask about the event of *entry* while this lasts."""
        key = entry.event.surface, entry.event.id
        visit = self._visits[key] = Visit(
            entry,
            is_interrupted=entry.interrupter is not None,
            is_stopped=entry.stopped,
            is_joined=entry.stopped,
        )
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
        return self._open(visit, self._greet(visit, event))

    def say(self, event: Event, words: Mapping[str, str]) -> AsyncIterator[Reply]:
        """What the surface itself answers to *event*: *words* in the person's language, else in English."""
        visit = self._visit_of(event)
        text = words.get(language_of(event.locale, self._locale), words["en"])
        return self._open(visit, self._say_once(visit, Said(text=text, kind="notice")))

    def admits(self, event: Event) -> bool:
        """Whether the person of *event* may talk to the bot there: by the settings, or because they were let in.

        The host itself always may; a message that is not read, because its person writes too many, has nobody's ear.
        """
        if not event.sender:
            return True
        tenant, visit = self._tenants[event.surface], self._visits.get((event.surface, event.id))
        if visit is not None and visit.entry.finding:
            return False
        role = visit.entry.role if visit is not None else ""
        return admission.admits(event, tenant.behaviour, tenant.formerly, role=role)

    async def note(self, reply: Reply, value: Any, *, notes: Mapping[str, Any] | None = None) -> None:  # noqa: ANN401
        """Keep *value* with *reply*, and the surface's own *notes*. Raises NotReady when the database fails."""
        entry = self._visit_of(reply.event).entry
        if reply.kind == "preview":
            await self._database.tx(outbox.note_preview, entry, value, memory=notes)
        else:
            await self._database.tx(outbox.note, entry, reply.id, value, memory=notes)

    async def excuse(self, event: Event, error: Exception, ends: str = inbox.DONE) -> None:
        """Write down the sentence that *error* is, in place of any answer, and how *event* ends once it is said."""
        await self._replies.excuse(self._visit_of(event), error, ends)

    async def _answer(self, visit: Visit, message: Message) -> AsyncGenerator[Reply, None]:
        if not visit.is_answered:
            async with aclosing(self._ask(visit, message)) as previews:
                async for preview in previews:
                    yield preview
        async for reply in self._replies.unsent(visit.entry):
            yield reply

    async def _ask(self, visit: Visit, message: Message) -> AsyncGenerator[Reply, None]:
        """The previews of an answer; when it ends, the whole answer is on the disk."""
        if not message.sender and message.id.startswith((sayings.MARK, sayings.NOTED)):
            is_noted = message.id.startswith(sayings.NOTED)
            await self._replies.keep(visit, Said(text=message.text, kind="notice" if is_noted else "answer"))
            return
        if not message.sender and message.id.startswith(prompts.SHOWN):
            shown = await self._database.tx(prompts.decided, message.id)
            async for reply in self._replies.tell_decided(visit.entry, shown):
                yield reply
            await self._replies.keep(visit, Said())
            return
        if not self.admits(message):
            await self._refuse(visit)
            return
        message = await self._orders.meant(visit.entry, message)
        if isinstance(judged := await self._decide(visit, message), Refusal):
            await self._replies.keep(visit, Said(text=judged.text, kind="notice"))
            return
        behaviour = self._tenants[message.surface].behaviour
        if (said := await self._orders.obey(visit.entry, message, behaviour, self.runs.stop)) is not None:
            async for reply in self._replies.tell_decided(visit.entry, judged):
                yield reply
            await self._replies.keep(visit, said)
            return
        async with aclosing(self.runs.ask(visit, message, judged)) as replies:
            async for reply in replies:
                yield reply

    async def _decide(self, visit: Visit, message: Message) -> Prompt | Refusal | None:
        """What *message* does to the question that stands, written down; to one that is over by now it does nothing."""
        judged = self._judged(visit.entry, message)
        if isinstance(judged, Prompt) and judged != visit.entry.prompt:
            is_taken = await self._database.tx(outbox.take_prompt, visit.entry, judged)
            visit.entry = replace(visit.entry, prompt=judged if is_taken else None)
            return judged if is_taken else self._judged(visit.entry, message)
        return judged

    def _judged(self, entry: inbox.Entry, message: Message) -> Prompt | Refusal | None:
        owners = self._tenants[message.surface].behaviour.owners
        return self._conversation.judged(
            entry, message, (*owners, message.sender) if entry.role == people.OWNER else owners
        )

    async def _refuse(self, visit: Visit) -> None:
        """Write down what someone is told who is not let in, or writes too much; often nothing."""
        behaviour = self._tenants[visit.entry.event.surface].behaviour
        said = Said(text=await self._reception.turn_away(visit.entry, behaviour), kind="notice")
        await self._replies.keep(visit, said, finding=visit.entry.finding or inbox.STRANGER)

    async def _greet(self, visit: Visit, event: Event) -> AsyncGenerator[Reply, None]:
        said = Said(text=say(language_of(event.locale, self._locale), "greeting"), kind="notice")
        if not visit.is_answered and not self.admits(event):
            await self._refuse(visit)
        async with aclosing(self._say_once(visit, said)) as replies:
            async for reply in replies:
                yield reply

    async def _explain(self, visit: Visit, error: Exception) -> AsyncGenerator[Reply, None]:
        if not visit.is_answered:
            await self._replies.excuse(visit, error)
        async for reply in self._replies.unsent(visit.entry):
            yield reply

    async def _say_once(self, visit: Visit, said: Said) -> AsyncGenerator[Reply, None]:
        if not visit.is_answered:
            await self._replies.keep(visit, said)
        async for reply in self._replies.unsent(visit.entry):
            yield reply

    def _visit_of(self, event: Event) -> Visit:
        visit = self._visits.get((event.surface, event.id))
        if visit is None:
            raise LookupError(f"{event.id} of {event.surface} is not being delivered: ask from within its hook")
        return visit

    def _open(self, visit: Visit, stream: AsyncGenerator[Reply, None]) -> AsyncGenerator[Reply, None]:
        """Remember *stream*: it is closed with its visit."""
        visit.streams.append(stream)
        return stream
