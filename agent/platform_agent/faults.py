"""The `/demo` commands that do what agents do when things go wrong."""

import asyncio
from collections.abc import AsyncIterator, Iterator

from platform_agent import events
from platform_agent.backend import AgentError
from platform_agent.demo import Call, Command, Usage
from platform_agent.events import Frame, Hangup, Raw
from platform_agent.wire import MAX_FRAME_BYTES

# What a provider might write into an error; it must never be seen in a chat.
OPERATOR_ONLY = "provider text, for the operator only"

_HALF = "This is the first half of an answer, "
_WHOLE = _HALF + "and this is the second half."


async def error(call: Call) -> AsyncIterator[Frame]:
    """A run that fails after it has begun."""
    code, retry_after = _code_and_delay(call)
    yield events.failed(
        code, OPERATOR_ONLY, run_id=call.turn.run_id, retry_after=retry_after, detail=f"/demo error {code}"
    )


async def partial(call: Call) -> AsyncIterator[Frame]:
    """A run that fails in the middle of its text."""
    code, retry_after = _code_and_delay(call)
    message_id = f"{call.turn.run_id}-answer"
    yield events.begin_text(message_id)
    for event in events.add_text(message_id, _HALF):
        yield event
    raise AgentError(code, OPERATOR_ONLY, retry_after=retry_after, detail=f"/demo partial {code}")


def _code_and_delay(call: Call) -> tuple[str, float | None]:
    if not call.words:
        raise Usage
    return call.words[0], call.number(1, 0, 86_400) if len(call.words) > 1 else None


async def refuse(call: Call) -> AsyncIterator[Frame]:
    """A run that is refused before it begins, so many times, and then answered."""
    code, times = call.word(0, ""), call.count(1, 1, 1000)
    retry_after = call.number(2, 0, 86_400) if len(call.words) > 2 else None
    if not code:
        raise Usage
    async for frame in _refuse(call, code, times, retry_after):
        yield frame


async def busy(call: Call) -> AsyncIterator[Frame]:
    """A run that is refused as busy, so many times, and then answered."""
    async for frame in _refuse(call, "busy", call.count(0, 1, 1000), None):
        yield frame


async def _refuse(call: Call, code: str, times: int, retry_after: float | None) -> AsyncIterator[Frame]:
    # Counted by the words, not by the runId: a client may try again with the same id or with a new one.
    refused = call.thread.notes.get("refused", ("", 0))
    count = refused[1] if refused[0] == call.turn.text else 0
    if count < times:
        call.thread.notes["refused"] = (call.turn.text, count + 1)
        raise AgentError(code, OPERATOR_ONLY, retry_after=retry_after, detail=f"refusal {count + 1} of {times}")
    call.thread.notes.pop("refused", None)
    yield events.started(call.turn.run_id)
    for event in events.say(call.turn, f"Accepted after {count} refusals."):
        yield event


async def silent(call: Call) -> AsyncIterator[Frame]:
    """Nothing at all for a time, or nothing after RUN_STARTED, or nothing after half an answer."""
    seconds, after = call.number(0, 600, 3600), call.word(1, "nothing")
    if after not in ("nothing", "start", "text"):
        raise Usage
    if after == "nothing":
        await asyncio.sleep(seconds)
    yield events.started(call.turn.run_id)
    if after == "start":
        await asyncio.sleep(seconds)
    message_id = f"{call.turn.run_id}-answer"
    yield events.begin_text(message_id)
    if after == "text":
        for event in events.add_text(message_id, _HALF):
            yield event
        await asyncio.sleep(seconds)
    for event in events.add_text(message_id, f"I was silent for {seconds:g} s."):
        yield event
    yield events.end_text(message_id)


async def drop(call: Call) -> AsyncIterator[Frame]:
    """An answer whose connection is cut after so many characters; the run itself goes on to its end."""
    chars = call.count(0, len(_HALF), len(_WHOLE))
    async for frame in _interrupted(call, chars, Hangup()):
        yield frame


async def close(call: Call) -> AsyncIterator[Frame]:
    """An answer whose connection is closed half-way with this code."""
    code = call.count(0, 1011, 4999)
    if not (code in (1000, 1001, 1002, 1003, 1008, 1009, 1011, 1012, 1013) or code >= 3000):
        raise Usage
    async for frame in _interrupted(call, len(_HALF), Hangup(code)):
        yield frame


async def _interrupted(call: Call, chars: int, hangup: Hangup) -> AsyncIterator[Frame]:
    message_id = f"{call.turn.run_id}-answer"
    yield events.begin_text(message_id)
    for event in events.add_text(message_id, _WHOLE[:chars]):
        yield event
    yield hangup
    for event in events.add_text(message_id, _WHOLE[chars:]):
        yield event
    yield events.end_text(message_id)


async def garbage(call: Call) -> AsyncIterator[Frame]:
    """Frames that a client must ignore, or one that it cannot."""
    kind = call.word(0, "unknown")
    frames = _ODDITIES if kind == "unknown" else _BROKEN.get(kind)
    if frames is None:
        raise Usage
    for frame in frames:
        yield frame
    for event in events.say(call.turn, f"That was garbage: {kind}."):
        yield event


# Well-formed, but of no meaning to this version of the contract: the run goes on.
_ODDITIES: tuple[Frame, ...] = (
    Raw('{"type":"FUTURE_EVENT","value":[1,2,3]}'),
    Raw('{"type":"FUTURE_EVENT","value":"again"}'),
    Raw('{"type":"CUSTOM","name":"future","value":null}'),
    Raw('{"type":"CUSTOM","name":"status","value":{"text":"working","futureField":{}},"futureField":true}'),
    Raw('{"type":"CUSTOM","name":"file","value":{"type":"hologram","source":{"type":"aether"}}}'),
    Raw('{"type":"STATE_SNAPSHOT","snapshot":{"any":"state"}}'),
    Raw('{"futureShape":true}'),
)

# A client cannot make sense of these; each kind alone.
_BROKEN: dict[str, tuple[Frame, ...]] = {
    "malformed": (Raw('{"type":"TEXT_MESSAGE_CONTENT","messageId":7,"delta":{"text":"wrong"}}'),),
    "text": (Raw("this is not JSON"),),
    "binary": (Raw(b"\xff\xfe\x00\x01"),),
    "huge": (Raw('{"type":"CUSTOM","name":"huge","value":"' + "x" * MAX_FRAME_BYTES + '"}'),),
}


async def crash(call: Call) -> AsyncIterator[Frame]:
    """A defect in the agent."""
    yield events.status("about to fail")
    raise RuntimeError(f"/demo crash in run {call.turn.run_id}")


async def empty(call: Call) -> AsyncIterator[Frame]:
    """A run that ends well without a word."""
    yield events.finished(call.turn.run_id)


def commands() -> Iterator[tuple[str, Command]]:
    """The commands of this file by name."""
    yield "error", Command(usage="/demo error <code> [s]", sentence="fails, try again in s seconds", run=error)
    yield "partial", Command(usage="/demo partial <code> [s]", sentence="fails in mid-answer", run=partial)
    yield (
        "refuse",
        Command(
            usage="/demo refuse <code> [n] [s]",
            sentence="n refusals before the start",
            run=refuse,
            begins_itself=True,
        ),
    )
    yield (
        "busy",
        Command(usage="/demo busy [n]", sentence="n times busy, then answers", run=busy, begins_itself=True),
    )
    yield (
        "silent",
        Command(
            usage="/demo silent [s] [nothing|start|text]",
            sentence="says nothing more for s seconds",
            run=silent,
            begins_itself=True,
        ),
    )
    yield "drop", Command(usage="/demo drop [chars]", sentence="cuts the connection in mid-answer", run=drop)
    yield "close", Command(usage="/demo close [code]", sentence="closes it with a code in mid-answer", run=close)
    yield (
        "garbage",
        Command(
            usage="/demo garbage [unknown|malformed|text|binary|huge]",
            sentence="sends frames no one expects",
            run=garbage,
        ),
    )
    yield "crash", Command(usage="/demo crash", sentence="a defect in the agent", run=crash)
    yield "empty", Command(usage="/demo empty", sentence="an answer without a word", run=empty)
