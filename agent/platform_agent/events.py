"""What an agent says: the events of the contract, made in one place."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from platform_agent.wire import PROTOCOL_VERSION, Turn

Event = dict[str, Any]

# A longer piece of text is cut into several events, so that no frame comes near the limit of 1 MiB.
PIECE_CHARS = 4000


@dataclass(frozen=True, slots=True)
class Raw:
    """A frame sent exactly as it is, for agents that show how a broken one looks."""

    frame: str | bytes


@dataclass(frozen=True, slots=True)
class Hangup:
    """The connection ends here: with this close code, or with none as if the cable were cut."""

    code: int | None = None


Frame = Event | Raw | Hangup


def started(run_id: str) -> Event:
    """The run has begun: from now on it is never repeated for this `runId`."""
    return {"type": "RUN_STARTED", "runId": run_id, "protocolVersion": PROTOCOL_VERSION}


def say(turn: Turn, pieces: str | Iterable[str], message: str = "answer") -> Iterator[Event]:
    """A whole message of the assistant, in the given pieces."""
    yield from message_of(f"{turn.run_id}-{message}", pieces)


def message_of(message_id: str, pieces: str | Iterable[str]) -> Iterator[Event]:
    """A whole message of the assistant under this id."""
    yield begin_text(message_id)
    for piece in [pieces] if isinstance(pieces, str) else pieces:
        yield from add_text(message_id, piece)
    yield end_text(message_id)


def begin_text(message_id: str) -> Event:
    """A message of the assistant begins."""
    return {"type": "TEXT_MESSAGE_START", "messageId": message_id, "role": "assistant"}


def add_text(message_id: str, piece: str) -> Iterator[Event]:
    """The next piece of a message."""
    for start in range(0, len(piece), PIECE_CHARS):
        yield {
            "type": "TEXT_MESSAGE_CONTENT",
            "messageId": message_id,
            "delta": piece[start : start + PIECE_CHARS],
        }


def end_text(message_id: str) -> Event:
    """A message of the assistant is complete."""
    return {"type": "TEXT_MESSAGE_END", "messageId": message_id}


def begin_reasoning(turn: Turn) -> list[Event]:
    """A span of reasoning begins; hosts hide it by default."""
    return [
        {"type": "REASONING_START", "messageId": f"{turn.run_id}-reasoning"},
        {"type": "REASONING_MESSAGE_START", "messageId": f"{turn.run_id}-thought", "role": "reasoning"},
    ]


def add_reasoning(turn: Turn, piece: str) -> Event:
    """The next piece of reasoning."""
    return {"type": "REASONING_MESSAGE_CONTENT", "messageId": f"{turn.run_id}-thought", "delta": piece}


def end_reasoning(turn: Turn) -> list[Event]:
    """The reasoning is complete."""
    return [
        {"type": "REASONING_MESSAGE_END", "messageId": f"{turn.run_id}-thought"},
        {"type": "REASONING_END", "messageId": f"{turn.run_id}-reasoning"},
    ]


def call_tool(call_id: str, name: str, arguments: str) -> Iterator[Event]:
    """A tool call with its arguments (JSON text)."""
    yield {"type": "TOOL_CALL_START", "toolCallId": call_id, "toolCallName": name}
    yield {"type": "TOOL_CALL_ARGS", "toolCallId": call_id, "delta": arguments}
    yield {"type": "TOOL_CALL_END", "toolCallId": call_id}


def tool_result(call_id: str, content: str) -> Event:
    """What a tool returned."""
    return {
        "type": "TOOL_CALL_RESULT",
        "messageId": f"{call_id}-result",
        "toolCallId": call_id,
        "content": content,
        "role": "tool",
    }


def status(text: str) -> Event:
    """A line about what is going on."""
    return {"type": "CUSTOM", "name": "status", "value": {"text": text}}


def file(kind: str, name: str, mime_type: str, base64: str, size: int, caption: str = "") -> Event:
    """A file from the assistant; `kind` is image, audio, video or document, `size` is in bytes."""
    source = {"type": "data", "value": base64, "mimeType": mime_type}
    metadata = {"name": name, "size": size} | ({"caption": caption} if caption else {})
    value = {"type": kind, "source": source, "metadata": metadata}
    return {"type": "CUSTOM", "name": "file", "value": value}


def finished(
    run_id: str,
    outcome: Literal["success", "interrupt", "cancelled"] = "success",
    *,
    interrupts: list[Event] | None = None,
    result: Event | None = None,
    usage: list[Event] | None = None,
) -> Event:
    """The run ended without failing; an interrupt says what it waits for."""
    kind = {"type": outcome, **({"interrupts": interrupts} if interrupts else {})}
    event = {"type": "RUN_FINISHED", "runId": run_id, "outcome": kind, "result": result, "usage": usage}
    return {key: value for key, value in event.items() if value is not None}


def failed(
    code: str, message: str, *, run_id: str | None = None, retry_after: float | None = None, detail: str = ""
) -> Event:
    """The run failed; `message` and `detail` are for the operator, `retry_after` is in seconds.

    AG-UI gives RUN_ERROR no `runId`, so it travels in the metadata.
    """
    known = {"runId": run_id, "retryAfter": retry_after, "detail": detail or None}
    metadata = {key: value for key, value in known.items() if value is not None}
    event: Event = {"type": "RUN_ERROR", "message": message, "code": code}
    return {**event, "metadata": metadata} if metadata else event


ENDINGS = frozenset({"RUN_FINISHED", "RUN_ERROR"})

_CLOSED_BY = {
    "TEXT_MESSAGE_START": ("TEXT_MESSAGE_END", "messageId"),
    "REASONING_START": ("REASONING_END", "messageId"),
    "REASONING_MESSAGE_START": ("REASONING_MESSAGE_END", "messageId"),
    "TOOL_CALL_START": ("TOOL_CALL_END", "toolCallId"),
    "STEP_STARTED": ("STEP_FINISHED", "stepName"),
}


class OpenParts:
    """The messages, calls and steps that have begun and not ended: AG-UI wants them closed before RUN_FINISHED."""

    def __init__(self) -> None:
        self._closing: dict[tuple[str, str], Event] = {}

    def note(self, event: Event) -> None:
        """Take one event into account."""
        kind = event["type"]
        if kind in _CLOSED_BY:
            closing, key = _CLOSED_BY[kind]
            self._closing[closing, event[key]] = {"type": closing, key: event[key]}
        for closing, key in _CLOSED_BY.values():
            if kind == closing:
                self._closing.pop((closing, event[key]), None)

    def closing(self) -> list[Event]:
        """The events that close what is open, innermost first."""
        return list(reversed(self._closing.values()))
