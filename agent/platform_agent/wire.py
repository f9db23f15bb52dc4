"""What a client may say: its frames read into values, and anything else refused with the field at fault."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PROTOCOL_VERSION = "1.0"
SUBPROTOCOL = "ag-ui.v1"
MAX_FRAME_BYTES = 1024 * 1024
MAX_RUN_ID_CHARS = 200


class Malformed(ValueError):
    """A client's frame cannot be read; the text names the field."""

    def __init__(self, problem: str, run_id: str | None = None) -> None:
        super().__init__(problem)
        self.run_id = run_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An answer to one interrupt: `resolved` with what the person chose, or `cancelled`."""

    interrupt_id: str
    resolved: bool
    payload: Any = None

    @property
    def approved(self) -> bool:
        """Whether the person said yes; anything but `{"approved": true}` is no."""
        return self.resolved and isinstance(self.payload, dict) and self.payload.get("approved") is True


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One `run` frame: what is new in the conversation since the last one."""

    run_id: str
    text: str = ""
    messages: tuple[Mapping[str, Any], ...] = ()
    context: Mapping[str, str] = field(default_factory=dict)
    decisions: tuple[Decision, ...] = ()

    @property
    def is_message(self) -> bool:
        """Whether a person said something (a run that only answers interrupts has neither text nor messages)."""
        return bool(self.text or self.messages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort:
    """Stop this run; without an id, whatever runs in the thread."""

    run_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """The client has this message, that nobody asked for, safe."""

    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A frame of a type that this version does not know: ignored, as the contract asks."""

    type: str


def read(frame: str | bytes) -> Turn | Abort | Received | Unknown:
    """Read one client frame; `Malformed` says what is wrong with it."""
    fields = _object(frame)
    match fields.get("type"):
        case "run":
            return _turn(fields)
        case "message":
            return Turn(run_id=f"run-{uuid.uuid4().hex}", text=_text(fields, "text", None))
        case "abort":
            return Abort(run_id=_run_id(fields) if "runId" in fields else None)
        case "received":
            return Received(message_id=_text(fields, "messageId", None))
        case str(other):
            return Unknown(type=other[:100])
        case _:
            raise Malformed("type: a string is required")


def _object(frame: str | bytes) -> dict[str, Any]:
    if isinstance(frame, bytes):
        raise Malformed("the frame is binary: text frames only")
    try:
        fields = json.loads(frame)
    except (ValueError, RecursionError):  # RecursionError: brackets nested deeper than the parser goes
        raise Malformed("the frame is not JSON") from None
    if not isinstance(fields, dict):
        raise Malformed("the frame is not a JSON object")
    return fields


def _turn(fields: dict[str, Any]) -> Turn:
    run_id = _run_id(fields)
    try:
        messages = tuple(_objects(fields, "messages"))
        text = _text(fields, "text", _words(messages))
        context = {_text(item, "description", None): _text(item, "value", None) for item in _objects(fields, "context")}
        decisions = tuple(_decision(item) for item in _objects(fields, "resume"))
    except Malformed as problem:
        raise Malformed(str(problem), run_id) from None
    if not (text or messages or decisions):
        raise Malformed("text, messages or resume: one of them is required", run_id)
    return Turn(run_id=run_id, text=text, messages=messages, context=context, decisions=decisions)


def _run_id(fields: dict[str, Any]) -> str:
    run_id = _text(fields, "runId", None)
    if not 0 < len(run_id) <= MAX_RUN_ID_CHARS:
        raise Malformed(f"runId: 1 to {MAX_RUN_ID_CHARS} characters are required")
    return run_id


def _decision(item: dict[str, Any]) -> Decision:
    status = item.get("status")
    if status not in ("resolved", "cancelled"):
        raise Malformed("resume.status: resolved or cancelled is required")
    return Decision(
        interrupt_id=_text(item, "interruptId", None),
        resolved=status == "resolved",
        payload=item.get("payload"),
    )


def _words(messages: tuple[Mapping[str, Any], ...]) -> str:
    """The text of the messages, for clients that do not repeat it in `text`."""
    return "\n\n".join(part["text"] for part in parts(messages) if isinstance(part.get("text"), str))


def parts(messages: tuple[Mapping[str, Any], ...]) -> list[dict[str, Any]]:
    """The content parts of messages in order; plain string content counts as one text part."""
    found: list[dict[str, Any]] = []
    for message in messages:
        content = message.get("content")
        if isinstance(content, str):
            found.append({"type": "text", "text": content})
        elif isinstance(content, list):
            found.extend(part for part in content if isinstance(part, dict))
    return found


def _objects(fields: dict[str, Any], name: str) -> list[dict[str, Any]]:
    value = fields.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Malformed(f"{name}: a list of objects is required")
    return value


def _text(fields: dict[str, Any], name: str, default: str | None) -> str:
    """The string in a field; without a default the field is required."""
    value = fields.get(name, default)
    if not isinstance(value, str):
        raise Malformed(f"{name}: a string is required")
    return value


def encode(event: Mapping[str, Any]) -> str:
    """One event as the text of a frame."""
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair: legal as a JSON escape, impossible in UTF-8
        return json.dumps(event, separators=(",", ":"))
    return text
