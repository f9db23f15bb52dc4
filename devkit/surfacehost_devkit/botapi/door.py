"""The HTTP side of the bot methods and of file downloads."""

import contextlib
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from surfacehost_devkit.botapi.desk import refusal, serve_call
from surfacehost_devkit.botapi.errors import ApiError
from surfacehost_devkit.botapi.params import read_params
from surfacehost_devkit.botapi.state import State
from surfacehost_devkit.faults import Answer
from surfacehost_devkit.lines import Lines


class MethodDoor:
    """`/bot<token>/<method>`: an ASGI application, for a fault needs the bare connection."""

    def __init__(self, state: State, lines: Lines) -> None:
        self._state = state
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call. One that breaks off before all of it has come in was never made."""
        with contextlib.suppress(ClientDisconnect):
            await self._lines.give(await self._answer(Request(scope, receive)), scope, receive, send)

    async def _answer(self, request: Request) -> Answer:
        token, method = request.path_params["token"], request.path_params["method"]
        try:
            params = await read_params(request)
        except ApiError as refused:
            return refusal(refused)
        return await serve_call(self._state, token, method, params)


def download(state: State) -> Callable[[Request], Awaitable[Response]]:
    """`/file/bot<token>/<path>`."""

    async def serve(request: Request) -> Response:
        if request.path_params["token"] not in state.bots:
            return plain(refusal(ApiError(401, "Unauthorized")))
        stored = next((one for one in state.files.values() if one.path == request.path_params["path"]), None)
        if stored is None:
            return plain(refusal(ApiError(404, "Not Found")))
        return Response(stored.data, media_type="application/octet-stream")

    return serve


def plain(answer: Answer) -> Response:
    """An answer as an ordinary response."""
    return Response(answer.body, status_code=answer.status, media_type=answer.content_type)
