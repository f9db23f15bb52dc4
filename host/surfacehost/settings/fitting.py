"""Fitting: a raw table becomes what its model can validate.

Templates are filled in, text from the environment gets its type, relative paths start at the settings' folder, and
secrets are fetched from the files that ``<secret>_file`` names.
"""

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from surfacehost.settings.casts import CastError, Casts
from surfacehost.settings.fields import FILE, element_of, is_path, is_secret, is_text, model_of, secrets_of
from surfacehost.settings.layers import EnvText, Layers
from surfacehost.settings.lines import KeyPath, paths_in
from surfacehost.settings.problems import Problem, dotted

RUN_SECRETS = Path("/run/secrets")
"""Where container runtimes mount secrets, open to everyone inside; nothing to warn about."""

SHORTEST_HIDDEN = 6
"""Hiding every shorter secret as well would make lines unreadable: it may be ``a``."""

UNREADABLE = "?" * 8
"""Stands in for a secret that could not be read, so that its model does not complain as well; never leaves here."""


@dataclass(slots=True)
class Fitting:
    """Fits tables of one set of layers; gathers problems and warnings on the way."""

    main: Path
    """settings.toml: secrets don't belong into it."""
    layers: Layers
    environ: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)
    origins: dict[str, str] = field(default_factory=dict)
    """Secrets that came from a file: where they were said, and the file."""
    _secrets: set[str] = field(default_factory=set, repr=False)
    _casts: Casts = field(init=False)

    def __post_init__(self) -> None:
        self._casts = Casts(self.layers.tree)

    @property
    def folder(self) -> Path:
        """Where relative paths start."""
        return self.main.absolute().parent

    def hide(self, line: str) -> str:
        """*line* without any secret: a plugin's own validator may have put one into its message."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            line = line.replace(secret, "*" * 10)
        return line

    def table(self, model: type[BaseModel], table: Mapping[str, Any], path: KeyPath) -> dict[str, Any]:
        """*table*, which stands at *path*, as *model* validates it."""
        fetched = dict(self._fetched(model, table, path))
        taken = {name + FILE for name in fetched}
        fitted = {key: value for key, value in table.items() if key not in taken} | fetched
        for name, setting in model.model_fields.items():
            if name in fitted:
                fitted[name] = self._value(setting.annotation, fitted[name], (*path, name))
            elif isinstance(setting.default, Path):
                fitted[name] = self.folder / setting.default
        return fitted

    def _value(self, annotation: object, value: Any, path: KeyPath) -> Any:  # noqa: ANN401 - any TOML value
        if is_secret(annotation):
            return self._secret(value, path)
        said = self.layers.source(path)
        try:
            value = self._cast(annotation, value)
        except CastError as error:
            self._problem(path, str(error))
        for inner in paths_in(value):
            self.layers.sources.setdefault((*path, *inner), said)  # a list or table that came as one text
        if is_path(annotation) and isinstance(value, str):
            return self._path(value, path)
        if isinstance(value, dict):
            if model := model_of(annotation):
                return self.table(model, value, path)
            return {key: self._value(element_of(annotation), inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            inside = element_of(annotation)
            return [self._value(inside, inner, (*path, place)) for place, inner in enumerate(value)]
        return value

    def _cast(self, annotation: object, value: Any) -> Any:  # noqa: ANN401 - any TOML value
        if not isinstance(value, str):
            return value
        filled = self._casts.template(value)
        if filled is value and isinstance(value, EnvText) and not is_text(annotation):
            return self._casts.typed(value)
        return str(filled) if is_text(annotation) else filled

    def _path(self, value: str, path: KeyPath) -> Path:
        if not value:
            self._problem(path, "names no file")
        return self.folder / value

    def _secret(self, value: Any, path: KeyPath) -> Any:  # noqa: ANN401 - any TOML value
        """*value* as it is: no template, no type. A secret may look like anything."""
        if not isinstance(value, str):
            return value
        if not value:
            self._problem(path, "is empty; leave it out or say it")
            return UNREADABLE
        if len(value) >= SHORTEST_HIDDEN:
            self._secrets.add(str(value))
        if (file := self.layers.source(path).file) and dotted(path) not in self.origins:
            if file == self.main:
                self._warn(path, f"a secret; better in {path[-1]}{FILE}, .secrets.toml or the environment")
            elif _is_open(file):
                self._warn(path, f"a secret in a file that everyone may read: chmod 600 {file}")
        return str(value)

    def _fetched(self, model: type[BaseModel], table: Mapping[str, Any], path: KeyPath) -> Iterator[tuple[str, str]]:
        for name in secrets_of(model):
            if (key := name + FILE) not in table:
                continue
            if name in table:
                other = self.layers.source((*path, name)).label
                self._problem((*path, key), f"{name} is set as well ({other}); it can only be one of the two")
            yield name, self._read(table[key], (*path, key), dotted((*path, name)))

    def _read(self, value: object, where: KeyPath, secret: str) -> str:
        """The secret in the file that *value* names; the problem is noted where there is none."""
        self.origins[secret] = self.layers.source(where).label
        try:
            named = self._cast(str, value)
        except CastError as error:
            return self._unreadable(where, str(error))
        if not (isinstance(named, str) and named):
            return self._unreadable(where, "should be the path of a file")
        try:
            file = next((file for file in self._places(named) if file.exists()), None)
            text = file.read_text("utf-8").rstrip("\r\n") if file else None
        except OSError as error:
            return self._unreadable(where, f"can't be read: {error.strerror}")
        except UnicodeDecodeError:
            return self._unreadable(where, "does not hold UTF-8 text")
        if not (file and text):
            return self._unreadable(where, "the file is empty" if file else f"no such file: {self._looked_in(named)}")
        if file == self.folder / named and file.parent != RUN_SECRETS and _is_open(file):
            self._warn(where, f"everyone may read this secret: chmod 600 {file}")
        self.origins[secret] += f", {file}"
        return text

    def _places(self, named: str) -> list[Path]:
        """Where a secret's file may lie: as said, where systemd puts credentials, where containers mount secrets."""
        folders = [self.folder, self.environ.get("CREDENTIALS_DIRECTORY"), RUN_SECRETS]
        return list(dict.fromkeys(Path(folder) / named for folder in folders if folder))

    def _looked_in(self, named: str) -> str:
        return ", ".join(map(str, self._places(named)))

    def _unreadable(self, where: KeyPath, text: str) -> str:
        self._problem(where, text)
        return UNREADABLE

    def _problem(self, path: KeyPath, text: str) -> None:
        self.problems.append(Problem(path, text, self.layers.source(path)))

    def _warn(self, path: KeyPath, text: str) -> None:
        self.layers.warnings.append(str(Problem(path, text, self.layers.source(path))))


def _is_open(file: Path) -> bool:
    return bool(file.stat().st_mode & stat.S_IROTH)
