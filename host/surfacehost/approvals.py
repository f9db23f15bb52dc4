"""What the agent wants to be told before it goes on: how it is asked of a person, and what counts as an answer."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from surfacehost.agent.wire import Interrupt
from surfacehost.events import Choice, Event, Message, dump_event
from surfacehost.store.prompts import EXPIRED, OCCASION, TAKEN, Option, Prompt, number_of
from surfacehost.texts import literal, say

UNANSWERED_S = 900.0
"""How long a question stands whose agent doesn't say how long."""

MOST_OPTIONS = 9
"""A question with more answers than there are keycap emoji is answered in words."""

YES = frozenset({"yes", "y", "ok", "approve", "/approve", "!approve", "да", "ок", "✅", "👍"})
NO = frozenset({"no", "n", "deny", "/deny", "!deny", "нет", "❌", "👎"})
COMMANDS = frozenset({"/approve", "!approve", "/deny", "!deny"})
"""Words that are meant for the host alone, whether there is a question or not."""

_MARKS = str.maketrans("", "", "\ufe0e\ufe0f" + "".join(map(chr, range(0x1F3FB, 0x1F400))))
"""Variation selectors and skin tones (Unicode emoji, UTS #51)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was said to a question does not count; a sentence says why, or nothing does."""

    text: str = ""


def prompt_of(interrupts: Sequence[Interrupt], message: Message, person: str, language: str, *, now: float) -> Prompt:
    """What is asked of *person*, in the conversation of *message*, when a run has ended with *interrupts*."""
    options = _enumerated(interrupts) or [
        _option(say(language, "approve"), "✅", {"approved": True}),
        _option(say(language, "deny"), "❌", {"approved": False}),
    ]
    expires_at = min((one.expires_at for one in interrupts if one.expires_at), default=now + UNANSWERED_S)
    occasion = replace(
        message,
        id=f"{OCCASION}{message.id}", sender="", to=message.sender if message.direct else "", sender_name="",
        native={}, at=expires_at, text="", attachments=(), quote="", choice="", bundle="",
    )  # fmt: skip
    return Prompt(
        question="\n".join(one.question for one in interrupts),
        person=person,
        interrupts=tuple(one.id for one in interrupts),
        options=tuple(options),
        expires_at=expires_at,
        occasion=dump_event(occasion),
    )


def judged(
    prompt: Prompt | None, message: Message, number: int, owners: Collection[str], language: str, *, lane: str = ""
) -> Prompt | Refusal | None:
    """What *message*, the event *number*, does to the question that stands: the question decided, or why it isn't.

    None: the message has nothing to do with it. To talk of something else withdraws it. What was decided in another
    chat that shares the conversation stands no longer. *lane*: the chat of the message; a question that was asked in
    another one is decided there alone.
    """
    if prompt is None or (prompt.state == TAKEN and prompt.taken_by != number):
        return _to_nothing(message, language)
    if prompt.state == TAKEN:
        return prompt  # the host was stopped in between; what was decided stays
    if not message.sender:
        return _ended(prompt, message, number, language) if is_occasion(message) else None
    if answers(prompt, message):
        return _decided_by(prompt, message, number, owners, language, is_elsewhere=lane != prompt.lane)
    if message.choice:
        return Refusal(say(language, "too_late"))
    outcome = "prompt_expired" if prompt.state == EXPIRED else "prompt_withdrawn"
    return _cancelled(prompt, number, say(language, outcome))


def _to_nothing(message: Message, language: str) -> Refusal | None:
    """What becomes of *message* where nothing is asked."""
    if is_occasion(message):
        return Refusal()
    return Refusal(say(language, "too_late")) if message.choice or _word(message) in COMMANDS else None


def _ended(prompt: Prompt, occasion: Message, number: int, language: str) -> Prompt | Refusal:
    """What the time that has passed does to *prompt*: nothing where it is that of an earlier one, which is over."""
    if number_of(occasion) != prompt.number:
        return Refusal()
    return _cancelled(prompt, number, say(language, "prompt_withdrawn" if prompt.is_left else "prompt_expired"))


def _decided_by(
    prompt: Prompt, message: Message, number: int, owners: Collection[str], language: str, *, is_elsewhere: bool
) -> Prompt | Refusal:
    if is_elsewhere:
        return Refusal(say(language, "too_late" if message.choice else "asked_elsewhere"))
    if prompt.person and message.sender not in (prompt.person, *owners):
        return Refusal(say(language, "not_yours"))
    if prompt.state == EXPIRED:
        return Refusal(say(language, "too_late"))
    if (option := _taken(prompt, message)) is None:
        return _cancelled(prompt, number, f"❌ {say(language, 'deny')}{_by(message)}")
    answer = {"status": "resolved", "payload": option.payload}
    return _decided(prompt, number, answer, f"{option.choice.mark} {literal(option.choice.label)}{_by(message)}")


def _by(message: Message) -> str:
    """Who decided, as people know them: an id only in a group, where it tells who of them it was."""
    name = " ".join(message.sender_name.split()) or ("" if message.direct else message.sender)
    return f" · {literal(name)}" if name else ""


def answers(prompt: Prompt, message: Message) -> bool:
    """Whether *message* says something to *prompt*, and is not a message for the agent."""
    is_host = not message.sender
    return is_host or _taken(prompt, message) is not None or (not message.choice and _word(message) in NO)


def is_word(message: Message) -> bool:
    """Whether *message* is a word that decides, should something be asked."""
    return _word(message) in YES | NO


def shown(prompt: Prompt, language: str) -> str:
    """The text that asks *prompt* of a person, Markdown."""
    if any(option.payload == {"approved": True} for option in prompt.options):
        return say(language, "approval", question=prompt.question)
    choices = " · ".join(f"**{literal(option.choice.label)}**" for option in prompt.options)
    return say(language, "approval_among", question=prompt.question, choices=choices)


def is_occasion(event: Event) -> bool:
    """Whether *event* is the host's own, which tells the agent that the time of a question has passed."""
    return not event.sender and event.id.startswith(OCCASION)


def _word(message: Message) -> str:
    return message.text.strip().rstrip(".!").casefold().translate(_MARKS)


def _taken(prompt: Prompt, message: Message) -> Option | None:
    """Which of what can be said was said, by a button, a reaction or in words."""
    for option in prompt.options:
        if message.choice == option.choice.id if message.choice else _word(message) in _words(option):
            return option
    return None


def _words(option: Option) -> Collection[str]:
    own = {option.choice.label.casefold(), option.choice.mark.translate(_MARKS)}
    return own | (YES if option.payload == {"approved": True} else NO if option.payload == {"approved": False} else own)


def _enumerated(interrupts: Sequence[Interrupt]) -> list[Option]:
    """One option for each value, where the only question has a single answer with a few of them."""
    if len(interrupts) != 1 or not isinstance(properties := interrupts[0].schema.get("properties"), Mapping):
        return []
    fields = [(name, rule) for name, rule in properties.items() if isinstance(rule, Mapping)]
    values = fields[0][1].get("enum") if len(fields) == 1 else None
    if not isinstance(values, list) or not 0 < len(values) <= MOST_OPTIONS:
        return []
    return [_option(str(value), f"{n}\ufe0f\u20e3", {fields[0][0]: value}) for n, value in enumerate(values, 1)]


def _option(label: str, mark: str, payload: Any) -> Option:  # noqa: ANN401 - JSON
    token = secrets.token_urlsafe(8)[:10]
    return Option(choice=Choice(id=token, label=label, mark=mark), payload=payload)


def _cancelled(prompt: Prompt, number: int, outcome: str) -> Prompt:
    return _decided(prompt, number, {"status": "cancelled"}, outcome)


def _decided(prompt: Prompt, number: int, answer: Mapping[str, Any], outcome: str) -> Prompt:
    resume = tuple({"interruptId": one, **answer} for one in prompt.interrupts)
    return replace(prompt, state=TAKEN, taken_by=number, resume=resume, outcome=outcome)
