"""The page and its one socket: notes of the board out, what the person does in."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from pathlib import PurePath
from typing import Any

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from surfacehost_devkit.demo.board import Board, Reader
from surfacehost_devkit.demo.people import Person, Unsayable

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
HEADERS = {
    # Nothing is inline and nothing comes from elsewhere: markup that got into the page could do nothing.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}

Act = Callable[[], Awaitable[object] | None]
Frame = Mapping[str, Any]

log = logging.getLogger(__name__)


class Site:
    """Shows the board to every open page and does what its person wants."""

    def __init__(self, board: Board, people: Mapping[str, Person], acts: Mapping[str, Act], port: int) -> None:
        self._board = board
        self._people = people
        self._acts = acts
        self._names = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._files = {file.name: file.read_bytes() for file in files(__package__).joinpath("page").iterdir()}
        self._doing: set[asyncio.Task[None]] = set()

    def application(self) -> Starlette:
        """The web application."""
        routes = [WebSocketRoute("/socket", self._socket), Route("/", self._file), Route("/{name}", self._file)]
        return Starlette(routes=routes)

    async def end(self) -> None:
        """Give up what is being done."""
        for task in self._doing:
            task.cancel()
        await asyncio.gather(*self._doing, return_exceptions=True)

    async def _file(self, request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        if not self._knows(request):
            return PlainTextResponse("This page is on 127.0.0.1 only.\n", 421, HEADERS)
        if name not in self._files:
            return PlainTextResponse("not found\n", 404, HEADERS)
        return Response(self._files[name], headers=HEADERS | {"Content-Type": TYPES[PurePath(name).suffix]})

    def _knows(self, visit: HTTPConnection) -> bool:
        """Whether the page is called by a name of ours: a stranger's page may point its own name at this machine."""
        return visit.headers.get("host", "") in self._names

    async def _socket(self, websocket: WebSocket) -> None:
        # Any page in the person's browser may open a socket to here; the browser says which page it was.
        if not self._knows(websocket) or websocket.headers.get("origin") != f"http://{websocket.headers['host']}":
            await websocket.close()
            return
        await websocket.accept()
        with self._board.reading() as reader:
            writing = asyncio.create_task(_write(websocket, reader))
            try:
                while True:
                    self._begin(reader, json.loads(await websocket.receive_text()))
            except (WebSocketDisconnect, ValueError, KeyError):  # the page has gone, or it is none of ours
                pass
            finally:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)

    def _begin(self, reader: Reader, frame: Frame) -> None:
        """Do what the page asks, beside what else it asks meanwhile."""
        task = asyncio.create_task(self._do(reader, frame))
        self._doing.add(task)
        task.add_done_callback(self._doing.discard)

    async def _do(self, reader: Reader, frame: Frame) -> None:
        try:
            match frame["do"]:
                case "say":
                    await self._people[frame["column"]].say(str(frame["text"]), str(frame.get("room", "")))
                case "tap":
                    await self._people[frame["column"]].tap(str(frame["message"]), str(frame["data"]))
                case name:
                    result = self._acts[name]()
                    if result is not None:
                        await result
        except Unsayable as error:
            reader.tell("trouble", {"text": str(error)})
        except Exception as error:  # the page may go on; the terminal tells why this did not work
            log.exception("%s did not work", frame.get("do"))
            reader.tell("trouble", {"text": f"That did not work: {type(error).__name__}"})


async def _write(websocket: WebSocket, reader: Reader) -> None:
    while True:
        changes = await reader.changes()
        await websocket.send_text(json.dumps(changes, ensure_ascii=False, separators=(",", ":")))
