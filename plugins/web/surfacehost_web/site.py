"""The page's files and its socket, mounted on the host's web server."""

import asyncio
import hashlib
import json
import logging
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePath

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect

from surfacehost import NotReady
from surfacehost_web.counter import counter
from surfacehost_web.desk import Desk
from surfacehost_web.drawer import Drawers
from surfacehost_web.frames import MAX_FRAME_CHARS, BadFrame, Frame, read_frame
from surfacehost_web.settings import WebSettings
from surfacehost_web.tabs import Tab, Tabs, TooSlow
from surfacehost_web.visitor import Door

TOO_LARGE, AGAIN_LATER, NO_COOKIE = 1009, 1013, 4401
"""Why a socket is closed: RFC 6455 section 7.4.1 and its registry; the last is ours, the page then fetches a cookie."""

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_WRONG_NAME = (
    "This page is not meant to be reached by this name.\n"
    "Whoever runs it can allow it: public_url in the table [web] of settings.toml.\n"
)

log = logging.getLogger(__name__)


class FrameTooLarge(Exception):
    """The page sent more than any version of it does, or something that is no text."""


@dataclass(frozen=True, slots=True)
class _Asset:
    content: bytes
    type: str
    etag: str


def site(door: Door, tabs: Tabs, desk: Desk, drawers: Drawers, settings: WebSettings) -> ASGIApp:
    """The application of one page."""
    assets = _read_assets()
    headers = {
        "Content-Security-Policy": _policy(settings),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }

    async def asset(request: Request) -> Response:
        if not door.knows_host(request):
            return PlainTextResponse(_WRONG_NAME, 421, headers)
        name = request.path_params.get("name") or "index.html"
        if (found := assets.get(name)) is None:
            return PlainTextResponse("not found\n", 404, headers)
        fresh = headers | {"ETag": found.etag}
        if name == "index.html":
            fresh["Set-Cookie"] = door.cookie(request)
        if request.headers.get("if-none-match") == found.etag:
            return Response(status_code=304, headers=fresh)
        return Response(found.content, headers=fresh | {"Content-Type": found.type})

    async def socket(websocket: WebSocket) -> None:
        await _Session(websocket, door, tabs, desk).run()

    return Starlette(
        routes=[
            WebSocketRoute("/socket", socket),
            *counter(door, drawers),
            Route("/", asset),
            Route("/{name}", asset),
        ],
    )


def _policy(settings: WebSettings) -> str:
    """Everything comes from here, nothing is inline: even markup that got into an answer could do nothing."""
    ancestors = " ".join(["'self'", *settings.frame_ancestors])
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self';"
        f" base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
    )


def _read_assets() -> dict[str, _Asset]:
    """The page's files by name."""
    found = {}
    for file in files(__package__).joinpath("page").iterdir():
        if type_ := _TYPES.get(PurePath(file.name).suffix):
            content = file.read_bytes()
            found[file.name] = _Asset(content, type_, f'"{hashlib.sha256(content).hexdigest()[:20]}"')
    return found


class _Session:
    """One socket, from its opening to its end."""

    def __init__(self, websocket: WebSocket, door: Door, tabs: Tabs, desk: Desk) -> None:
        self._websocket = websocket
        self._door = door
        self._tabs = tabs
        self._desk = desk

    async def run(self) -> None:
        """Let the page in, if it may, and serve it until it leaves."""
        websocket, door = self._websocket, self._door
        if not (door.knows_host(websocket) and door.is_own_page(websocket)):
            await websocket.close()  # before the socket is accepted this is a 403
            return
        await websocket.accept()
        person = door.person(websocket)
        if person is None or self._tabs.is_full:
            await websocket.close(NO_COOKIE if person is None else AGAIN_LATER)
            return
        with self._tabs.opened(person) as tab:
            await self._serve(tab)

    async def _serve(self, tab: Tab) -> None:
        """Read and write side by side."""
        try:
            async with asyncio.TaskGroup() as group:
                writing = group.create_task(tab.write(self._websocket.send_text))
                await self._read(tab)
                writing.cancel()
        except* WebSocketDisconnect:
            pass
        except* FrameTooLarge:
            await self._websocket.close(TOO_LARGE)
        except* TooSlow:
            log.info("a page of %s does not keep up and is let go", tab.person)
            await self._websocket.close(AGAIN_LATER)

    async def _read(self, tab: Tab) -> None:
        """Do what the page says until it leaves. Raises FrameTooLarge."""
        await self._do(tab, None)
        while (event := await self._websocket.receive())["type"] != "websocket.disconnect":
            text = event.get("text")
            if text is None or len(text) > MAX_FRAME_CHARS:
                raise FrameTooLarge
            try:
                await self._do(tab, read_frame(text))
            except BadFrame as error:
                tab.tell("error", code="bad_frame", detail=str(error), id=_id_in(text))

    async def _do(self, tab: Tab, frame: Frame | None) -> None:
        """Do what *frame* asks, or greet a page that has just come."""
        try:
            await (self._desk.greet(tab) if frame is None else self._desk.take(tab, frame))
        except NotReady as error:
            log.warning("a page is told to try again: %s", error)
            tab.tell("error", code="not_ready", id=getattr(frame, "id", None))


def _id_in(text: str) -> str | None:
    """Which message a frame that makes no sense was about, if it can be told: the page must not send it again."""
    try:
        found = json.loads(text).get("id")
    except (ValueError, AttributeError, RecursionError):
        return None
    return found if isinstance(found, str) else None
