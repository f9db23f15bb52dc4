"""Markdown as Telegram messages: text and entities, never more than the server takes."""

from surfacehost_render.parse import parse, read
from surfacehost_render.telegram.addresses import accepts
from surfacehost_render.telegram.entities import Entity, TelegramText
from surfacehost_render.telegram.split import split
from surfacehost_render.telegram.walk import compose

__all__ = ["Entity", "TelegramText", "telegram"]

_SHORTEST_LIMIT = 16


def telegram(markdown: str, *, limit: int = 4096, max_entities: int = 100) -> list[TelegramText]:
    """The messages that show the Markdown, in order; none if there is nothing to see.

    `limit` counts UTF-16 units of one message (4096 for a text, 1024 for a caption), at least 16; beyond
    `max_entities` (Bot API: 100) the server drops formatting without a word, so a message ends there.
    Takes about a millisecond for each kilobyte: run it in a thread from some 20 kB on.
    """
    if limit < _SHORTEST_LIMIT or max_entities < 1:
        raise ValueError(f"limit must be at least {_SHORTEST_LIMIT} and max_entities at least 1")
    answer = compose(parse(read(markdown), accepts))
    return list(split(answer, limit, max_entities))
