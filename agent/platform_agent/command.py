"""The command line: `python -m platform_agent`, and the same as `surfacehost agent`."""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from platform_agent.backend import Backend
from platform_agent.offline import OfflineBackend
from platform_agent.server import AgentServer

DONE, FAILED, USAGE = 0, 1, 2


class Unusable(Exception):
    """The options cannot be used as they are; the text says why."""


class Agent:
    """The `agent` command."""

    help = "run the reference agent: offline by default, or with any OpenAI-compatible provider"

    @staticmethod
    def configure(parser: argparse.ArgumentParser) -> None:
        """Add this command's options."""
        parser.add_argument("--listen", default="127.0.0.1:8000", metavar="HOST:PORT", help="where to listen")
        parser.add_argument("--token-file", type=Path, help="file with the bearer token that clients must send")
        parser.add_argument("--max-threads", type=int, default=1000, help="conversations kept in memory")
        parser.add_argument("--backend", choices=("offline", "openai"), default="offline")
        provider = parser.add_argument_group("with --backend openai")
        provider.add_argument("--base-url", default="https://api.openai.com/v1", help="the provider's address")
        provider.add_argument("--model", help="the model's id at the provider")
        provider.add_argument("--api-key-file", type=Path, help="file with the provider's key")
        provider.add_argument("--system-prompt", default="", help="instructions for the model")
        provider.add_argument("--no-check", action="store_true", help="do not ask the provider for its models")

    @staticmethod
    def run(args: argparse.Namespace) -> int:
        """Serve until SIGINT or SIGTERM; 0 when stopped, 1 when it could not start, 2 for unusable options."""
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        try:
            return asyncio.run(_serve(args))
        except Unusable as problem:
            sys.stderr.write(f"platform-agent: {problem}\n")
            return USAGE
        except OSError as problem:
            sys.stderr.write(f"platform-agent: cannot listen on {args.listen}: {problem.strerror or problem}\n")
            return FAILED


async def _serve(args: argparse.Namespace) -> int:
    host, port = _address(args.listen)
    if args.max_threads < 1:
        raise Unusable(f"--max-threads {args.max_threads}: at least 1")
    token = _secret(args.token_file) if args.token_file else None
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with (
        _backend(args) as backend,
        AgentServer.serve(host=host, port=port, backend=backend, token=token, max_threads=args.max_threads) as server,
    ):
        sys.stdout.write(f"platform-agent ready on {server.url} ({args.backend})\n")
        sys.stdout.flush()
        await stopped.wait()
    return DONE


@asynccontextmanager
async def _backend(args: argparse.Namespace) -> AsyncIterator[Backend]:
    if args.backend == "offline":
        yield OfflineBackend()
        return
    try:
        # Half a second of imports, and an extra that need not be installed: only who asks for it pays.
        from platform_agent.openai_backend import Misconfigured, OpenAIBackend  # noqa: PLC0415 - see above
    except ModuleNotFoundError as missing:
        raise Unusable(f"--backend openai needs {missing.name}: pip install 'platform-agent[openai]'") from None
    if not args.model:
        raise Unusable("--backend openai needs --model")
    api_key = _secret(args.api_key_file) if args.api_key_file else None
    backend = OpenAIBackend(base_url=args.base_url, model=args.model, api_key=api_key, system_prompt=args.system_prompt)
    try:
        if not args.no_check:
            await backend.check()
        yield backend
    except Misconfigured as problem:
        raise Unusable(str(problem)) from None
    finally:
        await backend.close()


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise Unusable(f"--listen {listen}: HOST:PORT is expected, for example 127.0.0.1:8000")
    return host.strip("[]") or "127.0.0.1", int(port)


def _secret(path: Path) -> str:
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise Unusable(f"{path}: cannot be read ({type(problem).__name__})") from None
    if not secret:
        raise Unusable(f"{path}: is empty")
    return secret


def main() -> int:
    """Run the command on its own."""
    parser = argparse.ArgumentParser(prog="platform_agent", description=Agent.help)
    Agent.configure(parser)
    return Agent.run(parser.parse_args())
