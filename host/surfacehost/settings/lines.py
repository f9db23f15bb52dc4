"""On which line of a TOML file each key stands; ``tomllib`` does not tell."""

import tomllib
from collections.abc import Iterator
from typing import Any

KeyPath = tuple[str | int, ...]


def line_numbers(text: str) -> dict[KeyPath, int]:
    """The first line of every table, key and element in *text*, which must be valid TOML.

    A statement of TOML ends at a line's end, and only a whole one parses. So lines are gathered until they parse by
    themselves: what they say is then on the first of them. No second grammar, and nothing a string holds can fool it.
    """
    places: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for line, statement in _statements(text):
        said = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            table = _header(said, counts, is_element=statement.lstrip().startswith("[["))
            paths = [table[:length] for length in range(1, len(table) + 1)]
        else:
            paths = [(*table, *path) for path in paths_in(said)]
        for path in paths:
            places.setdefault(path, line)
    return places


def _statements(text: str) -> Iterator[tuple[int, str]]:
    gathered: list[str] = []
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        gathered.append(line)
        statement = "\n".join(gathered)
        try:
            tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        yield number - len(gathered) + 1, statement
        gathered.clear()


def _header(said: dict[str, Any], counts: dict[KeyPath, int], *, is_element: bool) -> KeyPath:
    """The path that ``[a.b]`` or ``[[a.b]]`` opens; inside an array of tables it means the latest element."""
    keys: list[str] = []
    inside: Any = said
    while isinstance(inside, dict) and inside:
        (key,) = inside
        keys.append(key)
        inside = inside[key]
    path: KeyPath = ()
    for position, key in enumerate(keys, start=1):
        path = (*path, key)
        if is_element and position == len(keys):
            counts[path] = counts.get(path, 0) + 1
        if path in counts:
            path = (*path, counts[path] - 1)
    return path


def paths_in(value: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    """The path of everything inside *value*."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, element in inner:
        yield from paths_in(element, (*path, key))
