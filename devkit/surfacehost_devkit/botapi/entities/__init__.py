"""Formatted text: from the parameters of a call to what the server keeps."""

from collections.abc import Callable
from dataclasses import dataclass

from surfacehost_devkit.botapi.entities.arrange import arranged
from surfacehost_devkit.botapi.entities.clean import check_extents, cleaned, shows_nothing, trimmed
from surfacehost_devkit.botapi.entities.detect import found_in
from surfacehost_devkit.botapi.entities.entity import SPLITTABLE, Entity, in_order, units
from surfacehost_devkit.botapi.entities.given import given_entities
from surfacehost_devkit.botapi.entities.html import parse_html
from surfacehost_devkit.botapi.entities.markdown_v1 import parse_markdown_v1
from surfacehost_devkit.botapi.entities.markdown_v2 import parse_markdown_v2
from surfacehost_devkit.botapi.errors import bad_request

__all__ = ["Entity", "FormattedText", "format_text", "found_in", "units"]

_MOST_BYTES = 1 << 15
_MOST_ENTITIES = 100
_PARSERS = {"html": parse_html, "markdownv2": parse_markdown_v2, "markdown": parse_markdown_v1}


@dataclass(frozen=True, slots=True)
class FormattedText:
    """A text and its formatting as the server keeps them."""

    text: str
    entities: tuple[Entity, ...] = ()


def format_text(
    text: str, parse_mode: str, given: object, *, commands: bool, knows_user: Callable[[int], bool]
) -> FormattedText:
    """Parse, arrange, clean, trim and search a text; ApiError with the server's reason where it refuses.

    An empty result is the caller's business: a caption or a draft may be empty, a message may not.
    """
    if len(text.encode("utf-8")) > _MOST_BYTES:
        raise bad_request("text is too long")
    mode = parse_mode.lower()
    if text and mode not in {"", "none"}:
        if mode not in _PARSERS:
            raise bad_request("unsupported parse_mode")
        text, entities = _PARSERS[mode](text)
        entities = [one for one in entities if one.type != "text_mention" or knows_user(one.number)]
    else:
        entities = given_entities(given, knows_user)
    return _fixed(text, entities, commands=commands)


def _fixed(text: str, entities: list[Entity], *, commands: bool) -> FormattedText:
    check_extents(entities)
    entities = arranged(one for one in entities if one.length)
    text, entities = cleaned(text, entities)
    text, entities = trimmed(text, arranged(one for one in entities if one.length))
    if shows_nothing(text):
        return FormattedText("")
    entities = arranged(entities, found_in(text, commands=commands))
    return FormattedText(text, tuple(_within_limit(entities)))


def _within_limit(entities: list[Entity]) -> list[Entity]:
    # Over the limit bold and its like go first: links, code and quotes are counted before them.
    soft = [one for one in entities if one.type in SPLITTABLE]
    solid = [one for one in entities if one.type not in SPLITTABLE]
    return in_order([*solid, *soft][:_MOST_ENTITIES])
