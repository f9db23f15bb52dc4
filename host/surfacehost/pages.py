"""The host's own web server: is it alive, can messages flow, what is it doing; and what surfaces mount beside."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from surfacehost.errors import SurfacehostError

Report = Callable[[], Awaitable[dict[str, Any]]]
Metrics = Callable[[str], Awaitable[tuple[bytes, str]]]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether messages can flow."""

    troubles: Mapping[str, str]
    """Whatever has to work, and why it does not; none where it is empty."""
    parked: Mapping[str, int]
    """How many messages of a surface wait for the operator. Others flow past them."""

    def lines(self) -> str:
        """One for each thing that has to work."""
        return "".join(f"{name}: {trouble or 'ok'}{self._note(name)}\n" for name, trouble in self.troubles.items())

    def _note(self, name: str) -> str:
        count = self.parked.get(name, 0)
        return f", {count} parked: surfacehost inbox list" if count else ""


def application(
    readiness: Callable[[], Awaitable[Readiness]],
    report: Report,
    metrics: Metrics,
    mounts: Mapping[str, ASGIApp],
    more: Sequence[BaseRoute] = (),
) -> ASGIApp:
    """The pages, and *more*. *metrics*: what an Accept header asks for, and its type; *mounts*: what surfaces serve."""

    async def alive(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(_: Request) -> Response:
        found = await readiness()
        return PlainTextResponse(found.lines(), 503 if any(found.troubles.values()) else 200)

    async def status(_: Request) -> Response:
        return JSONResponse(await report())

    async def figures(request: Request) -> Response:
        content, media_type = await metrics(request.headers.get("accept", ""))
        return Response(content, media_type=media_type)

    async def front(_: Request) -> Response:
        for_people = (path for path in mounts if not path.startswith("/webhook/"))
        return RedirectResponse(next(for_people, "/status.json"))

    routes: list[BaseRoute] = [
        Route("/", front),
        Route("/healthz", alive),
        Route("/readyz", ready),
        Route("/status.json", status),
        Route("/metrics", figures),
        *more,
        *(Mount(path, app) for path, app in mounts.items()),
    ]
    return Starlette(routes=routes)


class _Server(uvicorn.Server):
    """uvicorn inside a host that answers signals itself."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them to the host."""
        yield


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, host: str, port: int) -> AsyncIterator[str]:
    """Serve *app*; gives the address it is reached at. Raises SurfacehostError when the port can't be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise SurfacehostError(f"web.listen: {host}:{port} can't be had: {error.strerror}") from error
    bound: int = listener.getsockname()[1]
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2, ws_ping_interval=20
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="web server")
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{bound}"
    finally:
        server.should_exit = True
        await task
        listener.close()
