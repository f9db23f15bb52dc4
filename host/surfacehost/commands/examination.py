"""What ``surfacehost doctor`` looks at: the host's own parts here, the surfaces by themselves."""

import asyncio
import http.client
import logging
import os
import shutil
import socket
import stat
import urllib.error
import urllib.request
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

from surfacehost.agent.sockets import Sockets
from surfacehost.commands.beside import MemoryBeside, home_of
from surfacehost.embedded import agent_address
from surfacehost.errors import SurfacehostError
from surfacehost.settings import Settings, SurfaceTable
from surfacehost.store.beside import SqliteBeside
from surfacehost.store.lock import is_held
from surfacehost.store.transaction import StoreFailed, StoreRefused
from surfacehost.surface import Examines, Finding

LITTLE_ROOM, HARDLY_ANY = 1024**3, 100 * 1024**2
"""Free bytes below which it is worth a word, and below which the next attachment may find the disk full."""
WEB_S, SURFACE_S = 10.0, 60.0
"""How long the host's own pages, and one surface's examination, may take."""

PROBE_THREAD = "1/probe/~/~/~"

log = logging.getLogger(__name__)


def ok(what: str) -> Finding:
    """*what* is as it should be."""
    return Finding(level="ok", what=what)


def warn(what: str, remedy: str = "") -> Finding:
    """*what* works and should not stay so."""
    return Finding(level="warn", what=what, remedy=remedy)


def bad(what: str, remedy: str = "") -> Finding:
    """*what* does not work."""
    return Finding(level="bad", what=what, remedy=remedy)


async def examine(settings: Settings, source: Path) -> Mapping[str, Sequence[Finding]]:
    """Everything, by the part it is about: ``host``, ``agent``, and each surface's name. Raises nothing."""
    folder = settings.folder / settings.host.data_dir
    is_hosted = is_held(folder)
    async with AsyncExitStack() as stack:
        database: SqliteBeside | None = None
        stored: Finding
        try:
            database = await stack.enter_async_context(SqliteBeside(settings.database))
            stored = ok(f"the database {settings.database} is of this version")
        except StoreRefused as error:
            missing = not settings.database.exists()
            stored = ok("there is no database yet: the first start makes it") if missing else bad(str(error))
        web, agent, *surfaces = await asyncio.gather(
            _web(settings, is_hosted=is_hosted),
            _agent(settings),
            *(_surface(settings, table, database) for table in settings.surfaces.values()),
        )
    host = [*_settings(settings, source), *_folder(folder, is_hosted=is_hosted), stored, *web]
    return {"host": host, "agent": agent, **dict(zip(settings.surfaces, surfaces, strict=True))}


def _settings(settings: Settings, source: Path) -> Iterator[Finding]:
    yield ok(f"{source} has no mistakes; surfaces on: {', '.join(settings.surfaces) or 'none'}")
    yield from (warn(warning) for warning in settings.warnings)


def _folder(folder: Path, *, is_hosted: bool) -> Iterator[Finding]:
    """The rights and the room of ``data_dir``, or of where it will be made."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not os.access(there, os.R_OK | os.W_OK | os.X_OK):
        yield bad(f"data_dir {folder} can't be written to", f"give this user the folder: chown … {there}")
    elif there == folder and folder.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        yield warn(f"data_dir {folder} can be read by other users of this machine", f"chmod 700 {folder}")
    else:
        running = "a host is running on it" if is_hosted else "no host is running on it"
        yield ok(f"data_dir {folder} can be used; {running}")
    free = shutil.disk_usage(there).free
    room = f"{free / 1024**3:.1f} GiB are free where data_dir is"
    if free < HARDLY_ANY:
        yield bad(room, "make room: what can't be stored is not answered")
    else:
        yield warn(room, "make room before it is full") if free < LITTLE_ROOM else ok(room)


async def _web(settings: Settings, *, is_hosted: bool) -> list[Finding]:
    """The host's web server: asked where a host runs, else whether it could listen."""
    web = settings.web
    if not is_hosted:
        return [_port(web.host, web.port)]
    found: list[Finding] = []
    if web.port:
        found.append(await _readiness(web.host, web.port))
    if web.public_url:
        found.append(await _public(web.public_url))
    return found


def _port(host: str, port: int) -> Finding:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        return bad(f"web.listen {host}:{port} can't be had: {error.strerror}", "free the port, or choose another one")
    return ok(f"web.listen {host}:{port} is free")


async def _readiness(host: str, port: int) -> Finding:
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - only compared with
    url = f"http://{f'[{here}]' if ':' in here else here}:{port}/readyz"
    try:
        status, text = await asyncio.to_thread(_get, url, through_proxy=False)
    except (OSError, http.client.HTTPException) as error:
        return bad(f"the running host does not answer at {url}: {error}", "look into its log")
    if status == 200:
        return ok("the running host says that messages can flow")
    troubles = [line for line in text.splitlines() if ": ok" not in line]
    return bad(f"the running host is not ready: {'; '.join(troubles)}", "see the runbook, What /readyz says")


async def _public(url: str) -> Finding:
    try:
        status, text = await asyncio.to_thread(_get, f"{url}/healthz", through_proxy=True)
    except (OSError, http.client.HTTPException) as error:
        return bad(f"web.public_url can't be reached: {error}", "see to DNS, the reverse proxy and its certificate")
    if (status, text.strip()) != (200, "ok"):
        return bad(
            f"web.public_url {urlsplit(url).netloc} leads to something else: its /healthz answers {status}",
            "have the reverse proxy hand everything under it to web.listen",
        )
    return ok(f"web.public_url {url} leads to this host")


def _get(url: str, *, through_proxy: bool) -> tuple[int, str]:
    """Status and text of a page of the host's. Raises OSError and http.client.HTTPException."""
    proxies = urllib.request.ProxyHandler(None if through_proxy else {})
    try:
        with urllib.request.build_opener(proxies).open(url, timeout=WEB_S) as answer:
            return answer.status, answer.read(65_536).decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(65_536).decode(errors="replace")


async def _agent(settings: Settings) -> list[Finding]:
    """A handshake, as the host's own probe makes one; the embedded agent is started for it."""
    wanted = settings.agent
    try:
        async with AsyncExitStack() as stack:
            sockets = Sockets(await agent_address(settings, stack))
            connection = await sockets.connect(PROBE_THREAD)
            spoken = connection.subprotocol or "bare text"
            await connection.close()
    except (SurfacehostError, OSError) as error:  # a certificate file that is none is an OSError
        remedy = "correct [agent.reference]" if wanted.embedded else "start the agent; are [agent] url and token right?"
        return [bad(str(error), remedy)]
    if not wanted.embedded:
        return [ok(f"the agent takes connections and speaks {spoken}")]
    if wanted.reference.backend == "offline":
        return [
            warn(
                "the embedded agent answers offline, with canned sentences", 'set [agent.reference] backend = "openai"'
            )
        ]
    return [ok(f"the embedded agent starts; its provider is {urlsplit(wanted.reference.base_url).netloc}")]


async def _surface(settings: Settings, table: SurfaceTable, database: SqliteBeside | None) -> list[Finding]:
    """What the surface of *table* finds when it looks at itself; its code is a plugin's like any other."""
    try:
        surface = table.plugin(home_of(settings, table, MemoryBeside(database, table.name)), table.settings)
        if not isinstance(surface, Examines):
            return [ok("its plugin examines nothing")]
        return list(await _in_time(surface.examine()))
    except (SurfacehostError, StoreFailed) as error:
        return [bad(str(error))]
    except TimeoutError:
        return [bad(f"its examination takes longer than {SURFACE_S:g} s", "is its platform reachable from here?")]
    except Exception as error:
        log.exception("the examination of %s failed", table.name)
        return [bad(f"its examination failed: {type(error).__name__}: {error}", "report it to the plugin's author")]


async def _in_time(examination: Awaitable[Sequence[Finding]]) -> Sequence[Finding]:
    async with asyncio.timeout(SURFACE_S):
        return await examination
