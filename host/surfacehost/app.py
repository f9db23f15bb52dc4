"""The one place that builds the host and takes it down again."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from typing import Any

from starlette.types import ASGIApp

from surfacehost import pages
from surfacehost.agent.client import AgentSessionClient
from surfacehost.agent.sockets import AgentAddress
from surfacehost.client import RealPlatformClient, Tenant
from surfacehost.conversation import Conversation
from surfacehost.dispatch import Dispatch, Patience
from surfacehost.embedded import embedded_agent
from surfacehost.errors import SurfacehostError
from surfacehost.health import SurfaceHealth
from surfacehost.housekeeping import forget_for_ever
from surfacehost.inlet import Inlet, StoredMemory
from surfacehost.metrics import Figures, exposition
from surfacehost.plugins import EntryPoints, Plugins
from surfacehost.settings import Settings, SurfaceTable
from surfacehost.store import copies, inbox
from surfacehost.store.copies import Restored
from surfacehost.store.lock import held
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.store.transaction import StoreFailed
from surfacehost.supervise import keep_listening
from surfacehost.surface import Home, Surface, trust
from surfacehost.ways import Ways

DRAIN_S = 4.0
"""How long running events may finish when the host stops."""

AGENT_LOOK_S = 15.0
"""How often the host looks whether the agent can be reached and which sockets are idle."""

HOOK_GRACE_S = 600.0
"""What a surface's own hook may take beyond the longest answer: sending it, under the platform's limits."""

Work = Callable[[], Awaitable[None]]

log = logging.getLogger(__name__)


class _Building:
    """The parts of a host while it is put together."""

    def __init__(
        self, settings: Settings, database: SqliteDatabase, agent: AgentSessionClient, restored: Restored | None
    ) -> None:
        self.settings = settings
        self.database = database
        self.agent = agent
        self.restored = restored
        self.ways = Ways()
        self.tenants: dict[str, Tenant] = {}
        self.healths: dict[str, SurfaceHealth] = {}
        self.mounts: dict[str, ASGIApp] = {}
        self.left_out: dict[str, str] = {}
        self.plugins = Plugins(
            owner_limit_s=settings.agent.run_timeout_s + HOOK_GRACE_S,
            extension_limit_s=settings.dispatch.extension_timeout_s,
        )
        self.client = RealPlatformClient(
            database=database,
            conversation=Conversation(agent, settings.host.locale),
            tenants=self.tenants,
            ways=self.ways,
            locale=settings.host.locale,
        )

    def add(self, table: SurfaceTable) -> Surface | None:
        """Make the surface of *table*; one that can't be made is parked, the others go on."""
        health = self.healths[table.name] = SurfaceHealth(table.name, table.plugin.capabilities.stale_after_s)
        try:
            surface = table.plugin(self._home(table), table.settings)
            self.plugins.add_surface(table.name, surface)
            self._mount(table.name, surface.mounts())
        except Exception as error:  # its constructor is a plugin's code like any other
            log.exception("surface %s can't be made", table.name)
            health.park(f"{type(error).__name__}: {error}")
            return None
        self.tenants[table.name] = Tenant(surface=surface, behaviour=table.settings, health=health)
        return surface

    def add_extensions(self, installed: EntryPoints) -> None:
        """Let every installed extension hear; one that can't be used is left out, and the operator told."""
        for name in installed.extensions():
            try:
                self.plugins.add_extension(name, installed.make_extension(name))
            except Exception as error:  # its import and constructor are a plugin's code like any other
                log.exception("extension %s is left out", name)
                self.left_out[f"extension {name}"] = f"{type(error).__name__}: {error}"

    async def seat(self, table: SurfaceTable, surface: Surface) -> tuple[Dispatch, Work]:
        """The dispatch of *surface*, and what listens for it."""
        health, wanted = self.healths[table.name], self.settings.dispatch
        dispatch = Dispatch(
            self.database, self.plugins, self.client, health,
            ways=self.ways,
            places=wanted.threads_per_surface,
            patience=Patience(attempts=wanted.park_after_attempts, age_s=wanted.park_after_s),
        )  # fmt: skip
        seat = await self.database.tx(inbox.elect, table.name)
        put = Inlet(self.database, seat, table.settings, health=health, ways=self.ways, wake=dispatch.wake)
        return dispatch, lambda: keep_listening(surface, put, health)

    async def readiness(self) -> pages.Readiness:
        """Whether messages can flow."""
        figures = await self._figures()
        parked = {name: counts["parked"] for name, counts in (figures.inbox or {}).items()}
        return pages.Readiness(troubles=figures.troubles, parked=parked)

    async def report(self) -> dict[str, Any]:
        """How the host is: for the status page."""
        figures = await self._figures()
        return {
            "at": figures.at,
            "ready": figures.troubles,
            "surfaces": [health.to_json() for health in self.healths.values()],
            "inbox": figures.inbox or {},
            "restored": asdict(self.restored) if self.restored else None,
            "ways": [way.to_json() for way in self.ways.latest()],
        }

    async def metrics(self, accept: str) -> tuple[bytes, str]:
        """How the host is: for Prometheus."""
        return exposition(await self._figures(), accept)

    async def _figures(self) -> Figures:
        """How the host is now. A database in trouble is part of the answer, not its end."""
        counts, trouble = None, ""
        try:
            counts = await self.database.tx(inbox.counts)
        except StoreFailed as error:
            trouble = str(error)
        surfaces = {name: health.trouble for name, health in self.healths.items()}
        return Figures(
            at=time.time(),
            troubles=surfaces
            | self.left_out
            | {"agent": self.agent.trouble, "store": self.database.trouble or trouble},
            healths=list(self.healths.values()),
            inbox=counts,
        )

    def _home(self, table: SurfaceTable) -> Home:
        settings = self.settings
        return Home(
            name=table.name,
            data_dir=settings.folder / settings.host.data_dir / table.name,
            memory=StoredMemory(self.database, table.name),
            public_url=settings.web.public_url,
            restored_at=self.restored.at if self.restored else 0.0,
        )

    def _mount(self, name: str, mounts: Mapping[str, ASGIApp]) -> None:
        if taken := [path for path in mounts if path in self.mounts]:
            raise SurfacehostError(f"{name} wants {taken[0]} of the web server, which another surface has")
        self.mounts.update(mounts)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[str]:
    """Run the host of *settings* until the block ends; gives the address of its web server.

    Raises SurfacehostError when the database can't be used or the web server's port can't be had; nothing that a
    surface or the agent does ends it.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(held(settings.folder / settings.host.data_dir))
        database = await stack.enter_async_context(SqliteDatabase(settings.database))
        agent = AgentSessionClient(await _agent_address(settings, stack))
        stack.push_async_callback(agent.sockets.close)
        parts = _Building(settings, database, agent, await _restored(database))
        made = [(table, surface) for table in settings.surfaces.values() if (surface := parts.add(table))]
        parts.add_extensions(EntryPoints())
        seats = [await parts.seat(table, surface) for table, surface in made]
        application = pages.application(parts.readiness, parts.report, parts.metrics, parts.mounts)
        address = await stack.enter_async_context(pages.serving(application, settings.web.host, settings.web.port))
        keep_days, dispatches = settings.store.keep_days, [dispatch for dispatch, _ in seats]
        chores = [
            lambda: _look_after(agent),
            lambda: _hear_others(database, dispatches),
            lambda: forget_for_ever(database, keep_days),
        ]
        await stack.enter_async_context(_working(seats, chores))
        yield address


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
        for dispatch in dispatches:
            dispatch.wake()


async def _agent_address(settings: Settings, stack: AsyncExitStack) -> AgentAddress:
    """Where the agent is; the embedded one is started first."""
    wanted = settings.agent
    url, token = wanted.url, wanted.token.get_secret_value() if wanted.token else None
    if wanted.embedded:
        url, token = await stack.enter_async_context(embedded_agent(wanted.reference))
    patience = {
        name: getattr(wanted, name)
        for name in (
            "connect_timeout_s", "first_event_timeout_s", "silence_timeout_s", "run_timeout_s", "idle_close_s",
            "max_connections", "dialect",
        )
    }  # fmt: skip
    tls = (
        trust(settings.folder / wanted.tls_ca_file if wanted.tls_ca_file else None) if url.startswith("wss:") else None
    )
    return AgentAddress(url=url, token=token, tls=tls, **patience)
