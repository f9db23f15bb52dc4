"""What is said to one message: by the host itself for its own commands, by the agent for everything else."""

import hashlib
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from typing import Any

from surfacehost.agent import wire
from surfacehost.agent.client import AgentSessionClient
from surfacehost.commands_in_chat import command_of
from surfacehost.errors import Kind, PlatformError
from surfacehost.events import Message, ReplyKind
from surfacehost.store.inbox import Entry
from surfacehost.texts import language_of, say
from surfacehost.threads import decode, encode

YES = frozenset({"yes", "y", "ok", "approve", "/approve", "!approve", "да", "ок", "✅", "👍"})
NO = frozenset({"no", "n", "deny", "/deny", "!deny", "нет", "❌", "👎"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The whole answer to a message, Markdown, and what it changes about the thread."""

    text: str = ""
    kind: ReplyKind = "answer"
    generation: int | None = None
    interrupts: Sequence[Mapping[str, Any]] | None = None


class Conversation:
    """Makes answers; sends nothing and stores nothing."""

    def __init__(self, agent: AgentSessionClient, locale: str) -> None:
        self._agent = agent
        self._locale = locale

    def language(self, message: Message) -> str:
        """The language to speak to the person of *message*."""
        return language_of(message.locale, self._locale)

    async def reply_to(
        self, entry: Entry, message: Message, asked: Callable[[], None], interval_s: float
    ) -> AsyncGenerator[str | Said, None]:
        """The answer so far, every *interval_s* at most, and at last what is said. Raises PlatformError.

        *asked* is called when the agent is about to be asked.
        """
        command = command_of(message)
        if command is not None:
            yield await self._obey(command, entry, message)
            return
        asked()
        thread_id = thread_of(entry)
        draft = _Draft(self.language(message))
        shown, shown_at = "", 0.0
        async with aclosing(self._agent.run(thread_id, _turn(entry, message))) as events:
            async for event in events:
                draft.take(event)
                if draft.text != shown and time.monotonic() - shown_at >= interval_s:
                    shown, shown_at = draft.text, time.monotonic()
                    yield shown
        yield draft.said()

    def stranger(self, message: Message) -> Said:
        """What someone reads who may not talk."""
        return Said(text=say(self.language(message), "stranger", id=message.sender), kind="notice")

    async def _obey(self, command: str, entry: Entry, message: Message) -> Said:
        """Do what the host itself is told, and say so."""
        language = self.language(message)
        match command:
            case "new":
                return Said(text=say(language, "new"), kind="notice", generation=entry.generation + 1, interrupts=())
            case "stop":
                was_running = await self._agent.abort(thread_of(entry))
                return Said(text="" if was_running else say(language, "nothing_to_stop"), kind="notice")
            case "status":
                await self._agent.probe()
                agent = say(language, "status_down" if self._agent.trouble else "status_up")
                return Said(text=say(language, "status", agent=agent, thread=thread_of(entry)), kind="notice")
            case "start":  # what Telegram's clients send when a person opens the chat
                return Said(text=say(language, "greeting"), kind="notice")
            case "whoami":
                return Said(text=say(language, "whoami", id=message.sender), kind="notice")
            case _:
                return Said(text=say(language, "help").strip(), kind="notice")


def thread_of(entry: Entry) -> str:
    """The agent's name for the conversation of *entry*: its key in the present generation."""
    return encode(replace(decode(encode(entry.event.key)), generation=entry.generation))


def sentence(error: PlatformError, language: str) -> str:
    """What a person reads of *error*: never the agent's own words."""
    seconds = max(1, round(error.retry_after or 60))
    text = say(language, f"error_{error.kind}", ref=error.ref, seconds=seconds, limit=error.limit or "1 MiB")
    if error.kind is Kind.CANCELLED:
        text = say(language, "stopped") if error.partial else text
    return f"{error.partial}\n\n{text}" if error.partial.strip() else text


def _turn(entry: Entry, message: Message) -> wire.Turn:
    """What the agent is asked; an open approval is answered, or withdrawn by talking of something else."""
    decision = _decision(message.text) if entry.interrupts else None
    payload: Mapping[str, Any] = (
        {"status": "cancelled"} if decision is None else {"status": "resolved", "payload": {"approved": decision}}
    )
    run = f"{message.surface}\n{message.id}\n{entry.generation}" + (f"\n{entry.retried}" if entry.retried else "")
    return wire.Turn(
        run_id=hashlib.sha256(run.encode()).hexdigest()[:32],
        text=message.text if decision is None else "",
        event_id=message.id,
        sender=message.sender,
        sender_name=message.sender_name,
        context={"surface": message.surface} | ({"locale": message.locale} if message.locale else {}),
        resume=[{"interruptId": interrupt["id"], **payload} for interrupt in entry.interrupts],
    )


def _decision(text: str) -> bool | None:
    word = text.strip().rstrip(".!").casefold()
    return True if word in YES else False if word in NO else None


class _Draft:
    """An answer while it grows."""

    def __init__(self, language: str) -> None:
        self.text = ""
        self._language = language
        self._endings: list[str] = []
        self._end = wire.Finished()

    def take(self, event: wire.AgentEvent) -> None:
        """Add what *event* brings."""
        match event:
            case wire.Text(delta):
                self.text += delta
            case wire.WholeText(text):
                self.text = text
            case wire.File(name, _, url):
                is_link = url.startswith(("https://", "http://"))
                self._endings.append(say(self._language, "file" if is_link else "file_inline", name=name, url=url))
            case wire.Finished():
                self._end = event
            case _:
                pass

    def said(self) -> Said:
        """The whole of it. Raises PlatformError where there is nothing to say."""
        if self._end.cancelled:
            raise PlatformError(Kind.CANCELLED, "stopped", partial=self.text)
        if self._end.interrupts:
            questions = "\n".join(interrupt.question for interrupt in self._end.interrupts)
            prompt = say(self._language, "approval", question=questions)
            text = f"{self.text}\n\n{prompt}" if self.text.strip() else prompt
            return Said(text=text, kind="prompt", interrupts=[asdict(one) for one in self._end.interrupts])
        if not self.text.strip() and not self._endings:
            raise PlatformError(Kind.EMPTY, "the run ended without a word")
        if self._end.is_cut:
            self._endings.append(say(self._language, "cut"))
        return Said(text="\n\n".join([self.text, *self._endings]), interrupts=())
