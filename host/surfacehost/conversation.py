"""What the agent says to one message."""

import hashlib
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from surfacehost import approvals
from surfacehost.agent import wire
from surfacehost.agent.client import AgentSessionClient
from surfacehost.commands_in_chat import command_of
from surfacehost.errors import Kind, PlatformError
from surfacehost.events import Message, ReplyKind
from surfacehost.previews import Growth
from surfacehost.store.inbox import FAST, Entry
from surfacehost.store.prompts import Prompt
from surfacehost.texts import language_of, say
from surfacehost.threads import decode, encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The whole answer to a message, Markdown, and what it changes about the thread."""

    text: str = ""
    kind: ReplyKind = "answer"
    generation: int | None = None
    prompt: Prompt | None = None
    """What is asked at its end."""
    files: Sequence[wire.File] = ()


class Conversation:
    """Makes answers; sends nothing and stores nothing."""

    def __init__(self, agent: AgentSessionClient, locale: str) -> None:
        self._agent = agent
        self._locale = locale

    def language(self, message: Message) -> str:
        """The language to speak to the person of *message*."""
        return language_of(message.locale, self._locale)

    async def ask(
        self, entry: Entry, message: Message, parts: Mapping[str, Sequence[wire.Part]], growth: Growth
    ) -> Said:
        """What the agent says to *message*, and to what came with it, *parts* by the message; *growth* has it so far.

        Raises PlatformError and NotReady.
        """
        draft = _Draft(self.language(message))
        async with aclosing(self._agent.run(thread_of(entry), _turn(entry, message, parts))) as events:
            async for event in events:
                draft.take(event)
                growth.begin()
                if isinstance(event, wire.Activity):
                    growth.work(event.label, is_tool=event.is_tool)
                elif draft.text != growth.text:
                    growth.grow(draft.text)
        said, interrupts = draft.said()
        if not interrupts:
            return said
        person = message.sender or (entry.prompt.person if entry.prompt else "")
        prompt = approvals.prompt_of(interrupts, message, person, self.language(message), now=time.time())
        return replace(said, prompt=prompt)

    async def abort(self, entry: Entry) -> bool:
        """Stop the run of *entry*, which then ends as ``cancelled``; no other. False: it is over."""
        return await self._agent.abort(thread_of(entry), _run_id(entry))

    def judged(self, entry: Entry, message: Message, owners: Collection[str]) -> Prompt | approvals.Refusal | None:
        """What *message* does to the question that stands in its thread; see ``approvals``.

        What is asked once more was meant for another moment: it decides nothing, it only withdraws.
        """
        if command_of(message) not in (None, "new"):
            return None
        message = replace(message, text="/retry") if _is_retry(entry) else message
        return approvals.judged(
            entry.prompt, message, entry.id, owners, self.language(message), lane=entry.lane.rstrip(FAST)
        )  # fmt: skip

    def status(self, message: Message, doing: str) -> str:
        """The line that is shown while there is no word of the answer yet."""
        line = say(self.language(message), "working")
        return f"{line} · {doing}" if doing else line


def thread_of(entry: Entry) -> str:
    """The agent's name for the conversation of *entry*: its lane, or the one that it shares, in its generation.

    Not the key of the event: the chat may have another id by now than when the conversation began.
    """
    return encode(replace(decode(entry.home), generation=entry.generation))


def spoken(entry: Entry, message: Message) -> list[Message]:
    """*message*, that of *entry*, among everything that is asked with it, oldest first."""
    return [*entry.before, message, *(one.event for one in entry.along if isinstance(one.event, Message))]


def taken_prompt(entry: Entry) -> Prompt | None:
    """The question of the agent's that *entry* decides, if it does."""
    return entry.prompt if entry.prompt and entry.prompt.taken_by == entry.id else None


def _is_retry(entry: Entry) -> bool:
    """Whether *entry* is a ``/retry``, in whose place something that was said before is asked."""
    return isinstance(entry.event, Message) and command_of(entry.event) == "retry"


def sentence(error: PlatformError, language: str) -> str:
    """What a person reads of *error*: never the agent's own words."""
    seconds = max(1, round(error.retry_after or 60))
    text = say(language, f"error_{error.kind}", ref=error.ref, seconds=seconds, limit=error.limit or "1 MiB")
    if error.kind is Kind.CANCELLED:
        text = say(language, "stopped") if error.partial else text
    return f"{error.partial}\n\n{text}" if error.partial.strip() else text


def _run_id(entry: Entry) -> str:
    """What names the run of *entry*: the same after a restart, another one for other words and for another try."""
    event = entry.event
    run = f"{event.surface}\n{event.id}\n{entry.generation}" + (f"\n{entry.retried}" if entry.retried else "")
    run += f"\nrevised {entry.revised}" if entry.revised else ""
    return hashlib.sha256(run.encode()).hexdigest()[:32]


def _turn(entry: Entry, message: Message, parts: Mapping[str, Sequence[wire.Part]]) -> wire.Turn:
    """What the agent is asked; a question of its own is answered, or withdrawn by talking of something else."""
    prompt = taken_prompt(entry)
    is_said_to_it = prompt is not None and not _is_retry(entry) and approvals.answers(prompt, message)
    return wire.Turn(
        run_id=_run_id(entry),
        messages=() if is_said_to_it else [*_turned(entry, message, parts)],
        context={"surface": message.surface}
        | ({"person": entry.account} if entry.account else {})
        | ({"locale": message.locale} if message.locale else {})
        | ({"quote": message.quote} if message.quote else {}),
        resume=prompt.resume if prompt else (),
    )


def _turned(entry: Entry, message: Message, parts: Mapping[str, Sequence[wire.Part]]) -> Iterator[wire.Spoken]:
    for one in spoken(entry, message):
        yield wire.Spoken(
            id=one.id, sender=one.sender, sender_name=one.sender_name, text=one.text, parts=parts.get(one.id, ())
        )


class _Draft:
    """An answer while it grows."""

    def __init__(self, language: str) -> None:
        self.text = ""
        self._language = language
        self._files: list[wire.File] = []
        self._end = wire.Finished()

    def take(self, event: wire.AgentEvent) -> None:
        """Add what *event* brings."""
        match event:
            case wire.Text(delta):
                self.text += delta
            case wire.WholeText(text):
                self.text = text
            case wire.File():
                self._files.append(event)
            case wire.Finished():
                self._end = event
            case _:
                pass

    def said(self) -> tuple[Said, Sequence[wire.Interrupt]]:
        """The whole of it, and what the agent asks at its end. Raises PlatformError where there is nothing to say."""
        if self._end.cancelled:
            raise PlatformError(Kind.CANCELLED, "stopped", partial=self.text)
        if self._end.interrupts:
            return Said(text=self.text, files=self._files), self._end.interrupts
        if not self.text.strip() and not self._files:
            raise PlatformError(Kind.EMPTY, "the run ended without a word")
        text = "\n\n".join([self.text, say(self._language, "cut")]) if self._end.is_cut else self.text
        return Said(text=text, files=self._files), ()
