"""What a model says about its fields, as far as reading settings needs to know."""

import types
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr

from surfacehost.settings.lines import KeyPath

FILE = "_file"
"""A secret ``x`` may be given as ``x_file``: the path of a file that holds it."""


def alternatives(annotation: object) -> list[Any]:
    """The types that *annotation* allows, without unions and annotations around them."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return alternatives(get_args(annotation)[0])
    if origin is Union or origin is types.UnionType:
        return [found for part in get_args(annotation) for found in alternatives(part)]
    return [annotation]


def is_secret(annotation: object) -> bool:
    """Whether it holds a secret."""
    return any(_is_a(part, SecretStr, SecretBytes) for part in alternatives(annotation))


def is_path(annotation: object) -> bool:
    """Whether it holds a path."""
    return any(_is_a(part, PurePath) for part in alternatives(annotation))


def is_text(annotation: object) -> bool:
    """Whether text is meant literally: ``1e5`` is then no number."""
    parts = alternatives(annotation)
    words = [word for part in parts if get_origin(part) is Literal for word in get_args(part)]
    return any(_is_a(part, str, PurePath) for part in parts) or any(isinstance(word, str) for word in words)


def model_of(annotation: object) -> type[BaseModel] | None:
    """The model of a table, where it is one."""
    return next((part for part in alternatives(annotation) if _is_a(part, BaseModel)), None)


def element_of(annotation: object) -> Any:  # noqa: ANN401 - an annotation
    """The annotation of what a list or mapping holds; Any where it doesn't say."""
    for part in alternatives(annotation):
        arguments = [argument for argument in get_args(part) if argument is not Ellipsis]
        origin = get_origin(part)
        if arguments and _is_a(origin, Mapping):
            return arguments[-1]
        if arguments and _is_a(origin, list, tuple, set, frozenset):
            return arguments[0]
    return Any


def secrets_of(model: type[BaseModel]) -> Iterator[str]:
    """Names of the secrets that may come from a file."""
    for name, field in model.model_fields.items():
        if is_secret(field.annotation) and name + FILE not in model.model_fields:
            yield name


def names(model: type[BaseModel]) -> list[str]:
    """Every key that the table of *model* may have."""
    return [*model.model_fields, *(name + FILE for name in secrets_of(model))]


def model_at(model: type[BaseModel], path: KeyPath) -> type[BaseModel] | None:
    """The model of the table at *path* inside *model*."""
    annotation: Any = model
    for key in path:
        here = model_of(annotation)
        if here is None:
            annotation = element_of(annotation)
        elif key in here.model_fields:
            annotation = here.model_fields[str(key)].annotation
        else:
            return None
    return model_of(annotation)


def _is_a(part: object, *classes: type) -> bool:
    return isinstance(part, type) and issubclass(part, classes)
