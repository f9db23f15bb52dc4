"""The parts of a host, while it is put together."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from starlette.types import ASGIApp

from surfacehost import pages
from surfacehost.agent.client import AgentSessionClient
from surfacehost.busy import gathering
from surfacehost.client import RealPlatformClient
from surfacehost.commands_in_chat import SHOWN
from surfacehost.conversation import Conversation
from surfacehost.courtesies import Courtesies
from surfacehost.dispatch import Dispatch, Patience
from surfacehost.errors import SurfacehostError
from surfacehost.events import Message
from surfacehost.files import Files
from surfacehost.flow import LoopGuard
from surfacehost.health import SurfaceHealth
from surfacehost.inlet import Inlet, StoredMemory
from surfacehost.media import Incoming, Links, Shelf
from surfacehost.metrics import Figures, exposition
from surfacehost.orders import Orders
from surfacehost.plugins import EntryPoints, Plugins
from surfacehost.settings import Settings, SurfaceTable
from surfacehost.store import arrivals, inbox, sayings
from surfacehost.store.copies import Restored
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.store.transaction import StoreFailed
from surfacehost.supervise import keep_listening
from surfacehost.surface import Home, Surface
from surfacehost.texts import LANGUAGES, language_of, say
from surfacehost.visits import Tenant
from surfacehost.ways import Ways

Work = Callable[[], Awaitable[None]]

HOOK_GRACE_S = 600.0
"""What a surface's own hook may take beyond the longest answer: sending it, under the platform's limits."""

log = logging.getLogger(__name__)


class Building:
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
        self.files = _files(settings)
        self.client = RealPlatformClient(
            database=database,
            conversation=Conversation(agent, settings.host.locale),
            orders=Orders(agent, database, settings.host.locale),
            tenants=self.tenants,
            ways=self.ways,
            files=self.files,
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
        self.tenants[table.name] = Tenant(
            surface=surface, behaviour=table.settings, health=health, guard=LoopGuard(table.settings.loop_limit)
        )
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
            gathering=gathering(table.settings),
            courtesies=Courtesies(surface, table.name, self.database, partial(self._acknowledge, table)),
            patience=Patience(attempts=wanted.park_after_attempts, age_s=wanted.park_after_s),
        )  # fmt: skip
        seat = await self.database.tx(arrivals.elect, table.name, now=time.time())
        await dispatch.courtesies.recall()
        put = Inlet(
            self.database, seat, table.settings,
            health=health, ways=self.ways, wake=dispatch.wake, runs=self.client.runs, stored=dispatch.courtesies.stored,
            guard=self.tenants[table.name].guard, formerly=self.tenants[table.name].formerly,
        )  # fmt: skip
        self.tenants[table.name] = replace(self.tenants[table.name], wake=dispatch.wake)
        return dispatch, lambda: keep_listening(surface, put, health)

    async def hear(self, thread_id: str, message_id: str, text: str) -> None:
        """Have said what the agent says in *thread_id*, unasked; once, whatever becomes of us."""
        now = time.time()
        try:
            event = sayings.occasion(thread_id, text, f"{thread_id}\n{message_id}", self.tenants, now=now)
        except sayings.CanNotSay as error:
            log.warning("what the agent says unasked can't be said: %s", error)
            return
        await self.database.tx(sayings.say, event, now=now)
        self.tenants[event.surface].wake()

    async def _acknowledge(self, table: SurfaceTable, waiting: Message, lane: str) -> None:
        """Say that *waiting* waits, and what becomes of it, where that can't be shown by a mark."""
        is_joined = table.settings.busy in ("collect", "interrupt")
        language = language_of(waiting.locale, self.settings.host.locale)
        text = say(language, "waits_together" if is_joined else "waits")
        if await self.database.tx(sayings.acknowledge, waiting, lane, text, now=time.time()):
            self.tenants[table.name].wake()

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
            locale=settings.host.locale,
            commands=_commands(),
        )

    def _mount(self, name: str, mounts: Mapping[str, ASGIApp]) -> None:
        if taken := [path for path in mounts if path in self.mounts]:
            raise SurfacehostError(f"{name} wants {taken[0]} of the web server, which another surface has")
        self.mounts.update(mounts)


def _commands() -> dict[str, dict[str, str]]:
    """What each command does, in a few words of every language, for platforms that list them."""
    return {language: {name: say(language, f"command_{name}") for name in SHOWN} for language in LANGUAGES}


def _files(settings: Settings) -> Files:
    folder = settings.folder / settings.host.data_dir / "media"
    shelf = Shelf(folder, at_most=settings.media.at_most)
    links = Links(folder / "key", good_for_s=settings.media.link_hours * 3600)
    return Files(
        shelf=shelf, links=links, incoming=Incoming(shelf, links), public_url=settings.web.public_url,
        locale=settings.host.locale,
    )  # fmt: skip
