"""Approvals, offline: a run that ends with a question, and the run that comes back with the answer."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from platform_agent import events
from platform_agent.backend import AgentError
from platform_agent.events import Event
from platform_agent.threads import Thread
from platform_agent.wire import Decision, Turn

_APPROVED = {"type": "object", "properties": {"approved": {"type": "boolean"}}, "required": ["approved"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A file that would be deleted, if the person agrees in time."""

    name: str
    call_id: str
    expires_at: datetime


def _asked(thread: Thread) -> dict[str, Asked]:
    """The open questions of a thread by interrupt id."""
    asked: dict[str, Asked] = thread.notes.setdefault("asked", {})
    return asked


async def ask(thread: Thread, turn: Turn, names: list[str], seconds: int) -> AsyncIterator[Event]:
    """One tool call and one question for each name; the run ends there, waiting."""
    interrupts = []
    for number, name in enumerate(names, start=1):
        expires_at = datetime.now(UTC) + timedelta(seconds=seconds)
        question = Asked(name=name, call_id=f"{turn.run_id}-call-{number}", expires_at=expires_at)
        _asked(thread)[f"{turn.run_id}-int-{number}"] = question
        for event in events.call_tool(question.call_id, "delete_file", json.dumps({"path": name})):
            yield event
        interrupts.append(_interrupt(f"{turn.run_id}-int-{number}", question))
    yield events.finished(turn.run_id, "interrupt", interrupts=interrupts)


def _interrupt(interrupt_id: str, question: Asked) -> Event:
    return {
        "id": interrupt_id,
        "reason": "tool_call",
        "toolCallId": question.call_id,
        "message": f"Delete {question.name}?",
        "expiresAt": question.expires_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "responseSchema": _APPROVED,
    }


def withdraw(thread: Thread) -> None:
    """Forget the open questions."""
    _asked(thread).clear()


def settle(thread: Thread, turn: Turn) -> list[Event]:
    """Close every open question as the turn says: by its decisions, or by a new message, which withdraws them."""
    asked = _asked(thread)
    decisions = {decision.interrupt_id: decision for decision in turn.decisions}
    if unknown := decisions.keys() - asked.keys():
        raise AgentError("protocol", f"no interrupt is open with the id {min(unknown)}")
    if decisions and (missing := asked.keys() - decisions.keys()):
        raise AgentError("protocol", f"all open interrupts are answered together; missing: {min(missing)}")
    settled: list[Event] = []
    sentences = []
    for interrupt_id, question in asked.items():
        result, sentence = _verdict(question, decisions.get(interrupt_id))
        settled.append(events.tool_result(question.call_id, result))
        sentences.append(sentence)
    asked.clear()
    if decisions and not turn.is_message:
        settled.extend(_report(turn, sentences))
    return settled


def _report(turn: Turn, sentences: list[str]) -> Iterator[Event]:
    return events.say(turn, "\n".join(sentences), "settled")


def _verdict(question: Asked, decision: Decision | None) -> tuple[str, str]:
    """The tool's result, and the sentence for the person."""
    if decision is None or not decision.resolved:
        return "cancelled", f"Cancelled: {question.name} is kept."
    if datetime.now(UTC) >= question.expires_at:
        return "expired", f"Too late: {question.name} is kept."
    if decision.approved:
        return "deleted", f"Deleted {question.name}."
    return "denied", f"Denied: {question.name} is kept."
