"""The command as a process: its ready line, its ends, and what it says when it cannot start."""

import argparse
import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from tests.agent.contract_client import connected

from platform_agent import AgentServer
from platform_agent.command import Agent


@asynccontextmanager
async def process_of(*options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "platform_agent", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(30):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def url_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    ready = re.fullmatch(r"platform-agent ready on (ws://127\.0\.0\.1:\d+) \(offline\)\n", line)
    assert ready is not None, line
    return ready[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_serves_until_it_is_told_to_stop(number: signal.Signals) -> None:
    async with process_of("--listen", "127.0.0.1:0") as process:
        async with connected(await url_of(process)) as client:
            assert await client.say("hi") == "echo: hi"
            await client.send_run("/demo silent 60 start")
            await client.frame()
            process.send_signal(number)
            assert await process.wait() == 0
        rest = await process.communicate()
    assert rest == (b"", b"")


async def test_the_token_comes_from_a_file(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret\n", encoding="utf-8")
    async with process_of("--listen", "127.0.0.1:0", "--token-file", str(token)) as process:
        url = await url_of(process)
        async with connected(url, additional_headers={"Authorization": "Bearer s3cret"}) as client:
            assert await client.say("hi") == "echo: hi"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--listen", "nowhere"], "--listen nowhere: HOST:PORT is expected, for example 127.0.0.1:8000"),
        (["--listen", "127.0.0.1:99999"], "--listen 127.0.0.1:99999: HOST:PORT is expected"),
        (["--token-file", "/does/not/exist"], "/does/not/exist: cannot be read (FileNotFoundError)"),
        (["--token-file", "/dev/null"], "/dev/null: is empty"),
        (["--backend", "openai"], "--backend openai needs --model"),
        (["--max-threads", "0"], "--max-threads 0: at least 1"),
    ],
)
def test_unusable_options_end_with_2(options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(options) == 2
    assert sentence in capsys.readouterr().err


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delitem(sys.modules, "platform_agent.openai_backend", raising=False)
    monkeypatch.setitem(sys.modules, "openai", None)
    assert run(["--backend", "openai", "--model", "m"]) == 2
    assert "pip install 'platform-agent[openai]'" in capsys.readouterr().err


async def test_an_address_in_use_ends_with_1(server: AgentServer) -> None:
    async with process_of("--listen", server.url.removeprefix("ws://")) as process:
        _, said = await process.communicate()
    assert process.returncode == 1
    assert said.decode().startswith(f"platform-agent: cannot listen on {server.url.removeprefix('ws://')}: ")


async def test_offline_needs_no_more_than_websockets() -> None:
    program = (
        "import sys, platform_agent.command; print([m for m in ('openai', 'pydantic', 'ag_ui') if m in sys.modules])"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    assert said == b"[]\n"


def test_the_host_finds_the_command() -> None:
    [entry] = entry_points(group="surfacehost.commands", name="agent")
    assert entry.load() is Agent


def run(options: list[str]) -> int:
    parser = argparse.ArgumentParser()
    Agent.configure(parser)
    return Agent.run(parser.parse_args(options))
