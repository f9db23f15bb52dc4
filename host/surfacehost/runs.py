"""Messages that are put to the agent, and what becomes of their runs when people say something else meanwhile."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import partial

from surfacehost import busy
from surfacehost.agent import wire
from surfacehost.conversation import Conversation, Said, spoken, taken_prompt
from surfacehost.errors import Kind, NotReady, PlatformError
from surfacehost.events import Edit, Event, Message, Redaction, Reply
from surfacehost.files import Files
from surfacehost.jsontext import whole
from surfacehost.previews import Growth, pace_of, previews
from surfacehost.replies import Replies
from surfacehost.store import outbox
from surfacehost.store.inbox import Entry
from surfacehost.store.prompts import Prompt
from surfacehost.texts import language_of, say
from surfacehost.visits import Tenant, Visit
from surfacehost.ways import Step, Ways

RESTART_WITHIN_S = 15.0
"""How young a run must be to begin anew when its message is edited: later, the answer to the old words is at hand."""

JOIN_WITHIN_S = 5.0
"""How soon an agent shows that it is still at a run that an earlier start began; to be stopped, that waits for it."""


class Runs:
    """The runs of all surfaces, as far as this process is at them."""

    def __init__(
        self,
        *,
        conversation: Conversation,
        replies: Replies,
        tenants: Mapping[str, Tenant],
        visits: Mapping[tuple[str, str], Visit],
        ways: Ways,
        files: Files,
        locale: str,
    ) -> None:
        self._conversation = conversation
        self._replies = replies
        self._tenants = tenants
        self._visits = visits
        self._ways = ways
        self._files = files
        self._locale = locale

    async def ask(self, visit: Visit, message: Message, decided: Prompt | None) -> AsyncGenerator[Reply, None]:
        """What is shown until the agent is done: first, once it has heard, what was decided of a question of its."""
        parts, missing = await self._brought(visit, message)
        message = _changed(visit, message)
        messages = spoken(visit.entry, message)
        if missing and not parts and not any(one.text.strip() for one in messages):
            await self._replies.keep(visit, Said(text=missing, kind="notice"))
            return
        while True:
            try:
                async with aclosing(self._run(visit, message, parts, decided)) as replies:
                    async for reply in replies:
                        yield reply
            except PlatformError as error:
                if error.kind is not Kind.CANCELLED:
                    raise
                if not visit.edits and visit.is_interrupted:
                    await self._give_way(visit, message, error.partial)
                    return
                if not visit.edits:
                    raise
                message = _changed(visit, message)
            else:
                break
        said = visit.said or Said()
        await self._replies.keep(visit, replace(said, text="\n\n".join(filter(None, [missing, said.text]))))

    async def _give_way(self, visit: Visit, message: Message, partial: str) -> None:
        """The run was stopped by a later message, with which it is asked: what was said of it stays."""
        mark = say(language_of(message.locale, self._locale), "interrupted")
        is_seen = partial.strip() or visit.has_shown or visit.entry.shown is not None
        text = "\n\n".join(filter(None, [partial, mark])) if is_seen else ""
        await self._replies.keep(visit, Said(text=text, kind="notice"), hands_on=busy.is_plain(message))

    async def _run(
        self, visit: Visit, message: Message, parts: Mapping[str, Sequence[wire.Part]], decided: Prompt | None
    ) -> AsyncGenerator[Reply, None]:
        """What is shown while the agent is at it; what it has said is then kept in *visit*."""
        growth, visit.has_asked = Growth(), True
        visit.growth = growth
        self._ways.mark(message, Step.ASKED)
        reading = asyncio.create_task(self._conversation.ask(visit.entry, message, parts, growth))
        reading.add_done_callback(growth.end)
        try:
            if (visit.is_interrupted or visit.is_joined) and await growth.begun():
                await self._conversation.abort(visit.entry)
            if decided is not None and await growth.begun():
                async for reply in self._replies.tell_decided(visit.entry, decided):
                    yield reply
            async with aclosing(self._previews(visit.entry, message, growth)) as shown:
                async for preview in shown:
                    visit.has_shown = True
                    yield preview
            visit.said = await reading
        finally:
            visit.growth = None
            await _end(reading)

    async def _brought(self, visit: Visit, message: Message) -> tuple[dict[str, Sequence[wire.Part]], str]:
        """What came with the messages of *visit*, by their ids, and what the person is told of what could not be had.

        Raises PlatformError where it is stopped meanwhile.
        """
        surface = self._tenants[message.surface].surface
        brought = {}
        try:
            async with asyncio.timeout(None) as visit.bringing:
                for one in spoken(visit.entry, message):
                    brought[one.id] = await self._files.bring(surface, one)
        except (TimeoutError, NotReady):
            if not visit.is_stopped:
                raise
        finally:
            visit.bringing = None
        if visit.is_stopped and not visit.is_joined:
            raise PlatformError(Kind.CANCELLED, "stopped before the agent was asked")
        parts: dict[str, Sequence[wire.Part]] = {id_: parts for id_, (parts, _) in brought.items() if parts}
        return parts, "\n".join(missing for _, missing in brought.values() if missing)

    async def _previews(self, entry: Entry, message: Message, growth: Growth) -> AsyncGenerator[Reply, None]:
        """What is shown of the answer to *message* while it grows, if anything."""
        tenant = self._tenants[message.surface]
        if (pace := pace_of(tenant.surface.capabilities, tenant.behaviour, message)) is None:
            return
        status = partial(self._conversation.status, message)
        async with aclosing(previews(growth, pace, status)) as texts:
            async for text in texts:
                yield Reply(
                    id=outbox.reply_id(entry, 0), event=message, kind="preview", body=whole(text), note=entry.shown
                )

    def may_restart(self, edit: Edit) -> bool:
        """Whether the run of the message that *edit* changes can begin with it, or anew: it is young, and used no tool.

        Not where the message decided a question: what was decided is decided, and the agent is told it once. Nor where
        it was taken before, by a host that was killed, say: nobody knows what that run has done.
        """
        visit = self._visits.get((edit.surface, edit.of))
        if visit is None or visit.entry.event.sender != edit.sender:
            return False
        if visit.entry.was_taken or taken_prompt(visit.entry) is not None:
            return False
        growth = visit.growth
        is_young = growth is not None and not growth.has_acted and growth.age_s < RESTART_WITHIN_S
        return visit.bringing is not None or is_young

    async def change(self, change: Edit | Redaction) -> None:
        """*change* is stored: the run of its message begins with it, or anew, ends, or goes on where it may not."""
        for visit in list(self._visits.values()):
            event = visit.entry.event
            known = {event.id, *(one.event.id for one in visit.entry.along), *(one.id for one in visit.entry.before)}
            if change.of not in known or not (visit.is_ahead or visit.growth):
                continue
            if (change.surface, change.chat) != (event.surface, event.chat):
                continue
            if isinstance(change, Redaction):
                await self._stop(visit)
            elif self.may_restart(change):
                visit.edits.append(change)
                await self._conversation.abort(visit.entry)

    async def stop(self, event: Event) -> bool:
        """Stop the run of *event*, in the conversation in which it was asked; False: there is none."""
        visit = self._visits.get((event.surface, event.id))
        return visit is not None and await self._stop(visit, joins=True)

    async def _stop(self, visit: Visit, *, joins: bool = False) -> bool:
        """End the run of *visit*, also one that was to begin anew; False: there is none.

        *joins*: also one that an earlier start may have begun.
        """
        visit.edits.clear()
        if visit.break_off(joins=joins):
            return True
        if joins and visit.entry.was_taken and visit.growth is not None:
            with suppress(TimeoutError):  # stopped before the agent has heard, it would go on with what it was asked
                async with asyncio.timeout(JOIN_WITHIN_S):
                    await visit.growth.begun()
        return await self._conversation.abort(visit.entry)

    def interrupted_by(self, event: Event, lane: str) -> str:
        """The id of the message whose run in *lane* has to give way to *event*; empty: none has.

        What has acted, or answers a question of the agent's, is ended.
        """
        behaviour = self._tenants[event.surface].behaviour
        for visit in self._visits.values():
            entry = visit.entry
            has_acted = visit.growth is not None and visit.growth.has_acted
            if entry.lane != lane or visit.is_answered or has_acted or taken_prompt(entry):
                continue
            if busy.interrupts(event, entry.event, behaviour):
                return entry.event.id
        return ""

    async def interrupt(self, surface: str, running: str) -> None:
        """A message is stored that interrupts the run of *running*."""
        visit = self._visits.get((surface, running))
        if visit is None or visit.is_answered or (visit.growth is not None and visit.growth.has_acted):
            return
        visit.is_interrupted = True
        if visit.growth is not None:
            await self._conversation.abort(visit.entry)


def _changed(visit: Visit, message: Message) -> Message:
    """*message*, that of *visit*, as it is by now; with other words it is a run of its own."""
    if visit.edits:
        message = replace(message, text=visit.edits[-1].text)
        visit.entry = replace(visit.entry, event=message, revised=visit.entry.revised + len(visit.edits))
        visit.edits.clear()
    return message


async def _end(reading: asyncio.Task[Said]) -> None:
    """Stop reading what nobody waits for any more."""
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
