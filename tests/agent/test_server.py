"""Who may connect, what a bad frame costs, and how the server stops."""

import asyncio
import json
import logging
import time
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.agent.contract_client import Client, connected, text_of
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.typing import Origin, Subprotocol

from platform_agent import AgentServer, wire


async def refused(url: str, **options: Any) -> InvalidStatus:
    with pytest.raises(InvalidStatus) as refusal:
        async with connect(url, **options):
            pass
    return refusal.value


@pytest.mark.parametrize("query", ["", "?", "?thread_id=", "?thread_id=a&thread_id=b", "?thread_id=%FF"])
async def test_a_connection_without_one_thread_id_is_refused(server: AgentServer, query: str) -> None:
    assert (await refused(f"{server.url}/{query}")).response.status_code == 400


async def test_the_token_is_asked_for_first() -> None:
    async with AgentServer.serve(token="s3cret-токен") as server:
        for header in (None, "Bearer wrong", "Basic s3cret", "Bearer", ""):
            headers = {"Authorization": header} if header is not None else {}
            response = (await refused(server.url, additional_headers=headers)).response
            assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
    async with (
        AgentServer.serve(token="s3cret") as server,
        connected(server.url, additional_headers={"Authorization": "bearer s3cret"}) as client,
    ):
        assert await client.say("hi") == "echo: hi"


async def test_the_token_is_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="platform_agent")
    async with AgentServer.serve(token="s3cret") as server:
        async with connected(server.url, additional_headers={"Authorization": "Bearer s3cret"}) as client:
            await client.say("hi")
        await refused(server.url, additional_headers={"Authorization": "Bearer other"})
    said = [record.getMessage() for record in caplog.records if record.name.startswith("platform_agent")]
    assert not [line for line in said if "s3cret" in line or "other" in line]


async def test_pages_in_a_browser_are_refused(server: AgentServer) -> None:
    refusal = await refused(f"{server.url}/?thread_id=a", origin=Origin("https://example.org"))
    assert refusal.response.status_code == 403


@pytest.mark.parametrize(
    ("offered", "selected"), [(None, None), (["other"], None), (["other", "ag-ui.v1"], "ag-ui.v1")]
)
async def test_the_subprotocol_is_selected_when_offered(
    server: AgentServer, offered: list[str] | None, selected: str | None
) -> None:
    subprotocols = [Subprotocol(name) for name in offered] if offered else None
    async with connect(f"{server.url}/any/path?thread_id=a", subprotocols=subprotocols) as socket:
        assert socket.subprotocol == selected
        await socket.send('{"type":"message","text":"hi"}')
        assert json.loads(await socket.recv())["type"] == "RUN_STARTED"


BAD_FRAMES: list[tuple[str | bytes, str]] = [
    ("", "not JSON"),
    ("hello", "not JSON"),
    ("[" * 100_000, "not JSON"),
    ("1" * 5000, "not JSON"),
    ("42", "not a JSON object"),
    ("[]", "not a JSON object"),
    ("null", "not a JSON object"),
    (b"{}", "binary"),
    ("{}", "type"),
    ('{"type":1}', "type"),
    ('{"type":"message"}', "text"),
    ('{"type":"message","text":["hi"]}', "text"),
    ('{"type":"run"}', "runId"),
    ('{"type":"run","runId":"","text":"hi"}', "runId"),
    ('{"type":"run","runId":7,"text":"hi"}', "runId"),
    ('{"type":"run","runId":"%s","text":"hi"}' % ("r" * 201), "runId"),
    ('{"type":"run","runId":"r"}', "text, messages or resume"),
    ('{"type":"run","runId":"r","text":7}', "text"),
    ('{"type":"run","runId":"r","messages":"hi"}', "messages"),
    ('{"type":"run","runId":"r","messages":["hi"]}', "messages"),
    ('{"type":"run","runId":"r","text":"hi","context":[{"description":1}]}', "description"),
    ('{"type":"run","runId":"r","resume":[{"interruptId":"i","status":"maybe"}]}', "resume.status"),
    ('{"type":"run","runId":"r","resume":[{"status":"resolved"}]}', "interruptId"),
    ('{"type":"abort","runId":3}', "runId"),
]


async def test_a_bad_frame_is_answered_and_the_socket_lives_on(client: Client) -> None:
    for frame, problem in BAD_FRAMES:
        await client.socket.send(frame)
        error = await client.frame()
        assert (error["type"], error["code"]) == ("RUN_ERROR", "protocol")
        assert problem in error["message"], frame
        if '"runId":"r","' in str(frame):
            assert error["metadata"] == {"runId": "r"}
    assert await client.say("hi") == "echo: hi"


async def test_unknown_frames_and_fields_are_ignored(client: Client) -> None:
    await client.socket.send('{"type":"ping"}')
    await client.socket.send('{"type":"ping","more":1}')
    frame = {"type": "run", "runId": "r", "future": {}, "messages": [{"content": [{"type": "hologram"}, 7, {}]}]}
    await client.socket.send(json.dumps(frame))
    assert text_of(await client.rest()).startswith("echo: \nattachment: hologram ?")


async def test_text_is_taken_from_the_messages_when_it_is_not_repeated(client: Client) -> None:
    content: list[Any] = [{"type": "text", "text": "two"}]
    messages = [{"id": "1", "role": "user", "content": "one"}, {"id": "2", "role": "user", "content": content}]
    await client.socket.send(json.dumps({"type": "run", "runId": "r", "messages": messages}))
    assert text_of(await client.rest()) == "echo: one\n\ntwo"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
names = st.sampled_from(["type", "runId", "text", "messages", "context", "resume", "interruptId", "status"])


@given(fields=st.dictionaries(names, json_values, max_size=8), kind=st.sampled_from(["run", "abort", "message"]))
def test_reading_any_json_gives_a_value_or_says_what_is_wrong(fields: dict[str, Any], kind: str) -> None:
    try:
        assert wire.read(json.dumps({**fields, "type": kind})) is not None
    except wire.Malformed as problem:
        assert str(problem)  # noqa: PT017 - either outcome is right, only a third would not be


async def test_a_frame_over_the_limit_closes_with_1009(client: Client) -> None:
    await client.socket.send("x" * (wire.MAX_FRAME_BYTES + 1))
    with pytest.raises(ConnectionClosedError) as closed:
        await client.socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_stopping_takes_less_than_a_second_whatever_goes_on() -> None:
    async with AsyncExitStack() as stack, AsyncExitStack() as serving:
        server = await serving.enter_async_context(AgentServer.serve())
        mute = (await asyncio.open_connection("127.0.0.1", int(server.url.rsplit(":", 1)[1])))[1]
        stack.callback(mute.close)
        client = await stack.enter_async_context(connected(server.url))
        await client.send_run("/demo silent 60 text")
        await client.until("TEXT_MESSAGE_CONTENT")
        reading = asyncio.create_task(_read_to_the_end(client))
        began = time.monotonic()
        await serving.aclose()
        assert time.monotonic() - began < 1
        closed = await reading
        assert closed.rcvd is not None
        assert closed.rcvd.code == 1012
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def _read_to_the_end(client: Client) -> ConnectionClosedError:
    with pytest.raises(ConnectionClosedError) as closed:
        await client.frame()
    return closed.value


async def test_an_address_in_use_is_an_os_error(server: AgentServer) -> None:
    port = int(server.url.rsplit(":", 1)[1])
    with pytest.raises(OSError, match="address already in use"):
        async with AgentServer.serve(port=port):
            pass
