"""The simulator as a server on loopback, in this process or in one of its own."""

import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from surfacehost_devkit.botapi.admin import admin_routes
from surfacehost_devkit.botapi.clock import Clock, Pace
from surfacehost_devkit.botapi.commands import COMMANDS
from surfacehost_devkit.botapi.desk import refusal
from surfacehost_devkit.botapi.door import FileDoor, MethodDoor, plain
from surfacehost_devkit.botapi.errors import ApiError
from surfacehost_devkit.botapi.groups import Groups
from surfacehost_devkit.botapi.state import State
from surfacehost_devkit.botapi.world import World
from surfacehost_devkit.lines import Address, Lines, Listener


class BotApi:
    """A running simulator; make one with `BotApi.serve()`."""

    def __init__(self, state: State, port: int) -> None:
        self.state = state
        self.world = World(state)
        self.groups = Groups(state, self.world)
        self.faults = state.faults
        self.flood = state.flood
        self.calls = state.calls
        self._lines = Lines()
        self._listener = Listener(self._application(), self._lines, port=port, ungated="/admin/away")
        self.url = self._listener.url

    @classmethod
    @contextlib.asynccontextmanager
    async def serve(
        cls, *, port: int = 0, clock: Clock | None = None, pace: Pace | None = None
    ) -> AsyncIterator["BotApi"]:
        """Serve on 127.0.0.1 until the block ends; port 0 takes a free one. OSError if the port is taken."""
        api = cls(State(clock=clock or Clock(), pace=pace or Pace()), port)
        try:
            await api.back()
            yield api
        finally:
            await api.stop()

    async def away(self, *, spare: Address | None = None) -> None:
        """Cut all connections (but one) and refuse new ones until `back()`; what the world knows stays."""
        await self._listener.close(spare=spare)

    async def back(self) -> None:
        """Listen (again) on the same port."""
        await self._listener.open()

    async def stop(self) -> None:
        """Stop listening and delivering for good."""
        for webhook in self.state.webhooks.values():
            await webhook.stop()
        await self._listener.stop()

    def _application(self) -> Starlette:
        door = MethodDoor(self.state, self._lines)
        routes = [
            Route("/bot{token}/{method}", endpoint=door),
            Route("/file/bot{token}/{path:path}", endpoint=FileDoor(self.state, self._lines)),
            *admin_routes(self, COMMANDS),
        ]
        return Starlette(routes=routes, exception_handlers={HTTPException: _not_found})


async def _not_found(_: Request, problem: Exception) -> Response:
    status = problem.status_code if isinstance(problem, HTTPException) else 500
    text = "Not Found" if status == 404 else "Method Not Allowed" if status == 405 else "Bad Request"
    return plain(refusal(ApiError(status, text)))
