"""A file from the web onto the disk, piece by piece and no further than allowed."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from surfacehost.errors import TooLarge, Undeliverable

PATIENCE = httpx.Timeout(30, connect=10)
"""Seconds between two pieces of a file, and until a connection stands."""
WHOLE_S = 300.0
"""Seconds that a whole file may take."""
HOPS = 5
"""Redirects that are followed."""


async def download(url: str, at_most: int, into: Path) -> None:
    """Write what is at *url* to *into*. Raises TooLarge beyond *at_most* bytes, Undeliverable on failure."""
    try:
        async with (
            asyncio.timeout(WHOLE_S),
            httpx.AsyncClient(timeout=PATIENCE, follow_redirects=True, max_redirects=HOPS) as client,
            client.stream("GET", url) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise Undeliverable(f"{urlsplit(url).hostname} answers {answer.status_code}")
            await _save(answer, at_most, into)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        raise Undeliverable(f"the file can't be had: {type(error).__name__}") from error


async def _save(answer: httpx.Response, at_most: int, into: Path) -> None:
    size = 0
    with into.open("wb") as file:
        async for piece in answer.aiter_bytes(65_536):
            size += len(piece)
            if size > at_most:
                raise TooLarge(f"more than {at_most} bytes")
            await asyncio.to_thread(file.write, piece)
