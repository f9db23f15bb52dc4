"""The wire contract with the agent: AG-UI 1.0 events, one JSON object per text frame; the only file that knows it.

The payload knows no threads: ``threadId``, which AG-UI requires, is in the URL and is filled in before validation. An
unknown event type, property or union member is ignored and the run goes on; a known field of the wrong type ends the
run as ``protocol``. Agents that just send text work as well: such a frame is a whole reply.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

import ag_ui.core as ag
from pydantic import TypeAdapter, ValidationError

from surfacehost.errors import Kind, PlatformError
from surfacehost.jsontext import dump, whole

SUBPROTOCOL: Final = "ag-ui.v1"
VERSION: Final = "1.0"

_EVENT: Final[TypeAdapter[Any]] = TypeAdapter(ag.Event)
_TYPES: Final = frozenset(kind.value for kind in ag.EventType)
_OUTCOMES: Final = frozenset({"success", "interrupt", "cancelled"})


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The agent has begun; from here on the run is never repeated on our account."""

    run_id: str


@dataclass(frozen=True, slots=True)
class Text:
    """More of the answer, Markdown."""

    delta: str
    message_id: str = field(default="", compare=False)
    is_chunk: bool = field(default=False, compare=False)
    """Whether nothing will say that the message ends."""


@dataclass(frozen=True, slots=True)
class TextEnd:
    """One message is whole; more of the answer may follow."""

    message_id: str


@dataclass(frozen=True, slots=True)
class WholeText:
    """The whole answer of an agent that just sends text; it ends the run."""

    text: str
    message_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Activity:
    """The agent is at work; *label* says at what, empty when that is nobody's business."""

    label: str = ""
    is_tool: bool = False
    """Whether it used a tool: it may have acted."""


@dataclass(frozen=True, slots=True)
class File:
    """A file for the person."""

    name: str
    mime_type: str
    url: str
    """Where it is, or a ``data:`` URL."""
    caption: str = ""
    """What stands under it, Markdown."""


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Something the agent wants to be told before it goes on."""

    id: str
    question: str
    expires_at: float = 0.0
    """When it can't be answered any more, in seconds since the epoch; 0: the agent doesn't say."""
    schema: Mapping[str, Any] = field(default_factory=dict)
    """JSON Schema of an answer."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The run has ended as it should; with interrupts, it waits for a person."""

    cancelled: bool = False
    is_cut: bool = False
    """Whether the answer ends where the model's limit was, not where it was done."""
    interrupts: tuple[Interrupt, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The agent says that it could not answer."""

    error: PlatformError


@dataclass(frozen=True, slots=True)
class Busy:
    """Another run is on in this thread; nobody is at fault, the message waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file for the agent."""

    kind: str
    """``image``, ``audio``, ``video`` or ``document``."""
    name: str
    mime_type: str
    size: int
    """In bytes."""
    url: str


AgentEvent = RunStarted | Text | TextEnd | WholeText | Activity | File | Finished | Failed | Busy


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """One message of a person."""

    id: str
    sender: str
    sender_name: str = ""
    text: str = ""
    parts: Sequence[Part] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What the agent is asked."""

    run_id: str
    """The same after a restart: an agent that has seen it joins or repeats its answer."""
    messages: Sequence[Spoken] = ()
    """What is new, oldest first; none where only questions are answered."""
    context: Mapping[str, str] = field(default_factory=dict)
    resume: Sequence[Mapping[str, Any]] = ()
    """Answers to the open interrupts."""


def run_frame(turn: Turn) -> str:
    """The frame that asks."""
    said = [one for one in turn.messages if one.text or one.parts]
    frame: dict[str, Any] = {
        "type": "run", "runId": turn.run_id, "protocolVersion": VERSION, "messages": [*map(_message, said)]
    }  # fmt: skip
    if said:
        frame["text"] = _text(turn)
    if turn.context:
        frame["context"] = [{"description": name, "value": value} for name, value in turn.context.items()]
    if turn.resume:
        frame["resume"] = list(turn.resume)
    return json.dumps(frame, ensure_ascii=False)


def bare_text(turn: Turn) -> str:
    """What an agent is asked that reads bare text: the words, and a line for each file."""
    parts = [part for one in turn.messages for part in one.parts]
    lines = [f"[{part.name} ({part.mime_type}, {part.size} bytes): {part.url}]" for part in parts]
    return "\n".join(filter(None, [_text(turn), *lines]))


def _text(turn: Turn) -> str:
    return "\n".join(one.text for one in turn.messages if one.text)


def _message(one: Spoken) -> dict[str, Any]:
    text = [{"type": "text", "text": one.text}] if one.text else []
    return {"id": one.id, "role": "user", "name": one.sender_name or one.sender,
            "content": [*text, *map(_part, one.parts)], "metadata": {"userId": one.sender}}  # fmt: skip


def _part(part: Part) -> dict[str, Any]:
    source = {"type": "url", "value": part.url, "mimeType": part.mime_type}
    return {"type": part.kind, "source": source, "metadata": {"name": part.name, "size": part.size}}


def abort_frame(run_id: str) -> str:
    """The frame that stops a run."""
    return json.dumps({"type": "abort", "runId": run_id})


def received_frame(message_id: str) -> str:
    """The frame that confirms a message that nobody asked for: it is stored."""
    return json.dumps({"type": "received", "messageId": message_id})


def parse(frame: str | bytes, thread_id: str, subprotocol: str | None = None) -> AgentEvent | None:
    """What *frame* says; None for what we need not know. Raises PlatformError ``protocol`` for a malformed one.

    *subprotocol*: what the agent has selected. One that speaks ``SUBPROTOCOL`` has no bare text to say: such a frame is
    the trace of an exception, or a proxy's page, and nothing for people.
    """
    text = frame if isinstance(frame, str) else frame.decode("utf-8", "replace")
    try:
        data = json.loads(text)
    except ValueError:
        data = None
    if not isinstance(data, dict) and subprotocol == SUBPROTOCOL:
        raise PlatformError(Kind.PROTOCOL, f"a frame of {len(text)} characters that is no JSON object")
    if not isinstance(data, dict):
        return WholeText(whole(data) if isinstance(data, str) else text)
    kind = data.get("type")
    if isinstance(kind, str) and kind in _TYPES:
        delta = data.get("delta")
        event = _event(kind, json.loads(dump(data)), thread_id)
        # The delta as it came: of a character whose two halves came in two deltas each alone is not valid.
        return replace(event, delta=delta) if isinstance(event, Text) and isinstance(delta, str) else event
    if kind in (None, "message") and isinstance(data.get("text"), str):
        return WholeText(whole(data["text"]), str(data.get("messageId") or ""))
    return None


def _event(kind: str, data: dict[str, Any], thread_id: str) -> AgentEvent | None:
    if kind in ("RUN_STARTED", "RUN_FINISHED"):
        data.setdefault("threadId", thread_id)
    outcome = data.get("outcome")
    if isinstance(outcome, dict) and outcome.get("type") not in _OUTCOMES:
        del data["outcome"]  # of a later minor version: the run has ended all the same
    try:
        event = _EVENT.validate_python(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PlatformError(Kind.PROTOCOL, f"{kind} {where}: {first['msg']}") from None
    return _translate(event)


def _translate(event: Any) -> AgentEvent | None:  # noqa: ANN401, PLR0911 - one line for each thing an agent can say
    match event:
        case ag.RunStartedEvent():
            return RunStarted(event.run_id)
        case ag.TextMessageContentEvent():
            return Text(event.delta, event.message_id)
        case ag.TextMessageChunkEvent():
            return Text(event.delta or "", event.message_id or "", is_chunk=True)
        case ag.TextMessageEndEvent():
            return TextEnd(event.message_id)
        case ag.ToolCallStartEvent():
            return Activity(event.tool_call_name, is_tool=True)
        case ag.StepStartedEvent():
            return Activity(event.step_name)
        case ag.CustomEvent():
            return _custom(event.name, event.value)
        case ag.RunFinishedEvent():
            return _finished(event)
        case ag.RunErrorEvent():
            return Busy() if event.code == "busy" else Failed(_failure(event))
        case _:
            return Activity()


def _custom(name: str, value: Any) -> AgentEvent | None:  # noqa: ANN401 - any JSON
    if not isinstance(value, dict):
        return None
    if name == "status":
        return Activity(str(value.get("text", "")))
    if name != "file":
        return None
    source, metadata = value.get("source"), value.get("metadata")
    if not isinstance(source, dict) or source.get("type") not in ("url", "data"):
        return None
    metadata = metadata if isinstance(metadata, dict) else {}
    mime_type = str(source.get("mimeType", "application/octet-stream"))
    data = str(source.get("value", ""))
    url = data if source["type"] == "url" else f"data:{mime_type};base64,{data}"
    caption = metadata.get("caption")
    return File(str(metadata.get("name", "file")), mime_type, url, caption if isinstance(caption, str) else "")


def _finished(event: Any) -> Finished:  # noqa: ANN401 - ag.RunFinishedEvent
    kind = getattr(event.outcome, "type", "success")
    interrupts = getattr(event.outcome, "interrupts", None) or ()
    return Finished(
        cancelled=kind == "cancelled",
        is_cut=isinstance(event.result, dict) and event.result.get("stopReason") == "length",
        interrupts=tuple(
            Interrupt(one.id, one.message or one.reason, _when(one.expires_at), one.response_schema or {})
            for one in interrupts
        ),
    )


def _when(text: str | None) -> float:
    """The moment that *text* is by ISO 8601, in UTC where it doesn't say; 0 for what is no moment."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _failure(event: Any) -> PlatformError:  # noqa: ANN401 - ag.RunErrorEvent
    extra = getattr(event, "metadata", None)
    metadata = extra if isinstance(extra, dict) else {}
    code = (event.code or "").lower()
    kind = Kind(code) if code in {kind.value for kind in Kind} else Kind.INTERNAL
    after = metadata.get("retryAfter")
    detail = " ".join(str(part) for part in (event.code, event.message, metadata.get("detail")) if part)
    return PlatformError(
        kind, f"the agent says: {detail}", retry_after=after if isinstance(after, int | float) else None
    )
