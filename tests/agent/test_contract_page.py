"""The contract's page tells the truth: its programs run, and its frames are AG-UI's."""

import asyncio
import json
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from ag_ui.core import RunAgentInput
from tests.agent.contract_client import Client, check_event, check_order, connected, text_of
from websockets.asyncio.client import connect

from platform_agent import AgentServer
from platform_agent.backend import CODES
from platform_agent.offline import OfflineBackend

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "agent-contract.md").read_text(encoding="utf-8")


def blocks(info: str) -> list[str]:
    return re.findall(rf"^```{re.escape(info)}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


@asynccontextmanager
async def running(name: str, tmp_path: Path) -> AsyncIterator[str]:
    """A program of the page as a process of its own; yields its address once it listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    [source] = blocks(f"python agent={name}")
    assert "8000" in source
    program = tmp_path / "agent.py"
    program.write_text(source.replace("8000", str(port)).replace('"localhost"', '"127.0.0.1"'), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(sys.executable, "-W", "error", str(program))
    try:
        async with asyncio.timeout(20):
            while not await _listens(port):  # noqa: ASYNC110 - another process: only its port says when it is ready
                await asyncio.sleep(0.05)
        yield f"ws://127.0.0.1:{port}"
    finally:
        process.kill()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        writer = (await asyncio.open_connection("127.0.0.1", port))[1]
    except ConnectionRefusedError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def ask(url: str, text: str, thread_id: str = "1/test/a/b/~") -> str:
    async with asyncio.timeout(10), connect(f"{url}/?thread_id={quote(thread_id, safe='')}") as talking:
        run = {"type": "run", "runId": text, "text": text, "messages": []}
        await talking.send(json.dumps(run))
        answer = await talking.recv()
    assert isinstance(answer, str)
    return answer


async def test_the_plain_text_agent_has_five_lines_and_answers(tmp_path: Path) -> None:
    assert blocks("python agent=plain-text")[0].count("\n") == 5
    async with running("plain-text", tmp_path) as url:
        assert await ask(url, "hi") == "You said: hi"


async def test_the_one_message_agent_remembers_each_thread(tmp_path: Path) -> None:
    async with running("one-message", tmp_path) as url:
        await ask(url, "hi")
        assert json.loads(await ask(url, "again")) == {"type": "message", "text": "You said: again (2 so far)"}
        assert json.loads(await ask(url, "hi", "another"))["text"] == "You said: hi (1 so far)"


async def test_the_full_agent_streams_repeats_and_stops(tmp_path: Path) -> None:
    async with running("full", tmp_path) as url, connected(url) as client:
        assert client.socket.subprotocol == "ag-ui.v1"
        first = await client.run("hi", run_id="r1")
        assert text_of(first) == "You said: hi"
        assert await client.run("hi", run_id="r1") == first
        assert await stopped(client) == {"type": "cancelled"}
        await client.send_run("one", run_id="r3")
        await client.until("TEXT_MESSAGE_START")
        assert await second(client) == "busy"
    async with running("full", tmp_path) as url:
        async with connected(url) as client:
            await client.send_run("hi", run_id="r1")
            await client.until("TEXT_MESSAGE_CONTENT")
        async with connected(url) as client:
            assert text_of(await client.run("hi", run_id="r1")) == "You said: hi"


async def stopped(client: Client) -> object:
    await client.send_run("hi", run_id="r2")
    frames = await client.until("TEXT_MESSAGE_CONTENT")
    await client.abort("r2")
    frames += await client.rest()
    check_order(frames)
    return frames[-1]["outcome"]


async def second(client: Client) -> object:
    await client.send_run("two", run_id="r4")
    return (await client.until("RUN_ERROR"))[-1]["code"]


def test_every_event_on_the_page_is_an_ag_ui_event() -> None:
    shown = [json.loads(line) for block in blocks("json agent") for line in block.splitlines()]
    assert len(shown) > 15
    for event in shown:
        check_event(event, "thread")


def test_every_run_on_the_page_is_an_ag_ui_input() -> None:
    shown = [json.loads(block) for block in blocks("json client")]
    runs = [frame for frame in shown if frame["type"] == "run"]
    assert len(runs) == 2
    for frame in runs:
        RunAgentInput.model_validate({**frame, "threadId": "thread"})


@pytest.mark.parametrize("name", sorted(OfflineBackend().commands))
def test_every_demo_command_is_documented(name: str) -> None:
    assert f"`/demo {name}" in (DOCS / "reference-agent.md").read_text(encoding="utf-8")


async def test_the_backend_in_the_reference_answers() -> None:
    page = (DOCS / "reference-agent.md").read_text(encoding="utf-8")
    [source] = re.findall(r"^```python\n(from platform_agent import Thread.*?)^```$", page, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(source, names)
    async with AgentServer.serve(backend=names["Shout"]()) as server, connected(server.url) as client:
        assert await client.say("hi") == "HI"


def test_every_error_code_is_documented() -> None:
    for code in CODES:
        assert code == "cancelled" or f"| `{code}` |" in PAGE
