"""Real mode against a provider that misbehaves in every way providers do."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.agent.contract_client import Client, connected, text_of

from platform_agent import AgentServer
from platform_agent.heartbeat import with_heartbeat
from platform_agent.openai_backend import Misconfigured, OpenAIBackend
from platform_agent.provider_errors import retry_after

KEY = "sk-test-s3cret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One HTTP answer; `cut` ends the connection in the middle of a chunked body, `hold` keeps it open."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    cut: bool = False
    hold: float = 0


def chunk(**fields: Any) -> str:
    choice = {"index": 0, "delta": fields.pop("delta", {}), "finish_reason": fields.pop("finish_reason", None)}
    return "data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", "choices": [choice], **fields}) + "\n\n"


def stream(*pieces: str, finish: str | None = "stop", **options: Any) -> Reply:
    body = "".join(chunk(delta={"content": piece}) for piece in pieces)
    body += chunk(finish_reason=finish) + "data: [DONE]\n\n" if finish else ""
    return Reply(headers={"content-type": "text/event-stream"}, body=body, **options)


def error(status: int, code: object = None, **options: Any) -> Reply:
    problem = {"message": f"provider text with {KEY}", "code": code, **options.pop("error", {})}
    headers = {"content-type": "application/json", **options.pop("headers", {})}
    return Reply(status=status, headers=headers, body=json.dumps({"error": problem}))


class Provider:
    """A small OpenAI-compatible server: answers from a list, and keeps what it was asked."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.asked: list[dict[str, Any]] = []
        self.models: Reply = Reply(body=json.dumps({"object": "list", "data": [{"id": "big"}, {"id": "small-2"}]}))
        self.base_url = ""
        self.serving: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.add(asyncio.create_task(self.serve(reader, writer)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        finally:
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((int(line[15:]) for line in head.lower().split("\r\n") if line.startswith("content-length:")), 0)
        body = await reader.readexactly(length)
        if head.startswith("GET"):
            reply = self.models
        else:
            self.asked.append(json.loads(body))
            reply = self.replies.pop(0)
        await self._send(writer, reply)
        writer.close()
        await writer.wait_closed()

    async def _send(self, writer: asyncio.StreamWriter, reply: Reply) -> None:
        headers = {"content-type": "application/json", **reply.headers, "connection": "close"}
        headers["transfer-encoding"] = "chunked"
        lines = [f"HTTP/1.1 {reply.status} -", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        writer.write("\r\n".join(lines).encode())
        await asyncio.sleep(reply.hold)
        data = reply.body.encode()
        writer.write(b"%x\r\n%s\r\n" % (len(data), data) if data else b"")
        writer.write(b"" if reply.cut else b"0\r\n\r\n")
        await writer.drain()


@pytest.fixture
async def provider(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Provider]:
    for name in ("http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    provider = Provider()
    server = await asyncio.start_server(provider.accept, "127.0.0.1", 0)
    provider.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with server:
        yield provider
    for task in provider.serving:
        task.cancel()
    await asyncio.gather(*provider.serving, return_exceptions=True)


def backend_of(provider: Provider, **options: Any) -> OpenAIBackend:
    settings: dict[str, Any] = {"base_url": provider.base_url, "model": "big", "api_key": KEY, "first_pause_s": 0}
    return OpenAIBackend(**{**settings, **options})


@asynccontextmanager
async def agent_of(provider: Provider, **options: Any) -> AsyncIterator[Client]:
    backend = backend_of(provider, **options)
    try:
        async with AgentServer.serve(backend=backend) as server, connected(server.url) as client:
            yield client
    finally:
        await backend.close()


@pytest.fixture
async def client(provider: Provider) -> AsyncIterator[Client]:
    async with agent_of(provider) as client:
        yield client


async def test_the_answer_streams_and_the_history_grows(provider: Provider, client: Client) -> None:
    provider.replies = [stream("Hel", "lo"), stream("again")]
    frames = await client.run("hi")
    assert [frame["delta"] for frame in frames if "delta" in frame] == ["Hel", "lo"]
    assert text_of(await client.run("more")) == "again"
    assert provider.asked[1]["messages"] == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "more"},
    ]
    assert provider.asked[0]["model"] == "big"


async def test_the_system_prompt_comes_first_and_a_picture_goes_along(provider: Provider) -> None:
    provider.replies = [stream("a cat")]
    image = {"type": "image", "source": {"type": "data", "value": "aGk=", "mimeType": "image/png"}}
    sound = {"type": "audio", "source": {"type": "url", "value": "http://127.0.0.1:1/", "mimeType": "audio/ogg"}}
    content = [{"type": "text", "text": "look"}, image, sound]
    async with agent_of(provider, system_prompt="Be brief.") as client:
        await client.run("look", messages=[{"id": "1", "role": "user", "content": content}])
    text = "look\nattachment: audio ? (audio/ogg, ? bytes)"
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    assert provider.asked[0]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": text}, picture]},
    ]


async def test_two_messages_in_a_row_become_one(provider: Provider, client: Client) -> None:
    provider.replies = [error(401), stream("yes")]
    await client.run("are you there?")
    await client.run("hello?")
    assert provider.asked[1]["messages"] == [{"role": "user", "content": "are you there?\n\nhello?"}]


async def test_reasoning_and_usage_are_passed_on(provider: Provider, client: Client) -> None:
    usage = {"prompt_tokens": 12, "completion_tokens": 34, "total_tokens": 46}
    body = chunk(delta={"reasoning_content": "hm"}) + chunk(delta={"content": "42"}) + chunk(finish_reason="stop")
    body += "data: " + json.dumps({"id": "c", "choices": [], "usage": usage}) + "\n\ndata: [DONE]\n\n"
    provider.replies = [Reply(headers={"content-type": "text/event-stream"}, body=body)]
    frames = await client.run("6 x 7")
    assert [frame["delta"] for frame in frames if frame["type"] == "REASONING_MESSAGE_CONTENT"] == ["hm"]
    assert text_of(frames) == "42"
    assert frames[-1]["usage"] == [{"inputTokens": 12, "outputTokens": 34}]


def in_stream(code: object) -> Reply:
    body = chunk(delta={"content": "half"}) + f"data: {json.dumps({'error': {'message': KEY, 'code': code}})}\n\n"
    return Reply(headers={"content-type": "text/event-stream"}, body=body)


FAILURES = {
    "401": (error(401, "invalid_api_key"), "auth"),
    "403": (error(403), "auth"),
    "403 moderated": (error(403, error={"metadata": {"reasons": ["violence"]}}), "content_refused"),
    "404": (error(404, "model_not_found"), "model"),
    "402": (error(402), "quota"),
    "429 quota": (error(429, "insufficient_quota"), "quota"),
    "429 later": (error(429, headers={"retry-after": "60"}), "rate_limited"),
    "413": (error(413), "too_large"),
    "408": (error(408), "timeout"),
    "400": (error(400), "internal"),
    "400 context": (error(400, "context_length_exceeded"), "context_full"),
    "400 filter": (error(400, "content_filter"), "content_refused"),
    "in-stream 502": (in_stream(502), "overloaded"),
    "in-stream 429": (in_stream("429"), "rate_limited"),
    "in-stream word": (in_stream("server_error"), "overloaded"),
    "in-stream nothing": (in_stream(None), "internal"),
    "cut in mid-answer": (stream("half", finish=None, cut=True), "lost"),
    "ended in mid-answer": (stream("half", finish=None), "lost"),
    "filtered": (stream("half", finish="content_filter"), "content_refused"),
    "refused": (Reply(body=chunk(delta={"refusal": "I will not"}) + chunk(finish_reason="stop")), "content_refused"),
    "HTML": (Reply(headers={"content-type": "text/html"}, body="<html>Welcome</html>"), "protocol"),
    "JSON": (Reply(body='{"detail": "hello"}'), "protocol"),
    "broken JSON": (Reply(headers={"content-type": "text/event-stream"}, body="data: {nope\n\n"), "protocol"),
    "wrong shapes": (Reply(body='data: {"choices":[{"delta":[]},{"delta":{"content":7}},{}]}\n\n'), "protocol"),
    "no body": (Reply(), "protocol"),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_every_failure_has_its_code(
    provider: Provider, client: Client, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    reply, code = FAILURES[name]
    provider.replies = [reply]
    frames = await client.run("hi")
    assert (frames[-1]["type"], frames[-1]["code"]) == ("RUN_ERROR", code)
    assert len(provider.asked) == 1
    assert KEY not in json.dumps(frames)
    assert KEY not in caplog.text


async def test_retry_after_travels_to_the_client(provider: Provider, client: Client) -> None:
    provider.replies = [error(429, headers={"retry-after": "60"})]
    assert (await client.run("hi"))[-1]["metadata"]["retryAfter"] == 60


@pytest.mark.parametrize("first", [error(429, headers={"retry-after": "0"}), error(503), error(529), error(500)])
async def test_what_passes_is_tried_again_and_said(provider: Provider, client: Client, first: Reply) -> None:
    provider.replies = [first, first, stream("there")]
    frames = await client.run("hi")
    assert text_of(frames) == "there"
    assert [frame["value"]["text"] for frame in frames if frame["type"] == "CUSTOM"] == ["provider busy, retrying"] * 2
    assert frames[-1]["type"] == "RUN_FINISHED"


async def test_three_failures_are_enough(provider: Provider, client: Client) -> None:
    provider.replies = [error(503)] * 4
    assert (await client.run("hi"))[-1]["code"] == "overloaded"
    assert len(provider.asked) == 3


async def test_a_provider_that_is_away_is_unreachable(provider: Provider) -> None:
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    async with agent_of(provider, base_url=f"http://127.0.0.1:{port}/v1") as client:
        assert (await client.run("hi"))[-1]["code"] == "unreachable"


async def test_length_and_emptiness_are_no_errors(provider: Provider, client: Client) -> None:
    provider.replies = [stream("cut o", finish="length"), stream()]
    assert (await client.run("hi"))[-1]["result"] == {"stopReason": "length"}
    frames = await client.run("hi")
    assert (text_of(frames), frames[-1]["type"]) == ("", "RUN_FINISHED")


async def test_a_slow_model_shows_signs_of_life_and_can_be_stopped(provider: Provider) -> None:
    provider.replies = [stream("at last", hold=0.3), stream("never", hold=30)]
    async with agent_of(provider, heartbeat_s=0.05) as client:
        frames = await client.run("hi")
        assert frames[1]["value"]["text"] == "thinking"
        assert text_of(frames) == "at last"
        run_id = await client.send_run("hi")
        await client.until("CUSTOM")
        await client.abort(run_id)
        assert (await client.rest())[-1]["outcome"]["type"] == "cancelled"


async def test_nothing_can_be_resumed(client: Client) -> None:
    [refusal] = await client.run(resume=[{"interruptId": "i", "status": "cancelled"}])
    assert refusal["code"] == "protocol"


async def check(provider: Provider, **options: Any) -> None:
    backend = backend_of(provider, **options)
    try:
        await backend.check()
    finally:
        await backend.close()


async def test_a_known_model_passes_the_check(provider: Provider) -> None:
    await check(provider)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"model": "small"}, "no model 'small'; the nearest: small-2"),
        ({"model": "zzzzzz"}, "no model 'zzzzzz'$"),
        ({"model": "vendor/big"}, "belong to another provider"),
        ({"api_key": "sk-or-abc"}, "key of OpenRouter"),
    ],
)
async def test_the_check_says_what_does_not_fit(provider: Provider, options: dict[str, str], sentence: str) -> None:
    with pytest.raises(Misconfigured, match=sentence):
        await check(provider, **options)


async def test_a_refused_key_is_found_at_the_start(provider: Provider) -> None:
    provider.models = error(401)
    with pytest.raises(Misconfigured, match="refuses the key") as problem:
        await check(provider)
    assert KEY not in str(problem.value)


@pytest.mark.parametrize(
    "models", [error(404), error(503), Reply(headers={"content-type": "text/html"}, body="<html>"), Reply(body="[]")]
)
async def test_a_provider_without_a_list_is_no_obstacle(
    provider: Provider, models: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    provider.models = models
    await check(provider)
    assert "cannot be listed" in caplog.text


@pytest.mark.parametrize(
    ("header", "fits"),
    [
        (None, lambda wait: wait is None),
        ("7", lambda wait: wait == 7),
        ("soon", lambda wait: wait is None),
        ("-1", lambda wait: wait is None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", lambda wait: wait == 0),
        ("Wed, 21 Oct 2037 07:28:00 GMT", lambda wait: wait > 1_000_000),
    ],
)
def test_retry_after_in_both_its_forms(header: str | None, fits: Callable[[Any], bool]) -> None:
    assert fits(retry_after(header))


async def test_a_heartbeat_leaves_nothing_behind() -> None:
    closed = asyncio.Event()

    async def slow() -> Any:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            closed.set()

    beating = with_heartbeat(slow(), 0.01)
    assert [await anext(beating) for _ in range(3)] == [1, None, None]
    await beating.aclose()
    assert closed.is_set()
    assert asyncio.all_tasks() == {asyncio.current_task()}
