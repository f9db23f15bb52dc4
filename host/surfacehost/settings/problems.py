"""Problems: what is wrong with which setting, and where that was said."""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic
from pydantic_core import ErrorDetails

from surfacehost.settings.fields import FILE, model_at, names, secrets_of
from surfacehost.settings.lines import KeyPath


@dataclass(frozen=True, slots=True)
class Source:
    """Where something was said."""

    label: str
    """As the operator finds it: ``settings.toml:5``, ``env SURFACEHOST_AGENT__URL``."""
    order: tuple[int, int] = (0, 0)
    """Layer and line, to report from top to bottom."""
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. *text* never repeats a value: it may be a secret."""

    path: KeyPath
    text: str
    source: Source

    def __str__(self) -> str:
        return ": ".join(part for part in (self.source.label, dotted(self.path), self.text) if part)


def in_order(problems: Iterable[Problem]) -> list[str]:
    """*problems* as lines, in the order in which an operator reads the files."""
    return [str(problem) for problem in sorted(problems, key=lambda problem: problem.source.order)]


def dotted(path: KeyPath) -> str:
    """*path* as people write it."""
    return ".".join(map(str, path))


def did_you_mean(word: object, words: Iterable[str]) -> str:
    """``" - did you mean …?"``, or nothing where no word is close."""
    close = difflib.get_close_matches(str(word).lower(), list(words), n=1, cutoff=0.65)
    return f" - did you mean {close[0]!r}?" if close else ""


def explain(error: pydantic.ValidationError, model: type[pydantic.BaseModel]) -> Iterator[tuple[KeyPath, str]]:
    """Path and sentence for everything that *model* found; the values themselves stay out."""
    for details in error.errors(include_input=False, include_url=False):
        path = tuple(part for part in details["loc"] if part != "[key]")
        yield path, _sentence(details, path, model)


def _sentence(details: ErrorDetails, path: KeyPath, model: type[pydantic.BaseModel]) -> str:
    context: dict[str, Any] = details.get("ctx", {})
    match details["type"]:
        case "extra_forbidden":
            owner = model_at(model, path[:-1])
            hint = did_you_mean(path[-1], names(owner)) if owner else ""
            return f"unknown setting {path[-1]!r}{hint}"
        case "missing":
            owner = model_at(model, path[:-1])
            secret = owner is not None and path[-1] in list(secrets_of(owner))
            return f"is required, here, as {path[-1]}{FILE} or in the environment" if secret else "is required"
        case "model_type" | "model_attributes_type":
            return "should be a table"
        case "tuple_type" | "list_type" | "set_type" | "frozen_set_type":
            return 'should be a list, such as ["a", "b"]'
        case "value_error" | "assertion_error":
            return str(context.get("error", details["msg"]))
    return details["msg"].removeprefix("Input ")
