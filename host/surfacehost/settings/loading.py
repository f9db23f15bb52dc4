"""Loading: from files and environment to one frozen ``Settings``, or every problem at once."""

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from surfacehost.behaviour import Behaviour
from surfacehost.errors import SettingsError, SurfacehostError
from surfacehost.settings import layers as layering
from surfacehost.settings.fields import FILE
from surfacehost.settings.fitting import Fitting
from surfacehost.settings.layers import Layers
from surfacehost.settings.lines import KeyPath
from surfacehost.settings.models import Agent, Dispatch, Host, Media, Settings, Store, SurfaceTable, Web
from surfacehost.settings.problems import Problem, did_you_mean, dotted, explain, in_order
from surfacehost.surface import Surface

TABLES: dict[str, type[BaseModel]] = {
    "host": Host,
    "store": Store,
    "web": Web,
    "agent": Agent,
    "dispatch": Dispatch,
    "media": Media,
    "defaults": Behaviour,
}
SURFACES = "surfaces"
SURFACE_NAME = r"[a-z][a-z0-9_]{0,31}"

Model = TypeVar("Model", bound=BaseModel)


class Finder(Protocol):
    """Where surface plugins come from."""

    def names(self) -> Collection[str]:
        """Names of the installed surface plugins."""

    def find(self, name: str) -> type[Surface]:
        """The plugin *name*, imported. Raises LookupError, ImportError or a SurfacehostError that says why not."""


class _Switch(BaseModel):
    """What decides whether a surface's table is read at all."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    enabled: bool = True
    plugin: str = ""


def load(path: Path, *, finder: Finder, environ: Mapping[str, str] | None = None) -> Settings:
    """Read *path*, settings.local.toml and .secrets.toml beside it and the environment, later ones over earlier ones.

    Only the plugins of enabled surfaces are asked of *finder*. Templates see the process's own environment, everything
    else *environ*. Raises SettingsError with every problem at once.
    """
    environ = os.environ if environ is None else environ
    layers, problems = layering.read(path, environ)
    if problems:  # half of the settings would only look wrong
        raise SettingsError(in_order(problems))
    return _Loading(path, layers, environ, finder).settings()


class _Loading:
    """One run of ``load`` over readable layers."""

    def __init__(self, path: Path, layers: Layers, environ: Mapping[str, str], finder: Finder) -> None:
        self._path = path
        self._layers = layers
        self._finder = finder
        self._fitting = Fitting(path, layers, environ)
        self._problems = self._fitting.problems
        self._disabled: dict[str, str] = {}

    def settings(self) -> Settings:
        self._refuse_unknown_tables()
        host, store, web = self._table("host", Host), self._table("store", Store), self._table("web", Web)
        agent, dispatch = self._table("agent", Agent), self._table("dispatch", Dispatch)
        media, defaults = self._table("media", Media), self._table("defaults", Behaviour)
        surfaces = self._surfaces(defaults)
        if web and not web.public_url:
            self._miss_public_url(surfaces)
        if self._problems or not (host and store and web and agent and dispatch and media and defaults):
            raise SettingsError([self._fitting.hide(line) for line in in_order(self._problems)])
        if not surfaces:
            self._layers.warnings.append(f"{self._path}: no surface is enabled")
        sources = {dotted(path): source.label for path, source in self._layers.sources.items()}
        return Settings(
            folder=self._fitting.folder,
            host=host,
            store=store,
            web=web,
            agent=agent,
            dispatch=dispatch,
            media=media,
            defaults=defaults,
            surfaces=surfaces,
            disabled=self._disabled,
            sources=sources | self._fitting.origins,
            warnings=tuple(self._layers.warnings),
        )

    def _refuse_unknown_tables(self) -> None:
        for key, value in self._layers.tree.items():
            if key not in TABLES and key != SURFACES:
                what = f"unknown table [{key}]" if isinstance(value, dict | list) else f"unknown setting {key!r}"
                text = what + did_you_mean(key, [*TABLES, SURFACES])
                self._problems.append(Problem((), text, self._layers.source((key,))))

    def _table(self, name: str, model: type[Model]) -> Model | None:
        return self._validated(model, self._layers.tree.get(name, {}), (name,))

    def _surfaces(self, defaults: Behaviour | None) -> dict[str, SurfaceTable]:
        tables = self._layers.tree.get(SURFACES, {})
        if not isinstance(tables, dict):
            self._problem((SURFACES,), "should be a table")
            return {}
        laid = defaults.model_dump(exclude_unset=True) if defaults else {}
        found = (self._surface(name, table, laid) for name, table in tables.items())
        return {surface.name: surface for surface in found if surface}

    def _miss_public_url(self, surfaces: Mapping[str, SurfaceTable]) -> None:
        for name, table in surfaces.items():
            if setting := table.settings.needs_public_url:
                text = 'needs public_url in the table [web]: where the platform reaches us, "https://bot.example.org"'
                self._problem((SURFACES, name, setting), text)

    def _surface(self, name: str, table: object, laid: Mapping[str, Any]) -> SurfaceTable | None:
        """The surface of one table, None where it is off or wrong."""
        path = (SURFACES, name)
        if not re.fullmatch(SURFACE_NAME, name):
            self._problem(path, "a surface's name is a lower-case letter, then up to 31 of a-z, 0-9 and _")
            return None
        switch = self._validated(_Switch, table, path)
        if switch is None or not isinstance(table, dict):
            return None
        if not switch.enabled:
            self._disabled[name] = switch.plugin or name
            return None
        plugin = self._plugin(switch.plugin or name, (*path, "plugin") if switch.plugin else path)
        if plugin is None:
            return None
        for key in laid.keys() - table.keys():
            self._layers.sources[*path, key] = self._layers.source(("defaults", key))
        settings = self._validated(plugin.Settings, {**laid, **table}, path)
        return SurfaceTable(name=name, plugin=plugin, settings=settings) if settings else None

    def _plugin(self, name: str, path: KeyPath) -> type[Surface] | None:
        try:
            return self._finder.find(name)
        except LookupError:
            installed = sorted(self._finder.names())
            hint = did_you_mean(name, installed) or f"; installed: {', '.join(installed) or 'none'}"
            self._problem(path, f"no plugin {name!r} is installed{hint}")
        except (ImportError, SurfacehostError) as error:
            self._problem(path, f"plugin {name!r}: {error}")
        return None

    def _validated(self, model: type[Model], table: object, path: KeyPath) -> Model | None:
        if not isinstance(table, dict):
            self._problem(path, "should be a table")
            return None
        fitted = self._fitting.table(model, table, path)
        try:
            return model.model_validate(fitted)
        except ValidationError as error:
            known = {_setting(problem.path) for problem in self._problems}
            for place, text in explain(error, model):
                if (*path, *place) not in known:
                    self._problem((*path, *place), text)
        return None

    def _problem(self, path: KeyPath, text: str) -> None:
        self._problems.append(Problem(path, text, self._layers.source(path)))


def _setting(path: KeyPath) -> KeyPath:
    """The setting that *path* is about: the secret ``token`` for ``token_file``."""
    return (*path[:-1], str(path[-1]).removesuffix(FILE)) if path and isinstance(path[-1], str) else path
