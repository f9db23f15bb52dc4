"""Addresses of files: signed, and good for a while only. Whoever has one may read that file and nothing else."""

import hashlib
import hmac
import secrets
import time
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from surfacehost.media.shelf import Item, Shelf

KEY_BYTES = 32

GUARDED = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, no-store",
}
"""A stranger's file is never a page of ours."""


class Links:
    """Makes addresses and serves what they lead to."""

    def __init__(self, key_file: Path, *, good_for_s: float) -> None:
        self._key_file = key_file
        self._good_for_s = good_for_s

    def url(self, base: str, item: Item) -> str:
        """The address of *item* on the web server at *base*."""
        until = int(time.time() + self._good_for_s)
        return f"{base}/media/{item.id}/{quote(item.name, safe='')}?until={until}&sign={self._sign(item.id, until)}"

    def admits(self, item_id: str, until: str, sign: str) -> bool:
        """Whether an address with these parts is one of ours and still good."""
        if not (until.isascii() and until.isdigit() and len(until) <= 12):
            return False
        genuine = hmac.compare_digest(self._sign(item_id, int(until)).encode(), sign.encode("utf-8", "replace"))
        return genuine and int(until) >= time.time()

    def site(self, shelf: Shelf) -> ASGIApp:
        """The files of *shelf*, for those who have an address."""

        async def give(request: Request) -> Response:
            item_id, asked = request.path_params["item"], request.query_params
            if not self.admits(item_id, asked.get("until", ""), asked.get("sign", "")):
                return PlainTextResponse("this link is not valid, or no longer\n", 403)
            if (item := shelf.find(item_id)) is None:
                return PlainTextResponse("this file is not kept any more\n", 404)
            return FileResponse(
                shelf.path(item), media_type=item.mime_type, filename=item.name, headers=GUARDED,
                content_disposition_type="attachment",
            )  # fmt: skip

        return Starlette(routes=[Route("/{item}/{name}", give)])

    @cached_property
    def _key(self) -> bytes:
        return _key(self._key_file)  # a host through which no file ever goes has none

    def _sign(self, item_id: str, until: int) -> str:
        return hmac.new(self._key, f"{item_id} {until}".encode(), hashlib.sha256).hexdigest()


def _key(file: Path) -> bytes:
    """The secret of this host, made when it is first needed."""
    try:
        key = file.read_bytes()
    except FileNotFoundError:
        key = b""
    if len(key) != KEY_BYTES:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = secrets.token_bytes(KEY_BYTES)
        file.touch(mode=0o600)
        file.write_bytes(key)
    return key
