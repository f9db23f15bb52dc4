"""Plugins: how they are found, who hears an event, and the one function that calls them.

pluggy decides who hears and in what order; ``_call`` below calls, awaits, isolates and limits in time. pluggy's own
call would not do: it knows nothing of async, and one plain function that raises would silence everyone after it.
"""

import asyncio
import inspect
import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

import pluggy

from surfacehost import hookspecs
from surfacehost.errors import SurfacehostError
from surfacehost.events import Event, Invite
from surfacehost.surface import CONTRACT, PlatformClient, Surface

SURFACES, EXTENSIONS = "surfacehost.surfaces", "surfacehost.extensions"

log = logging.getLogger(__name__)


class PluginError(SurfacehostError):
    """The plugin can't be used."""


class EntryPoints:
    """The plugins that are installed here; only what is asked for is imported."""

    def names(self) -> Collection[str]:
        """Names of the installed surface plugins."""
        return sorted(entry_points(group=SURFACES).names)

    def find(self, name: str) -> type[Surface]:
        """The surface plugin *name*, imported now.

        Raises LookupError where none is installed, PluginError when it can't be imported, is installed twice, or was
        written for another contract.
        """
        return cast("type[Surface]", _load(SURFACES, name, required=("Settings", "capabilities", "listen", "compose")))

    def extensions(self) -> Collection[str]:
        """Names of the installed extensions: installing one is what enables it."""
        return sorted(entry_points(group=EXTENSIONS).names)

    def make_extension(self, name: str) -> object:
        """The extension *name*, imported and made now. Raises PluginError, or whatever its constructor raises."""
        return _load(EXTENSIONS, name)()


def _load(group: str, name: str, required: Sequence[str] = ()) -> Any:  # noqa: ANN401 - a class we only know by duty
    found = [*entry_points(group=group, name=name)]
    if not found:
        raise LookupError(f"no plugin {name!r} is installed")
    if len({point.value for point in found}) > 1:
        raise PluginError(f"{name!r} is installed twice: {', '.join(sorted(_origin(point) for point in found))}")
    try:
        plugin = found[0].load()
    except Exception as error:
        raise PluginError(f"{_origin(found[0])} can't be imported: {type(error).__name__}: {error}") from error
    if (contract := getattr(plugin, "contract", None)) != CONTRACT:
        raise PluginError(f"{_origin(found[0])} was written for plugin contract {contract}, this host has {CONTRACT}")
    if missing := [attribute for attribute in required if not hasattr(plugin, attribute)]:
        raise PluginError(f"{_origin(found[0])} lacks {', '.join(missing)}")
    return plugin


def _origin(point: EntryPoint) -> str:
    return f"{point.value} of {point.dist.name}" if point.dist else point.value


@dataclass(frozen=True, slots=True)
class Failure:
    """A hook that raised or took too long."""

    plugin: str
    error: Exception


class Plugins:
    """Everyone who hears: the surfaces by the name of their table, and the extensions."""

    def __init__(self, *, owner_limit_s: float, extension_limit_s: float) -> None:
        self.surfaces: dict[str, Surface] = {}
        self._owner_limit_s = owner_limit_s
        self._extension_limit_s = extension_limit_s
        self._pluggy = pluggy.PluginManager("surfacehost")
        self._pluggy.add_hookspecs(hookspecs)

    def add_surface(self, name: str, surface: Surface) -> None:
        """Let *surface* hear the events of its own account. Raises PluginError for a hook that does not exist."""
        self._register(name, surface)
        self.surfaces[name] = surface

    def add_extension(self, name: str, extension: object) -> None:
        """Let *extension* hear everything. Raises PluginError for a hook that does not exist."""
        self._register(f"extension {name}", extension)

    def _register(self, name: str, plugin: object) -> None:
        try:
            self._pluggy.register(plugin, name)
            self._pluggy.check_pending()  # a misspelt hook would otherwise never be called, and nobody would know
        except (pluggy.PluginValidationError, ValueError) as error:
            raise PluginError(f"plugin {name!r}: {error}") from error

    async def deliver(self, event: Event, client: PlatformClient) -> Exception | None:
        """Let everyone hear *event*; the failure of its own surface, if any.

        An event of someone who may not talk is for its own surface alone. An extension's failure is logged and that
        is all: delivering again because of it would answer twice.
        """
        hook = "on_invite" if isinstance(event, Invite) else "on_message"
        return await self._tell(hook, event, {"invite": event, "message": event, "client": client})

    async def overhear(self, events: Sequence[Event], head: Event, client: PlatformClient) -> None:
        """Let the extensions hear *events* that are answered together with *head*, which their surface hears.

        They are of the same person, and of *head* alone it is known whether that one was let in.
        """
        for event in events if client.admits(head) else ():
            await self._tell("on_message", event, {"message": event, "client": client}, is_alone=False)

    async def explain(self, error: Exception, event: Event, client: PlatformClient) -> Exception | None:
        """Let everyone hear that *event* could not be handled; the surface tells the person. Its failure, if any."""
        return await self._tell("on_error", event, {"error": error, "event": event, "client": client})

    async def _tell(
        self, hook: str, event: Event, arguments: Mapping[str, object], *, is_alone: bool = True
    ) -> Exception | None:
        own: Exception | None = None
        client = cast("PlatformClient", arguments["client"])
        for implementation in self._heard_by(hook, event.surface):
            is_own = implementation.plugin_name == event.surface
            if is_alone and not is_own and not client.admits(event):
                continue
            if is_own and not is_alone:
                continue
            failure = await self._call(implementation, arguments, owner=event.surface)
            if failure is None:
                continue
            if failure.plugin == event.surface:
                own = failure.error
            else:
                log.error("%s in %s of %s", failure.error, hook, failure.plugin, exc_info=failure.error)
        return own

    def _heard_by(self, hook: str, surface: str) -> list[pluggy.HookImpl]:
        """The implementations that hear *surface*, first to run first."""
        others = [plugin for name, plugin in self.surfaces.items() if name != surface]
        return self._pluggy.subset_hook_caller(hook, others).get_hookimpls()[::-1]

    async def _call(
        self, implementation: pluggy.HookImpl, arguments: Mapping[str, object], *, owner: str
    ) -> Failure | None:
        """Call one implementation: the only place where plugin code is run for an event."""
        limit = self._owner_limit_s if implementation.plugin_name == owner else self._extension_limit_s
        values = [arguments[name] for name in implementation.argnames]
        try:
            async with asyncio.timeout(limit) as clock:
                if inspect.iscoroutinefunction(implementation.function):
                    await implementation.function(*values)
                else:
                    await _in_thread(implementation.function, *values)
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise  # the host itself is stopping
            stray = RuntimeError(f"{implementation.plugin_name} awaited something that was cancelled")
            stray.__cause__ = error
            return Failure(implementation.plugin_name, stray)
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises is handed to whoever decides
            late = TimeoutError(f"{implementation.plugin_name} took longer than {limit:g} s")
            return Failure(implementation.plugin_name, late if clock.expired() else error)
        return None


async def _in_thread(function: Callable[..., object], *values: object) -> None:
    """Run *function* beside the loop, so that one that blocks holds up nobody; not even the end of the process."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: Exception | None) -> None:
        if done.cancelled():
            return
        done.set_result(None) if error is None else done.set_exception(error)

    def run() -> None:
        try:
            function(*values)
        except Exception as error:  # noqa: BLE001 - it is raised where the hook was called
            loop.call_soon_threadsafe(settle, error)
        else:
            loop.call_soon_threadsafe(settle, None)

    threading.Thread(target=run, name=f"hook {function.__qualname__}", daemon=True).start()
    await done
