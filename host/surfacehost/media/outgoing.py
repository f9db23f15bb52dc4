"""What the agent sends: taken over at once, since its address may be good for a moment only.

An agent names no file of the host's: what is no ``data:`` or ``http(s)`` URL is not looked at.
"""

import asyncio
import base64
import binascii
from functools import partial
from pathlib import Path
from urllib.parse import unquote_to_bytes

from surfacehost.errors import TooLarge, Undeliverable
from surfacehost.media.shelf import Item, Shelf


async def shelve(shelf: Shelf, item_id: str, name: str, mime_type: str, url: str) -> Item:
    """The file at *url* on the shelf, as *item_id*.

    Raises TooLarge, Undeliverable when it can't be had, and NotReady when the disk does not take it.
    """
    scheme = url[:8].partition(":")[0].lower()
    if scheme == "data":
        return await shelf.put(item_id, name, mime_type, partial(_write_data, url, shelf.at_most))
    if scheme in ("http", "https"):
        from surfacehost.media.download import download  # noqa: PLC0415 - an HTTP client that most hosts never need

        return await shelf.put(item_id, name, mime_type, partial(download, url, shelf.at_most))
    raise Undeliverable(f"{scheme or 'no'} scheme: a file is taken from data:, http: and https: URLs")


async def _write_data(url: str, at_most: int, into: Path) -> None:
    """The bytes of a ``data:`` URL (RFC 2397)."""
    head, comma, body = url.partition(",")
    try:
        data = base64.b64decode(body, validate=True) if head.endswith(";base64") else unquote_to_bytes(body)
    except binascii.Error as error:
        raise Undeliverable(f"no base64: {error}") from error
    if not comma:
        raise Undeliverable("a data: URL without data")
    if len(data) > at_most:
        raise TooLarge(f"{len(data)} bytes, at most {at_most}")
    await asyncio.to_thread(into.write_bytes, data)
