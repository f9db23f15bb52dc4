"""Where pages hand files in and get them out: over HTTP, beside the socket."""

from collections.abc import Sequence
from dataclasses import asdict

from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from surfacehost import TooLarge
from surfacehost_web.drawer import Drawers
from surfacehost_web.visitor import Door

PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""What the page shows; SVG can hold scripts and is no picture here."""
RECORDINGS = frozenset(
    {
        *(f"audio/{kind}" for kind in ("aac", "flac", "mp4", "mpeg", "ogg", "wav", "webm", "x-wav")),
        *(f"video/{kind}" for kind in ("mp4", "ogg", "webm")),
    }
)
"""What the page plays; everything else is saved by the browser."""

GUARDED = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, max-age=86400",
}
"""A stranger's file is never a page of ours."""


def counter(door: Door, drawers: Drawers) -> Sequence[BaseRoute]:
    """The routes for files."""

    async def take(request: Request) -> Response:
        person = door.person(request) if door.knows_host(request) and door.is_own_page(request) else None
        if person is None:
            return PlainTextResponse("not from here\n", 403)
        if int(request.headers.get("content-length", 0)) > drawers.at_most:
            return _too_large(drawers)
        name, mime_type = request.query_params.get("name", ""), request.headers.get("content-type", "")
        try:
            filed = await drawers.take(person, name, mime_type.partition(";")[0].lower(), request.stream())
        except TooLarge:
            return _too_large(drawers)
        except ClientDisconnect:
            return Response(status_code=400)
        except OSError as error:
            return PlainTextResponse(f"it can't be stored: {error.strerror}\n", 507)
        return JSONResponse(asdict(filed), 201)

    async def give(request: Request) -> Response:
        person = door.person(request) if door.knows_host(request) else None
        filed = drawers.find(person, request.path_params["file"]) if person else None
        if person is None or filed is None:
            return PlainTextResponse("not found\n", 404)
        how = "inline" if filed.type in PICTURES | RECORDINGS else "attachment"
        return FileResponse(
            drawers.path(person, filed), media_type=filed.type, filename=filed.name, headers=GUARDED,
            content_disposition_type=how,
        )  # fmt: skip

    return [Route("/file", take, methods=["POST"]), Route("/file/{file}", give)]


def _too_large(drawers: Drawers) -> Response:
    return JSONResponse({"at_most": drawers.at_most}, 413)
