"""The control of the world over HTTP, for the demo page and for tests in another process.

`/admin/<command>` takes its arguments by name, from the query string or a JSON object, and answers JSON;
`{"error": …}` with 400 for what makes no sense, with 408 where waiting was in vain. Nothing protects it: the
simulator listens on loopback alone.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from surfacehost_devkit.botapi.model import Chat
from surfacehost_devkit.lines import Address

if TYPE_CHECKING:
    from surfacehost_devkit.botapi.server import BotApi


@dataclass(frozen=True, slots=True)
class Args:
    """The arguments of one command."""

    api: "BotApi"
    given: Mapping[str, object]
    peer: Address

    def text(self, name: str, default: str | None = None) -> str:
        """A string; ValueError if it is missing and there is no default."""
        value = self.given.get(name, default)
        if value is None:
            raise ValueError(f"{name} is missing")
        return str(value)

    def whole(self, name: str, default: int | None = None) -> int:
        """An integer; ValueError if it is missing and there is no default."""
        return int(self.text(name, None if default is None else str(default)))

    def number(self, name: str, default: float) -> float:
        """A number."""
        return float(self.text(name, str(default)))

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A truth value."""
        return self.text(name, str(default)).lower() in {"true", "1", "yes"}

    def maybe(self, name: str) -> int | None:
        """An integer or nothing."""
        return None if self.given.get(name) in {None, ""} else self.whole(name)

    def several(self, name: str) -> list[int]:
        """A list of integers, perhaps empty."""
        value = self.given.get(name)
        return [int(str(one)) for one in value] if isinstance(value, list) else []

    def chat(self) -> Chat:
        """The chat the arguments name."""
        return self.api.world.chat(self.whole("chat"), self.maybe("bot"))


Command = Callable[[Args], object | Awaitable[object]]


def admin_routes(api: "BotApi", commands: Mapping[str, Command]) -> list[Route]:
    """The one route all commands share."""

    async def run(request: Request) -> Response:
        command = commands.get(request.path_params["command"])
        if command is None:
            return JSONResponse({"error": f"no such command; there are: {', '.join(sorted(commands))}"}, 404)
        try:
            result = command(Args(api, await _given(request), _peer(request)))
            return JSONResponse(await result if isinstance(result, Awaitable) else result)
        except TimeoutError:
            return JSONResponse({"error": "waited in vain"}, 408)
        except (ValueError, LookupError, TypeError) as wrong:
            return JSONResponse({"error": f"{type(wrong).__name__}: {wrong}"}, 400)

    return [Route("/admin/{command}", run, methods=["GET", "POST"])]


def _peer(request: Request) -> Address:
    return (request.client.host, request.client.port) if request.client else ("", 0)


async def _given(request: Request) -> dict[str, object]:
    given: dict[str, object] = dict(request.query_params)
    if await request.body():
        body = await request.json()
        if not isinstance(body, dict):
            raise ValueError("the body is no JSON object")
        given |= body
    return given
