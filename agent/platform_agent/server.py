"""The agent's WebSocket server: who may connect, on which thread, and how it starts and stops."""

import asyncio
import hmac
import http
import ipaddress
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit
from weakref import WeakSet

from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as serve_websockets
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from platform_agent.backend import Backend
from platform_agent.connection import Connection
from platform_agent.offline import OfflineBackend
from platform_agent.runner import Runner
from platform_agent.threads import Threads
from platform_agent.wire import MAX_FRAME_BYTES, SUBPROTOCOL

MAX_THREAD_ID_BYTES = 4096
RESTARTING = 1012
# How long stopping waits for clients to say goodbye.
_GOODBYE_S = 0.5


class AgentServer:
    """A running agent server; made by `serve`."""

    def __init__(self, runner: Runner, token: str | None) -> None:
        self._runner = runner
        self._token = token
        self._url = ""

    @classmethod
    @asynccontextmanager
    async def serve(
        cls,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        backend: Backend | None = None,
        token: str | None = None,
        max_threads: int = 1000,
        run_timeout_s: float = 1800,
    ) -> "AsyncIterator[AgentServer]":
        """Serve until the block ends, then close every connection with 1012 and cancel the runs, within a second.

        Port 0 takes any free one (see `url`). Without a backend it answers offline. With a token clients must send
        it as `Authorization: Bearer`. Raises OSError when the address is taken.
        """
        runner = Runner(backend or OfflineBackend(), max_threads=max_threads, run_timeout_s=run_timeout_s)
        self = cls(runner, token)
        sockets: WeakSet[ServerConnection] = WeakSet()
        listening = await self._listen(host, port, sockets)
        self._url = _url(listening)
        try:
            yield self
        finally:
            # The connections first: a run cancelled before would tell its client that a person stopped it.
            await _close(listening, sockets)
            await runner.stop()

    async def _listen(self, host: str, port: int, sockets: WeakSet[ServerConnection]) -> Server:
        return await serve_websockets(
            self._talk,
            host,
            port,
            # A browser always sends Origin. Without this, any page that a person visits could talk to an agent on
            # the loopback interface of their machine.
            origins=[None],
            select_subprotocol=_select_subprotocol,
            process_request=self._admit,
            max_size=MAX_FRAME_BYTES,
            compression=None if _is_loopback(host) else "deflate",
            open_timeout=5,
            close_timeout=_GOODBYE_S,
            create_connection=_remembering(sockets),
            logger=_quiet_logger(),
        )

    @property
    def url(self) -> str:
        """The address to connect to, without the query."""
        return self._url

    @property
    def threads(self) -> Threads:
        """The conversations it remembers."""
        return self._runner.threads

    def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        if self._token is not None and not _carries(request, self._token):
            response = socket.respond(http.HTTPStatus.UNAUTHORIZED, "a valid bearer token is required\n")
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        try:
            thread_id_of(request.path)
        except ValueError as problem:
            return socket.respond(http.HTTPStatus.BAD_REQUEST, f"{problem}\n")
        return None

    async def _talk(self, socket: ServerConnection) -> None:
        if socket.request is not None:
            await Connection(socket, thread_id_of(socket.request.path), self._runner).talk()


def thread_id_of(path: str) -> str:
    """The thread id in a request's query, exactly as sent; ValueError says what is wrong.

    Bytes that are not UTF-8 are refused: replaced by a placeholder, two different ids would become the same thread.
    """
    try:
        found = parse_qs(urlsplit(path).query, keep_blank_values=True, errors="strict").get("thread_id", [])
    except UnicodeDecodeError:
        raise ValueError("thread_id is not UTF-8") from None
    if len(found) != 1 or not found[0]:
        raise ValueError("exactly one thread_id is required in the query")
    if len(found[0].encode()) > MAX_THREAD_ID_BYTES:
        raise ValueError(f"thread_id has at most {MAX_THREAD_ID_BYTES} bytes")
    return found[0]


def _carries(request: Request, token: str) -> bool:
    values = request.headers.get_all("Authorization")
    scheme, _, credentials = (values[0] if len(values) == 1 else "").partition(" ")
    sent = credentials.strip().encode("utf-8", "surrogateescape")
    return scheme.lower() == "bearer" and hmac.compare_digest(sent, token.encode())


def _select_subprotocol(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Ours if the client offers it; a client that offers none, or others, is served all the same."""
    return Subprotocol(SUBPROTOCOL) if SUBPROTOCOL in offered else None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _quiet_logger() -> logging.Logger:
    """A logger for the library that never goes below warnings: its debug lines print the handshake, token and all."""
    logger = logging.getLogger(f"{__name__}.websockets")
    logger.setLevel(logging.WARNING)
    return logger


def _url(listening: Server) -> str:
    host, port = next(iter(listening.sockets)).getsockname()[:2]
    return f"ws://[{host}]:{port}" if ":" in host else f"ws://{host}:{port}"


def _remembering(sockets: WeakSet[ServerConnection]) -> type[ServerConnection]:
    """Makes connections that can be found again: the library knows only those whose handshake is done."""

    def make(*args: Any, **options: Any) -> ServerConnection:  # noqa: ANN401 - passed on as they are
        socket = ServerConnection(*args, **options)
        sockets.add(socket)
        return socket

    # The library calls what it is given; that it must be a class is said in its annotation only.
    return cast("type[ServerConnection]", make)


async def _close(listening: Server, sockets: WeakSet[ServerConnection]) -> None:
    """Say goodbye to every client, and cut off those that do not answer, or never finished their handshake."""
    listening.close(code=RESTARTING, reason="restarting")
    closed = asyncio.ensure_future(listening.wait_closed())
    await asyncio.wait([closed], timeout=_GOODBYE_S)
    for socket in [] if closed.done() else list(sockets):
        socket.transport.abort()
    await closed
