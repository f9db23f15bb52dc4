"""The way to the agent: every kind of server, and every way in which it can fail."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from platform_agent import AgentServer
from surfacehost.agent import wire
from surfacehost.agent.client import AgentSessionClient
from surfacehost.agent.sockets import AgentAddress
from surfacehost.errors import Kind, NotReady, PlatformError
from surfacehost.jsontext import whole
from surfacehost.surface import trust

Talk = Callable[[ServerConnection], Awaitable[None]]
THREAD = "1/toy/ann/c/~"


@asynccontextmanager
async def agent(talk: Talk, **options: Any) -> AsyncIterator[str]:
    """An agent server that does *talk* with everyone; its address."""
    async with serve(talk, "127.0.0.1", 0, **options) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}"


@asynccontextmanager
async def client(url: str, **patience: Any) -> AsyncIterator[AgentSessionClient]:
    made = AgentSessionClient(AgentAddress(url=url, **patience))
    try:
        yield made
    finally:
        await made.listening.close()
        await made.sockets.close()


def turn(text: str = "hi", run_id: str = "r1", **fields: Any) -> wire.Turn:
    return wire.Turn(run_id=run_id, messages=[wire.Spoken(id="e1", sender="ann", text=text)], **fields)


async def ask(session: AgentSessionClient, asked: wire.Turn, thread: str = THREAD) -> str:
    text = ""
    async for event in session.run(thread, asked):
        match event:
            case wire.Text(delta):
                text += delta
            case wire.WholeText(whole):
                text = whole
            case _:
                pass
    return text


async def failure(session: AgentSessionClient, asked: wire.Turn) -> PlatformError:
    with pytest.raises(PlatformError) as caught:
        await ask(session, asked)
    return caught.value


async def test_the_reference_agent_streams_and_its_frames_are_ag_ui() -> None:
    async with AgentServer.serve(token="secret") as server, client(server.url, token="secret") as session:
        assert await ask(session, turn("/demo stream 3 0")) == "word1 word2 word3"
        assert await ask(session, turn("again", "r2")) == "echo: again"


async def test_a_run_that_is_known_is_not_run_twice() -> None:
    async with AgentServer.serve() as server:
        async with client(server.url) as session:
            assert await ask(session, turn("once")) == "echo: once"
        async with client(server.url) as session:
            assert await ask(session, turn("once")) == "echo: once"
            assert await ask(session, turn("/demo memory", "r2")) == "I remember:\n1. once"


async def test_an_agent_that_just_sends_text_works() -> None:
    seen = []

    async def talk(socket: ServerConnection) -> None:
        async for frame in socket:
            seen.append(frame)
            await socket.send(f"you said {frame!r}")

    async with agent(talk) as url, client(url, dialect="text") as session:
        assert await ask(session, turn("hi")) == "you said 'hi'"
        assert await ask(session, turn("ho", "r2")) == "you said 'ho'"
    assert seen == ["hi", "ho"]


@pytest.mark.parametrize("answer", ['{"type":"message","text":"ok"}', '{"text":"ok"}', '"ok"', "ok"])
async def test_an_agent_of_one_message_works(answer: str) -> None:
    async def talk(socket: ServerConnection) -> None:
        async for frame in socket:
            assert json.loads(frame)["text"] == "hi"
            await socket.send(answer)

    async with agent(talk) as url, client(url) as session:
        assert await ask(session, turn()) == "ok"


async def test_what_nobody_asked_for_is_not_the_next_answer() -> None:
    async def talk(socket: ServerConnection) -> None:
        async for frame in socket:
            await socket.send("answer to " + json.loads(frame)["text"])
            await socket.send("and another thing")
            await socket.ping()

    async with agent(talk) as url, client(url) as session:
        assert await ask(session, turn("one")) == "answer to one"
        connection = session.sockets._sessions[THREAD].connection
        assert connection is not None
        await (await connection.ping())  # by its answer the second frame has arrived as well
        assert await ask(session, turn("two", "r2")) == "answer to two"


async def test_a_dead_socket_is_replaced_before_the_run_has_begun() -> None:
    runs: list[str] = []

    async def talk(socket: ServerConnection) -> None:
        async for frame in socket:
            runs.append(json.loads(frame)["runId"])
            if len(runs) == 1:
                socket.transport.abort()
                return
            await socket.send("ok")

    async with agent(talk) as url, client(url) as session:
        assert await ask(session, turn()) == "ok"
    assert runs == ["r1", "r1"]


async def test_once_it_has_begun_a_run_is_never_repeated() -> None:
    runs = []

    async def talk(socket: ServerConnection) -> None:
        async for frame in socket:
            run_id = json.loads(frame)["runId"]
            runs.append(run_id)
            await socket.send(json.dumps({"type": "RUN_STARTED", "runId": run_id}))
            await socket.send(json.dumps({"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "half"}))
            await socket.ping()
            socket.transport.close()
            return

    async with agent(talk) as url, client(url) as session:
        error = await failure(session, turn())
        assert (error.kind, error.partial) == (Kind.LOST, "half")
    assert runs == ["r1"]


STATUSES = {401: Kind.AUTH, 403: Kind.AUTH, 404: Kind.PROTOCOL, 429: Kind.RATE_LIMITED, 500: Kind.UNREACHABLE,
            503: Kind.OVERLOADED}  # fmt: skip


@pytest.mark.parametrize(("status", "kind"), STATUSES.items())
async def test_what_the_handshake_is_answered_with(status: int, kind: Kind) -> None:
    async def refuse(socket: ServerConnection, _: Request) -> Response:
        response = socket.respond(HTTPStatus(status), "no\n")
        response.headers["Retry-After"] = "30"
        return response

    async def talk(_: ServerConnection) -> None:
        raise AssertionError("nobody gets in")

    async with agent(talk, process_request=refuse) as url, client(url) as session:
        error = await failure(session, turn())
    assert (error.kind, error.retry_after) == (kind, 30)


async def test_nobody_there() -> None:
    async with client("ws://127.0.0.1:9") as session:
        assert (await failure(session, turn())).kind is Kind.UNREACHABLE


async def test_a_server_that_is_no_websocket_server() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"220 mail.example.org ESMTP\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server, client(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}") as session:
        assert (await failure(session, turn())).kind is Kind.PROTOCOL


@pytest.mark.parametrize("said", ["", "HTTP/1.1 101 Sw", "HTTP/1.1 101 Switching Protocols\r\nUpgr"])
async def test_a_server_that_ends_within_the_handshake_is_asked_again(said: str) -> None:
    tried: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tried.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(said.encode())
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server, client(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}") as session:
        assert (await failure(session, turn())).kind is Kind.UNREACHABLE
    assert len(tried) > 1


CLOSES = {1011: Kind.INTERNAL, 1012: Kind.OVERLOADED, 1009: Kind.TOO_LARGE, 4401: Kind.AUTH, 1000: Kind.LOST}


@pytest.mark.parametrize(("code", "kind"), CLOSES.items())
async def test_what_a_close_in_the_middle_means(code: int, kind: Kind) -> None:
    async with AgentServer.serve() as server, client(server.url) as session:
        error = await failure(session, turn(f"/demo close {code}"))
    assert error.kind is kind
    assert error.partial.startswith("This is the first half")


async def test_each_clock() -> None:
    patience = {"first_event_timeout_s": 0.3, "silence_timeout_s": 0.4, "run_timeout_s": 1.0}
    async with AgentServer.serve() as server, client(server.url, **patience) as session:
        assert "said nothing for 0.3 s" in (await failure(session, turn("/demo silent 60 nothing", "a"))).detail
        error = await failure(session, turn("/demo silent 60 text", "b"))
        assert (error.kind, error.partial) == (Kind.TIMEOUT, "This is the first half of an answer, ")
        assert "said nothing for 0.4 s" in error.detail
        assert "not done after 1 s" in (await failure(session, turn("/demo stream 1000 0.05", "c"))).detail
        assert await ask(session, turn("after", "d")) == "echo: after"


async def test_a_busy_agent_is_nobodys_failure() -> None:
    async with AgentServer.serve() as server, client(server.url) as session:
        with pytest.raises(NotReady):
            await ask(session, turn("/demo busy 1"))


async def test_stopping_a_run() -> None:
    async with AgentServer.serve() as server, client(server.url) as session:
        assert await session.abort(THREAD) is False
        said: list[wire.AgentEvent] = []
        async for event in session.run(THREAD, turn("/demo stream 1000 0.01")):
            said.append(event)
            if len(said) == 5:
                assert await session.abort(THREAD)
        assert said[-1] == wire.Finished(cancelled=True)


async def test_stopping_a_run_before_its_first_word_asks_nobody_again() -> None:
    frames: list[dict[str, Any]] = []
    asked = asyncio.Event()

    async def talk(socket: ServerConnection) -> None:
        async for frame in socket:
            frames.append(json.loads(frame))
            asked.set()
            if frames[-1]["type"] == "abort":
                socket.transport.abort()

    async with agent(talk) as url, client(url) as session:
        running = asyncio.create_task(failure(session, turn()))
        await asked.wait()
        assert await session.abort(THREAD)
        assert (await running).kind is Kind.CANCELLED
    assert [frame["type"] for frame in frames] == ["run", "abort"]


async def test_a_resting_socket_that_was_lost_is_opened_again_and_one_that_the_agent_closed_is_not() -> None:
    paths: list[str] = []
    third = asyncio.Event()

    async def talk(socket: ServerConnection) -> None:
        assert socket.request is not None
        paths.append(socket.request.path)
        is_done = paths[-1].endswith("done")
        if is_done or paths.count(paths[-1]) == 1:
            await socket.recv()
            for kind in ("RUN_STARTED", "RUN_FINISHED"):
                await socket.send(json.dumps({"type": kind, "runId": "r1"}))
        elif len(paths) == 4:
            third.set()
            await socket.wait_closed()
        await socket.close(1000 if is_done else 1012)

    async with agent(talk, subprotocols=["ag-ui.v1"]) as url, client(url) as session:
        for thread in ("done", "lost"):
            await ask(session, turn(), thread)
        async with asyncio.timeout(20):
            await third.wait()
        assert paths == ["/?thread_id=done", *["/?thread_id=lost"] * 3]  # each pause is twice as long


async def test_an_agent_that_reads_bare_text_is_sent_no_abort_frame() -> None:
    frames: list[str | bytes] = []
    asked = asyncio.Event()

    async def talk(socket: ServerConnection) -> None:
        async for frame in socket:
            frames.append(frame)
            asked.set()

    async with agent(talk) as url, client(url, dialect="text") as session:
        running = asyncio.create_task(failure(session, turn()))
        await asked.wait()
        assert await session.abort(THREAD)
        assert (await running).kind is Kind.CANCELLED
    assert frames == ["hi"]


async def test_frames_that_mean_nothing_do_not_stretch_the_limits() -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(json.dumps({"type": "RUN_STARTED", "runId": "r1"}))
        while True:
            await socket.send('{"type":"heartbeat"}')
            await asyncio.sleep(0.05)

    async with agent(talk) as url, client(url, run_timeout_s=0.5) as session:
        assert "not done after 0.5 s" in (await failure(session, turn())).detail


async def test_a_handshake_does_not_hide_that_runs_fail() -> None:
    async def talk(socket: ServerConnection) -> None:
        async for _ in socket:
            pass

    async with agent(talk) as url, client(url, silence_timeout_s=0.05) as session:
        for number in range(5):
            assert (await failure(session, turn(run_id=str(number)))).kind is Kind.TIMEOUT
            await session.probe()
        assert "said nothing" in session.trouble
        await session.probe()
        assert "said nothing" in session.trouble


async def test_a_character_that_comes_in_two_halves_is_whole() -> None:
    frames = [
        '{"type":"RUN_STARTED","runId":"r1"}',
        r'{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"\ud83d"}',
        r'{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"\ude00"}',
        '{"type":"RUN_FINISHED","runId":"r1"}',
    ]

    async def talk(socket: ServerConnection) -> None:
        async for _ in socket:
            for frame in frames:
                await socket.send(frame)

    async with agent(talk) as url, client(url) as session:
        assert whole(await ask(session, turn())) == "\U0001f600"


async def test_sockets_are_bounded_and_idle_ones_closed() -> None:
    async with AgentServer.serve() as server, client(server.url, max_connections=3, idle_close_s=0.0) as session:
        threads = [f"1/toy/p{number}/c/~" for number in range(12)]
        answers = await asyncio.gather(*(ask(session, turn(thread, thread), thread) for thread in threads))
        assert answers == [f"echo: {thread}" for thread in threads]
        assert sum(one.connection is not None for one in session.sockets._sessions.values()) <= 3
        await session.sockets.close_idle()
        assert session.sockets._sessions == {}


async def test_a_private_authority_is_trusted_besides_the_systems(tmp_path: Path) -> None:
    authority = trustme.CA()
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server_tls)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    async def talk(socket: ServerConnection) -> None:
        async for _ in socket:
            await socket.send("ok")

    async with agent(talk, ssl=server_tls) as url:
        secure = url.replace("ws:", "wss:")
        async with client(secure, tls=trust(tmp_path / "ca.pem")) as session:
            assert await ask(session, turn()) == "ok"
        async with client(secure, tls=trust(None)) as session:
            error = await failure(session, turn())
            assert error.kind is Kind.UNREACHABLE
            assert "agent.tls_ca_file" in error.detail
