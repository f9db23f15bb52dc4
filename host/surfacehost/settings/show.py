"""What ``config show`` tells: the value of every setting and where it was said, secrets masked."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from surfacehost.settings.loading import SURFACES, TABLES
from surfacehost.settings.models import Settings

_PASSWORD_IN_URL = re.compile(r"(?<=://)[^/@\s]+(?=@)")


@dataclass(frozen=True, slots=True)
class Row:
    """One setting."""

    key: str
    """Its path, such as ``agent.url``."""
    value: Any
    """As JSON knows it; a secret is a row of asterisks."""
    source: str
    """Where it was said, or ``default``."""


def rows(settings: Settings) -> Iterator[Row]:
    """Every setting of every table and every enabled surface."""
    for name in TABLES:
        yield from _rows(getattr(settings, name).model_dump(mode="json"), name, settings.sources)
    for name, surface in settings.surfaces.items():
        yield from _rows(surface.settings.model_dump(mode="json"), f"{SURFACES}.{name}", settings.sources)
    for name in settings.disabled:
        key = f"{SURFACES}.{name}.enabled"
        yield Row(key, value=False, source=settings.sources.get(key, "default"))


def _rows(value: Any, key: str, sources: Mapping[str, str]) -> Iterator[Row]:  # noqa: ANN401 - JSON
    if isinstance(value, dict) and value:
        for inner, element in value.items():
            yield from _rows(element, f"{key}.{inner}", sources)
    else:
        yield Row(key, _masked(value), sources.get(key, "default"))


def _masked(value: Any) -> Any:  # noqa: ANN401 - JSON
    """*value* without the ``user:password`` that a URL may carry."""
    if isinstance(value, list):
        return [_masked(element) for element in value]
    return _PASSWORD_IN_URL.sub("*" * 10, value) if isinstance(value, str) else value
