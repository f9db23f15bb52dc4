"""The host as a whole: begun, at work, and taken down again."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

from starlette.routing import BaseRoute

from surfacehost import pages
from surfacehost.agent.client import AgentSessionClient
from surfacehost.building import Building, Work
from surfacehost.dispatch import Dispatch
from surfacehost.embedded import agent_address
from surfacehost.housekeeping import clear_for_ever, expire_for_ever, forget_for_ever, forget_pieces_for_ever
from surfacehost.plugins import EntryPoints
from surfacehost.sending import send_routes
from surfacehost.settings import Settings
from surfacehost.store import copies
from surfacehost.store.copies import Restored
from surfacehost.store.lock import held
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.visits import Tenant

DRAIN_S = 4.0
"""How long running events may finish when the host stops."""

AGENT_LOOK_S = 15.0
"""How often the host looks whether the agent can be reached and which sockets are idle."""

log = logging.getLogger(__name__)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[str]:
    """Run the host of *settings* until the block ends; gives the address of its web server.

    Raises SurfacehostError when the database can't be used or the web server's port can't be had; nothing that a
    surface or the agent does ends it.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(held(settings.folder / settings.host.data_dir))
        database = await stack.enter_async_context(SqliteDatabase(settings.database))
        agent = AgentSessionClient(await agent_address(settings, stack))
        stack.push_async_callback(agent.sockets.close)
        stack.push_async_callback(agent.listening.close)
        parts = Building(settings, database, agent, await _restored(database))
        made = [(table, surface) for table in settings.surfaces.values() if (surface := parts.add(table))]
        parts.add_extensions(EntryPoints())
        seats = [await parts.seat(table, surface) for table, surface in made]
        mounts = {**parts.mounts, "/media": parts.files.links.site(parts.files.shelf)}
        application = pages.application(
            parts.readiness, parts.report, parts.metrics, mounts, _send_routes(settings, database, parts.tenants)
        )
        address = await stack.enter_async_context(pages.serving(application, settings.web.host, settings.web.port))
        agent.listening.hear = parts.hear
        parts.files.incoming.base = _for_the_agent(settings, address)
        keep_days, dispatches = settings.store.keep_days, [dispatch for dispatch, _ in seats]
        chores = [
            lambda: _look_after(agent),
            lambda: _hear_others(database, dispatches),
            lambda: forget_for_ever(database, keep_days),
            lambda: forget_pieces_for_ever(database),
            lambda: expire_for_ever(database, lambda: _wake(dispatches)),
            lambda: clear_for_ever(parts.files.shelf, settings.media.keep_days),
        ]
        await stack.enter_async_context(_working(seats, chores))
        yield address


def _send_routes(settings: Settings, database: SqliteDatabase, tenants: Mapping[str, Tenant]) -> list[BaseRoute]:
    """The page that programs send through; without a token there is none."""
    if settings.web.send_token is None:
        return []
    token = settings.web.send_token.get_secret_value()
    return send_routes(token, database, tenants, lambda surface: tenants[surface].wake())


def _for_the_agent(settings: Settings, address: str) -> str:
    """Where the agent reaches our web server: one on this machine need not go round by the outside."""
    is_here = settings.agent.embedded or urlsplit(settings.agent.url).hostname in ("localhost", "127.0.0.1", "::1")
    reachable = address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
    return reachable if is_here or not settings.web.public_url else settings.web.public_url


async def _restored(database: SqliteDatabase) -> Restored | None:
    """Whether the database once was a copy, and how; when it is news it is told."""
    if news := await database.tx(copies.recognise, now=time.time()):
        copied = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(news.copied_at))
        log.warning(
            "the data is a copy of %s: what was said since may be answered, surfaces look before they send", copied
        )
    return await database.tx(copies.last_restored)


@asynccontextmanager
async def _working(seats: list[tuple[Dispatch, Work]], chores: Sequence[Work]) -> AsyncIterator[None]:
    """Listen and dispatch, side by side; at the end first stop listening, then let what runs finish."""
    listeners = [asyncio.create_task(_for_ever(listen)) for _, listen in seats]
    workers = [asyncio.create_task(_for_ever(dispatch.run)) for dispatch, _ in seats]
    workers += [asyncio.create_task(_for_ever(dispatch.courtesies.run)) for dispatch, _ in seats]
    workers += [asyncio.create_task(_for_ever(chore)) for chore in chores]
    try:
        yield
    finally:
        await _end(listeners)
        await _end(workers)
        await asyncio.gather(*(dispatch.drain(DRAIN_S) for dispatch, _ in seats))


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _for_ever(work: Work) -> None:
    """Do *work*; an error of the host itself is logged and does not end the process."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("an error of the host itself")
            await asyncio.sleep(1)
        else:
            return


async def _look_after(agent: AgentSessionClient) -> None:
    while True:
        await agent.probe()
        await agent.sockets.close_idle()
        await asyncio.sleep(AGENT_LOOK_S if not agent.trouble else 1)


async def _hear_others(database: SqliteDatabase, dispatches: Sequence[Dispatch]) -> None:
    """Look at the inbox again whenever another process has written to it: the operator's commands are such."""
    while True:
        await database.others_wrote()
        _wake(dispatches)


def _wake(dispatches: Sequence[Dispatch]) -> None:
    for dispatch in dispatches:
        dispatch.wake()
