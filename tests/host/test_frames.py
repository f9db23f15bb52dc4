"""What we say to the agent and what it may say, frame by frame, is AG-UI."""

import json

import ag_ui.core as ag
import pytest

from surfacehost.agent import wire
from surfacehost.errors import Kind, PlatformError

from .test_agent import THREAD, turn

FRAMES = [
    ('{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"x","new":1}', wire.Text("x")),
    ('{"type":"FROM_THE_FUTURE"}', None),
    ('{"type":"RUN_FINISHED","runId":"r","outcome":{"type":"from the future"}}', wire.Finished()),
    ('{"type":"CUSTOM","name":"status","value":{"text":"reading"}}', wire.Activity("reading")),
    ('{"type":"CUSTOM","name":"file","value":{"source":{"type":"carrier pigeon"}}}', None),
    ("[1]", wire.WholeText("[1]")),
    (b"\xff", wire.WholeText("\ufffd")),
]


def test_what_we_send_is_ag_ui() -> None:
    for asked in (
        turn(),
        turn(context={"surface": "toy"}),
        turn("", resume=[{"interruptId": "i", "status": "cancelled"}]),
    ):
        frame = json.loads(wire.run_frame(asked))
        assert frame.pop("type") == "run"
        frame.pop("text", None)
        ag.RunAgentInput.model_validate({"threadId": THREAD, "state": None, "tools": [], "context": [],
                                         "forwardedProps": None} | frame)  # fmt: skip


@pytest.mark.parametrize(("frame", "event"), FRAMES)
def test_what_a_frame_means(frame: str | bytes, event: wire.AgentEvent | None) -> None:
    assert wire.parse(frame, THREAD) == event


def test_a_malformed_frame_is_named_and_its_content_is_not() -> None:
    with pytest.raises(PlatformError) as caught:
        wire.parse('{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":{"secret":"hunter2"}}', THREAD)
    assert caught.value.kind is Kind.PROTOCOL
    assert "TEXT_MESSAGE_CONTENT" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("frame", ["Error: hunter2", '"hunter2"', b"\xff", ""])
def test_an_agent_that_speaks_events_has_no_bare_text_to_say(frame: str | bytes) -> None:
    with pytest.raises(PlatformError) as caught:
        wire.parse(frame, THREAD, wire.SUBPROTOCOL)
    assert caught.value.kind is Kind.PROTOCOL
    assert "hunter2" not in str(caught.value)


def test_every_event_type_of_the_standard_is_known() -> None:
    assert {kind.value for kind in ag.EventType} == wire._TYPES
