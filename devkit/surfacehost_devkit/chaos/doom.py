"""Inside the host that is about to die: tells which steps it passes, and kills itself at the one it was told.

The product knows nothing of this: its own functions are wrapped where every message has to pass.
"""

import os
import re
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from surfacehost_devkit.chaos.points import MARKED, READS


@dataclass(slots=True, kw_only=True)
class Doom:
    """What is to happen in one run of the host."""

    point: str = ""
    """Where it dies; empty: nowhere."""
    surface: str = ""
    """Whose message; empty: anybody's."""
    nth: int = 1
    """At which time of getting there."""
    trace: Path | None = None
    """A file that gets a line ``surface<tab>step`` for each step."""

    def reach(self, point: str, surface: str = "") -> None:
        """The host is at *point*, with something of *surface* where that is known."""
        if self.trace is not None:
            with self.trace.open("a") as file:
                file.write(f"{surface}\t{point}\n")
        if point != self.point or (surface and self.surface and surface != self.surface):
            return
        self.nth -= 1
        if self.nth <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def arm(self) -> None:
        """Wrap what a message passes."""
        self._watch_store()
        self._watch_steps()
        self._watch_agent()
        if "httpx" in sys.modules:
            self._watch_httpx()
        if "aiohttp" in sys.modules:
            self._watch_aiohttp()
        if "starlette" in sys.modules:
            self._watch_what_is_brought()

    def _watch_store(self) -> None:
        from surfacehost.store.sqlite import SqliteDatabase  # noqa: PLC0415 - only the child imports the host

        run = SqliteDatabase.tx

        async def tx(database: Any, operation: Callable[..., Any], *args: Any, **named: Any) -> Any:  # noqa: ANN401
            name, surface = operation.__name__, _surface_of(args)
            if name in READS:
                return await run(database, operation, *args, **named)

            async def inside(transaction: Any, *args: Any, **named: Any) -> Any:  # noqa: ANN401 - wrapped as it is
                result = await operation(transaction, *args, **named)
                self.reach(f"{name} inside", surface)
                return result

            self.reach(f"{name} before", surface)
            result = await run(database, inside, *args, **named)
            if name not in MARKED:
                self.reach(f"{name} after", surface)
            return result

        SqliteDatabase.tx = tx  # type: ignore[method-assign,assignment]

    def _watch_steps(self) -> None:
        from surfacehost.ways import Ways  # noqa: PLC0415 - as above

        mark = Ways.mark

        def marked(ways: Any, event: Any, step: Any) -> None:  # noqa: ANN401 - wrapped as it is
            mark(ways, event, step)
            self.reach(str(step), event.surface)

        Ways.mark = marked  # type: ignore[method-assign,assignment]

    def _watch_agent(self) -> None:
        from websockets.asyncio.client import ClientConnection  # noqa: PLC0415 - as above

        self._watch(ClientConnection, "send", lambda connection, *_: ("ask", _asked_for(connection)))
        self._watch(ClientConnection, "recv", lambda connection, *_: ("hear", _asked_for(connection)))

    def _watch_httpx(self) -> None:
        import httpx  # noqa: PLC0415 - as above

        self._watch(
            httpx.AsyncHTTPTransport, "handle_async_request", lambda _, request: (call_name(request.url.path), "")
        )

    def _watch_aiohttp(self) -> None:
        import aiohttp  # noqa: PLC0415 - as above

        self._watch(
            aiohttp.ClientSession, "_request", lambda _, method, url: (call_name(urlsplit(str(url)).path, method), "")
        )

    def _watch_what_is_brought(self) -> None:
        from starlette.applications import Starlette  # noqa: PLC0415 - as above

        run = Starlette.__call__

        async def serve(app: Any, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - wrapped as it is
            if scope.get("method") != "POST":  # pages are looked at, which is nobody's message
                await run(app, scope, receive, send)
                return
            name = call_name(scope["path"], "POST")
            self.reach(f"{name} before")
            await run(app, scope, receive, send)
            self.reach(f"{name} after")

        Starlette.__call__ = serve  # type: ignore[method-assign,assignment]

    def _watch(self, owner: type, method: str, told: Callable[..., tuple[str, str]]) -> None:
        """Wrap a coroutine method of *owner*; *told* makes step and surface of its arguments."""
        run = getattr(owner, method)

        async def watched(*args: Any, **named: Any) -> Any:  # noqa: ANN401 - wrapped as it is
            name, surface = told(*args)
            self.reach(f"{name} before", surface)
            result = await run(*args, **named)
            self.reach(f"{name} after", surface)
            return result

        setattr(owner, method, watched)


@dataclass(frozen=True, slots=True)
class DieAtStepIn:
    """Done in a host before it begins: it dies at the step that *file* names by then, nowhere if that is empty."""

    file: Path

    def __call__(self) -> None:
        """Do it."""
        if step := self.file.read_text():
            Doom(point=step).arm()


def call_name(path: str, method: str = "") -> str:
    """The call behind a *path*, the same for every room, person and token: ``sendMessage``, ``PUT rooms/*/typing/*``.

    What holds a sigil, or digits and is long, is somebody's id.
    """
    parts = [unquote(part) for part in path.strip("/").split("/")]
    names = ["*" if part[:1] in "!@#$" or (len(part) >= 12 and re.search(r"\d", part)) else part for part in parts]
    name = re.sub(r"^(_matrix/client/v\d+/|\*/)", "", "/".join(names))
    return f"{method} {name}".strip()


def _surface_of(args: tuple[Any, ...]) -> str:
    """Whose transaction it is, from what it is given: a seat, an entry, or the surface's name."""
    if not args:
        return ""
    first = args[0]
    named = first if isinstance(first, str) else getattr(getattr(first, "event", first), "surface", "")
    return str(named)


def _asked_for(connection: Any) -> str:  # noqa: ANN401 - a ClientConnection
    """The surface whose thread a connection to the agent serves."""
    request = connection.request
    thread = parse_qs(urlsplit(request.path).query).get("thread_id", [""])[0] if request else ""
    return thread.split("/")[1] if thread.count("/") else ""
