"""The layers of settings: three files and the environment, merged, each value with the place it came from.

dynaconf could merge files itself, but either a later file wipes whole tables of an earlier one or lists are joined, and
a local file could then never narrow an allowlist. Here a later table merges, a later list replaces.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from surfacehost.settings.lines import KeyPath, line_numbers
from surfacehost.settings.problems import Problem, Source

PREFIX = "SURFACEHOST_"
_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


class EnvText(str):
    """The text of an environment variable whose type nobody knows yet: its setting's model will say."""

    __slots__ = ()


@dataclass(slots=True)
class Layers:
    """What is said so far, and where."""

    tree: dict[str, Any] = field(default_factory=dict)
    sources: dict[KeyPath, Source] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def source(self, path: KeyPath) -> Source:
        """Where *path* was said, or the nearest table around it."""
        while path and path not in self.sources:
            path = path[:-1]
        return self.sources.get(path, Source("settings"))

    def lay(self, tree: Mapping[str, Any], sources: Mapping[KeyPath, Source]) -> None:
        """Put another layer on top."""
        _merge(self.tree, tree, (), self.sources, sources)


def read(settings: Path, environ: Mapping[str, str]) -> tuple[Layers, list[Problem]]:
    """The three files and the environment as one tree, and why a file could not be read.

    *settings* must exist, the two beside it need not.
    """
    layers, problems = Layers(), []
    for number, file in enumerate(_files(settings)):
        try:
            text, tree = _parse(file)
        except OSError as error:
            if number and isinstance(error, FileNotFoundError):
                continue
            problems.append(Problem((), f"can't be read: {error.strerror}", Source(str(file), (number, 0))))
        except UnicodeDecodeError:
            problems.append(Problem((), "is not UTF-8 text", Source(str(file), (number, 0))))
        except tomllib.TOMLDecodeError as error:
            problems.append(_syntax(error, file, number))
        else:
            lines = line_numbers(text)
            layers.lay(tree, {path: Source(f"{file}:{at}", (number, at), file) for path, at in lines.items()})
    _lay_environment(layers, environ)
    return layers, problems


def _files(settings: Path) -> list[Path]:
    return [settings, settings.with_name("settings.local.toml"), settings.with_name(".secrets.toml")]


def _parse(file: Path) -> tuple[str, dict[str, Any]]:
    text = file.read_text("utf-8-sig")  # some editors still begin a file with a byte order mark
    return text, tomllib.loads(text)


def _syntax(error: tomllib.TOMLDecodeError, file: Path, number: int) -> Problem:
    place = _TOML_PLACE.search(str(error))
    message = _TOML_PLACE.sub("", str(error))
    if place and place[1]:
        return Problem((), message, Source(f"{file}:{place[1]}", (number, int(place[1]))))
    return Problem((), f"{message} at the end of the file", Source(str(file), (number, 0)))


def _lay_environment(layers: Layers, environ: Mapping[str, str]) -> None:
    # Sorted by length, so that a whole table comes before a key in it.
    for number, name in enumerate(sorted(environ, key=lambda name: (len(name), name))):
        if not name.upper().startswith(PREFIX):
            continue
        path = tuple(name[len(PREFIX) :].lower().split("__"))
        if len(path) == 1:
            # Not refused: Kubernetes makes such variables of its own beside every service of that name.
            layers.warnings.append(f"env {name}: ignored, a setting is {PREFIX}<TABLE>__<KEY>")
            continue
        tree: Any = EnvText(environ[name])
        for key in reversed(path):
            tree = {key: tree}
        source = Source(f"env {name}", (9, number))
        layers.lay(tree, {path[:length]: source for length in range(1, len(path) + 1)})


def _merge(
    below: dict[str, Any],
    above: Mapping[str, Any],
    path: KeyPath,
    sources: dict[KeyPath, Source],
    new: Mapping[KeyPath, Source],
) -> None:
    for key, value in above.items():
        here = (*path, key)
        table, old = _as_table(value, below.get(key)), _as_table(below.get(key), value)
        if table is not None:
            below[key] = old if old is not None else {}
            # A table keeps its first place: that is where a reader looks for what is missing in it.
            sources.setdefault(here, new.get(here) or new[_known(here, new)])
            _merge(below[key], table, here, sources, new)
        else:
            for stale in [known for known in sources if known[: len(here)] == here]:
                del sources[stale]
            sources |= {said: source for said, source in new.items() if said[: len(here)] == here}
            sources.setdefault(here, new[_known(here, new)])
            below[key] = value


def _as_table(value: object, other: object) -> dict[str, Any] | None:
    """*value* where it is a table, or text from the environment that spells one where *other* is one."""
    if isinstance(value, EnvText) and isinstance(other, dict):
        try:
            value = tomllib.loads(f"table = {value}")["table"]
        except tomllib.TOMLDecodeError:
            return None
    return value if isinstance(value, dict) else None


def _known(path: KeyPath, sources: Mapping[KeyPath, Source]) -> KeyPath:
    while path not in sources:
        path = path[:-1]
    return path
