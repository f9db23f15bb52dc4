"""The HTTP side of the bot methods and of file downloads."""

import contextlib

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


class FileDoor:
    """`/file/bot<token>/<path>`; a fault for it is planned as "download", or "download <path>"."""

    def __init__(self, state: State, lines: Lines) -> None:
        self._state = state
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one download."""
        request = Request(scope, receive)
        path = request.path_params["path"]
        fault = self._state.faults.take("download") or self._state.faults.take(f"download {path}")

        async def act() -> Answer:
            return self._file(request.path_params["token"], path)

        answer = await (self._state.faults.meet(fault, act) if fault else act())
        await self._lines.give(answer, scope, receive, send)

    def _file(self, token: str, path: str) -> Answer:
        if token not in self._state.bots:
            return refusal(ApiError(401, "Unauthorized"))
        stored = next((one for one in self._state.files.values() if one.path == path), None)
        if stored is None:
            return refusal(ApiError(404, "Not Found"))
        return Answer(status=200, body=stored.data, content_type="application/octet-stream")


def plain(answer: Answer) -> Response:
    """An answer as an ordinary response."""
    return Response(answer.body, status_code=answer.status, media_type=answer.content_type)
