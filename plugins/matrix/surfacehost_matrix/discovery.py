"""Where a homeserver is, when the settings give its name: what ``.well-known`` says.

Client-server specification, "Well-known URI". Where it has a client ask its user (FAIL_PROMPT) or give up
(FAIL_ERROR), the surface is refused with a sentence; but an address that was found once outlives a website in trouble.
"""

import asyncio
import json
import logging
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from surfacehost import Memory, NotReady, Refused
from surfacehost_matrix.connection import session
from surfacehost_matrix.failures import reaching
from surfacehost_matrix.settings import MatrixSettings

NOTE = "well_known"
"""The server name that was looked up, and the address that was found."""
LOOK_S = 20

log = logging.getLogger(__name__)


async def locate(settings: MatrixSettings, memory: Memory) -> str:
    """The base URL of the client API. Raises NotReady when it can't be found out now, Refused when not at all."""
    if not settings.is_server_name:
        return settings.homeserver
    known = await memory.get(NOTE) or {}
    try:
        url = await look_up(settings)
    except (NotReady, Refused) as error:
        if known.get("server") != settings.homeserver:
            raise
        log.warning("%s; going on with %s, which was found earlier", error, known["url"])
        return str(known["url"])
    note = {"server": settings.homeserver, "url": url}
    if note != known:
        await memory.set({NOTE: note})
    return url


async def look_up(settings: MatrixSettings) -> str:
    """What ``.well-known`` says at this moment, once it has been found to be a homeserver. Raises as ``locate``."""
    name = settings.homeserver
    address = f"https://{name}/.well-known/matrix/client"
    status, text = await _get(settings, address)
    if status >= 500:
        raise NotReady(f"{address} answers {status}")
    url = f"https://{name}" if status == 404 else _base_url(address, status, text)
    await _check(settings, url, name, is_guess=status == 404)
    return url


def _base_url(address: str, status: int, text: str) -> str:
    """What the document says. Raises Refused in the words of the specification's outcomes."""
    instead = "put the homeserver's own address (https://…) into the settings"
    if status != 200 or not text.strip():
        raise Refused(f"{address} answers {status} and nothing that helps; {instead}")
    try:
        told: Any = json.loads(text)
        url = told["m.homeserver"]["base_url"]
    except (ValueError, TypeError, KeyError) as error:
        raise Refused(f"{address} does not say where the homeserver is (m.homeserver, base_url); {instead}") from error
    if not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise Refused(f"{address} names a homeserver whose address is none; have its owner correct it, or {instead}")
    return url.rstrip("/")


async def _check(settings: MatrixSettings, url: str, name: str, *, is_guess: bool) -> None:
    status, text = await _get(settings, f"{url}/_matrix/client/versions")
    if status >= 500:
        raise NotReady(f"{url} answers {status}")
    try:
        if status == 200 and isinstance(json.loads(text)["versions"], list):
            return
    except (ValueError, TypeError, KeyError):
        log.debug("%s has no versions", url)
    if is_guess:
        raise Refused(
            f"{name} has no .well-known/matrix/client and is no homeserver itself; give its address (https://…)"
        )
    raise Refused(f"{name} says that its homeserver is {url}, but none is there; have its owner correct it")


async def _get(settings: MatrixSettings, url: str) -> tuple[int, str]:
    """Status and text of *url*, redirections followed."""
    with reaching(url):
        async with (
            asyncio.timeout(LOOK_S),
            session(settings, url) as http,
            http.get(url, timeout=aiohttp.ClientTimeout(total=None)) as answer,
        ):
            return answer.status, (await answer.content.read(65_536)).decode()
