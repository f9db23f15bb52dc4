"""settings.toml as it is committed: everything that can be set, and nothing that can't."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from surfacehost.behaviour import Behaviour
from surfacehost.plugins import EntryPoints
from surfacehost.settings import load
from surfacehost.settings.fields import FILE, model_of, secrets_of
from surfacehost.settings.loading import TABLES

COMMITTED = Path(__file__).parents[2] / "settings.toml"
SURFACES = ("web", "matrix", "telegram")
ONCE = {"enabled", "plugin", *Behaviour.model_fields}
"""What every surface has: it need not stand in each table."""


@pytest.fixture
def said() -> dict[str, Any]:
    """The file with every setting that is commented out switched on."""
    text = COMMITTED.read_text()
    return tomllib.loads(re.sub(r"^# (?=\[|[a-z_]+ *= )", "", text, flags=re.MULTILINE))


def _models() -> Iterator[tuple[tuple[str, ...], type[BaseModel]]]:
    for name, model in TABLES.items():
        yield (name,), model
    for name in SURFACES:
        yield ("surfaces", name), EntryPoints().find(name).Settings


def _missing(model: type[BaseModel], table: dict[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = model_of(field.annotation)
        if inner and isinstance(table.get(name), dict):
            yield from _missing(inner, table[name], (*path, name))
        elif name not in table and name + FILE not in table and not (path[0] == "surfaces" and name in ONCE):
            yield ".".join((*path, name))


def _invented(model: type[BaseModel], table: dict[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    for name, value in table.items():
        field = model.model_fields.get(name)
        inner = model_of(field.annotation) if field else None
        if inner and isinstance(value, dict):
            yield from _invented(inner, value, (*path, name))
        elif field is None and name.removesuffix(FILE) not in secrets_of(model):
            yield ".".join((*path, name))


def _at(tree: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for key in path:
        tree = tree[key]
    return tree


def test_every_setting_stands_in_it(said: dict[str, Any]) -> None:
    assert [name for path, model in _models() for name in _missing(model, _at(said, path), path)] == []


def test_nothing_else_stands_in_it(said: dict[str, Any]) -> None:
    assert [name for path, model in _models() for name in _invented(model, _at(said, path), path)] == []
    assert said.keys() == {*TABLES, "surfaces"}
    assert said["surfaces"].keys() == set(SURFACES)


def test_what_it_says_of_the_host_is_the_default() -> None:
    told = tomllib.loads(COMMITTED.read_text())
    for name, model in TABLES.items():
        assert model.model_validate(told[name]) == model(), name


def test_what_it_says_of_a_surface_is_the_default() -> None:
    told = tomllib.loads(COMMITTED.read_text())
    for path, model in _models():
        for name, value in _at(told, path).items():
            field = model.model_fields[name]
            if path[0] == "surfaces" and name not in ONCE and not field.is_required():
                assert TypeAdapter(field.annotation).validate_python(value) == field.default, (*path, name)


def test_it_starts_with_the_web_surface_alone() -> None:
    settings = load(COMMITTED, finder=EntryPoints(), environ={})
    assert list(settings.surfaces) == ["web"]
    assert settings.disabled.keys() == {"matrix", "telegram"}
    assert settings.surfaces["web"].settings.dm_policy == "open"
    assert settings.agent.embedded


def test_it_fits_a_screen_or_two() -> None:
    lines = COMMITTED.read_text().splitlines()
    assert len(lines) <= 120
    assert max(map(len, lines)) <= 120
