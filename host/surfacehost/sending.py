"""``POST /send`` on the host's web server: what ``surfacehost send`` does, for programs that hold the token."""

import hmac
import json
import time
from collections.abc import Callable, Collection

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from surfacehost.store import sayings
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.store.transaction import StoreFailed


class _Wrong(Exception):
    """The request is not as it has to be."""


def send_routes(
    token: str, database: SqliteDatabase, surfaces: Collection[str], wake: Callable[[str], None]
) -> list[BaseRoute]:
    """The page, for whoever knows *token*; *wake* is told the surface that has something to say."""

    async def send(request: Request) -> Response:
        scheme, _, said = request.headers.get("authorization", "").partition(" ")
        if scheme.casefold() != "bearer" or not hmac.compare_digest(said.strip().encode(), token.encode()):
            return JSONResponse({"error": "wrong token"}, 401, {"WWW-Authenticate": "Bearer"})
        now = time.time()
        try:
            to, text = await _wanted(request)
            event = sayings.occasion(to, text, request.headers.get("idempotency-key"), surfaces, now=now)
            is_new = await database.tx(sayings.say, event, now=now)
        except (_Wrong, sayings.CanNotSay) as error:
            return JSONResponse({"error": str(error)}, 400)
        except StoreFailed as error:
            return JSONResponse({"error": str(error)}, 503, {"Retry-After": "5"})
        wake(event.surface)
        return JSONResponse({"id": event.id, "is_new": is_new}, 202)

    return [Route("/send", send, methods=["POST"])]


async def _wanted(request: Request) -> tuple[str, str]:
    """Where something is said, and what. Raises _Wrong."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > sayings.MOST_BYTES:
            raise _Wrong(f"more than {sayings.MOST_BYTES} bytes")
    try:
        said = json.loads(body)
        to, text = said["to"], said["text"]
    except (ValueError, TypeError, KeyError) as error:
        raise _Wrong('should be JSON: {"to": "1/…", "text": "…"}') from error
    if not isinstance(to, str) or not isinstance(text, str):
        raise _Wrong("to and text should be text")
    return to, text
