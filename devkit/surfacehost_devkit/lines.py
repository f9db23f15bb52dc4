"""A server that can go away and come back, and its open connections, so that a fault can cut one the hard way."""

import asyncio
import contextlib
import socket
import struct

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from surfacehost_devkit.faults import Answer
from surfacehost_devkit.ports import HOST

# Long, lest a client's idle connection is closed just when it sends again: that would be a fault nobody planned.
_KEEP_ALIVE_S = 75
_LINGER_S = 0.3
"""How long more of a body that nobody wants is waited for."""
Address = tuple[str, int]
# Linger for 0 seconds: closing sends a reset and throws away what was not read yet.
_NO_LINGER = struct.pack("ii", 1, 0)


class Lines:
    """Connections by the address of the client."""

    def __init__(self) -> None:
        self._open: dict[Address, asyncio.Transport] = {}

    def opened(self, transport: asyncio.Transport) -> None:
        """Remember a new connection."""
        self._open[_peer(transport)] = transport

    def closed(self, transport: asyncio.Transport) -> None:
        """Forget a connection that is gone."""
        self._open.pop(_peer(transport), None)

    def reset(self, peer: Address) -> None:
        """Reset one connection."""
        transport = self._open.get(peer)
        if transport is not None:
            _reset(transport)

    def close(self, peer: Address) -> None:
        """Close one connection after what was written to it."""
        transport = self._open.get(peer)
        if transport is not None:
            transport.close()

    async def give(self, answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what goes back of a call: all of it, half of it, or a reset."""
        peer = (str(scope["client"][0]), int(scope["client"][1]))
        if answer.ending == "reset":
            self.reset(peer)
            await hung_up(receive)
        elif answer.ending == "half":
            await _give_half(answer, send)
            self.close(peer)
            await hung_up(receive)
        else:
            headers = {"content-type": answer.content_type, **answer.headers}
            response = Response(answer.body, status_code=answer.status, headers=headers)
            await response(scope, receive, _lingering(receive, send) if "connection" in headers else send)

    def reset_all(self, *, spare: Address | None = None) -> None:
        """Reset every connection but one."""
        for peer in [peer for peer in self._open if peer != spare]:
            self.reset(peer)


def _lingering(receive: Receive, send: Send) -> Send:
    """As *send*, for an answer that ends its connection: what the client still sends is read before that.

    Closed at once, the connection would be reset, and that may cost the client the answer (RFC 9112, section 9.6).
    """

    async def send_and_linger(message: Message) -> None:
        if message["type"] != "http.response.body":
            return await send(message)
        await send({**message, "more_body": True})
        with contextlib.suppress(TimeoutError):
            while (await asyncio.wait_for(receive(), _LINGER_S)).get("more_body"):
                pass
        return await send({"type": "http.response.body", "body": b""})

    return send_and_linger


async def _give_half(answer: Answer, send: Send) -> None:
    length = str(len(answer.body)).encode()
    headers = [(b"content-type", answer.content_type.encode()), (b"content-length", length)]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body[: len(answer.body) // 2], "more_body": True})


def _peer(transport: asyncio.Transport) -> Address:
    host, port = transport.get_extra_info("peername")[:2]
    return str(host), int(port)


def _reset(transport: asyncio.Transport) -> None:
    sock = transport.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):  # already closed by the other side: nothing is left to reset
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()


class TrackedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, telling `Lines` about its connections."""

    def __init__(self, lines: Lines, config: Config, server_state: ServerState) -> None:
        super().__init__(config, server_state, {})
        self._lines = lines

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn itself
        """A client connected."""
        super().connection_made(transport)
        self._lines.opened(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """A client is gone."""
        self._lines.closed(self.transport)
        super().connection_lost(exc)


class Gate:
    """An ASGI application that lets go of every request when the server goes away, waiting ones too.

    One path may be left alone: the one that sends the server away has to outlive it.
    """

    def __init__(self, app: ASGIApp, ungated: str | None) -> None:
        self._app = app
        self._ungated = ungated
        self._closing = asyncio.Event()

    def close(self) -> None:
        """Let go of what is under way; later requests are served again."""
        self._closing.set()
        self._closing = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, as long as the server is there."""
        if scope["path"] == self._ungated:
            return await self._app(scope, receive, send)
        serving = asyncio.ensure_future(self._app(scope, receive, send))
        closing = asyncio.create_task(self._closing.wait())
        try:
            await asyncio.wait({serving, closing}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                return serving.result()
        finally:
            closing.cancel()
            serving.cancel()
            await asyncio.wait({serving})
        return await hung_up(receive)


async def hung_up(receive: Receive) -> None:
    """Wait until uvicorn has seen the end of the connection; before, it would answer 500 on our behalf."""
    while (await receive())["type"] != "http.disconnect":
        pass


class Listener:
    """A port of the loopback interface that stays ours, whether anybody listens there or not."""

    def __init__(self, app: ASGIApp, lines: Lines, *, port: int = 0, ungated: str | None = None) -> None:
        """Take *port*, 0: a free one; see ``Gate`` for *ungated*. OSError if the port is taken."""
        # Bound but never listening: keeps the port ours while the server is away.
        self._place = _bound(port)
        self.url = f"http://{HOST}:{self._place.getsockname()[1]}"
        self._gate = Gate(app, ungated)
        self._lines = lines
        self._server_state = ServerState()
        self._config = Config(
            self._gate, log_config=None, access_log=False, lifespan="off", timeout_keep_alive=_KEEP_ALIVE_S
        )
        self._config.load()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen (again)."""
        if self._server is None:
            sock = _bound(self._place.getsockname()[1])
            self._server = await asyncio.get_running_loop().create_server(self._protocol, sock=sock, backlog=512)

    async def close(self, *, spare: Address | None = None) -> None:
        """Stop listening, cut all connections (but one), and see every request end."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        self._gate.close()
        self._lines.reset_all(spare=spare)
        others = self._server_state.tasks - {asyncio.current_task()}
        if others:
            await asyncio.wait(others)

    async def stop(self) -> None:
        """Stop listening for good, and give the port back."""
        await self.close()
        self._place.close()

    def _protocol(self) -> asyncio.Protocol:
        return TrackedProtocol(self._lines, self._config, self._server_state)


def _bound(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
    except OSError:
        sock.close()
        raise
    return sock
