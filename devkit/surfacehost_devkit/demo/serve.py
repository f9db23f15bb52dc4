"""The page's web server, beside everything else on the demo's own loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from starlette.types import ASGIApp

CLOSE_S = 1


class _Server(uvicorn.Server):
    """uvicorn inside a program that answers signals itself."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them to the program."""
        yield


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, listener: socket.socket) -> AsyncIterator[None]:
    """Serve *app* on *listener* until the block ends."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=CLOSE_S,
        ws="websockets-sansio",
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="page")
    try:
        yield
    finally:
        server.should_exit = True
        await task
