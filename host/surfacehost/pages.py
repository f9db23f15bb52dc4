"""The host's own web server: is it alive, can messages flow, what is it doing; and what surfaces mount beside."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from surfacehost.errors import SurfacehostError

Readiness = Callable[[], Mapping[str, str]]
Report = Callable[[], Awaitable[dict[str, Any]]]

log = logging.getLogger(__name__)


def application(readiness: Readiness, report: Report, mounts: Mapping[str, ASGIApp]) -> ASGIApp:
    """The pages: *readiness* names what can't flow, *report* tells all; *mounts*: path to what a surface serves."""

    async def alive(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(_: Request) -> Response:
        troubles = readiness()
        lines = [f"{name}: {trouble or 'ok'}\n" for name, trouble in troubles.items()]
        return PlainTextResponse("".join(lines), 503 if any(troubles.values()) else 200)

    async def status(_: Request) -> Response:
        return JSONResponse(await report())

    async def front(_: Request) -> Response:
        return RedirectResponse(next(iter(mounts), "/status.json"))

    routes: list[BaseRoute] = [
        Route("/", front),
        Route("/healthz", alive),
        Route("/readyz", ready),
        Route("/status.json", status),
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
