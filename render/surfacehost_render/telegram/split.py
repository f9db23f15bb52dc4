"""Cutting an answer into messages Telegram takes."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

from wcwidth import grapheme_boundary_before

from surfacehost_render.clean import is_visible
from surfacehost_render.telegram.entities import Entity, TelegramText, units
from surfacehost_render.telegram.writer import Composed, Span

_SENTENCE_END = re.compile(r"[.!?…][\"'»”)\]*]*\s+|[。！？]")  # noqa: RUF001  Chinese and Japanese full stops
_SPACE = re.compile(r"\s+")


def split(answer: Composed, limit: int, max_entities: int) -> Iterator[TelegramText]:
    """Messages of at most `limit` UTF-16 units and `max_entities` entities, cut where it hurts least."""
    cutter = _Cutter(answer, limit, max_entities)
    start = 0
    while start < len(answer.text):
        if answer.text[start] == "\n":
            start += 1
            continue
        end = cutter.cut(start)
        message = _message(answer.text, cutter.spans(start, end), start, end, max_entities)
        if is_visible(message.text):
            yield message
        start = end


class _Cutter:
    """Finds the next cut of one answer."""

    def __init__(self, answer: Composed, limit: int, max_entities: int) -> None:
        self._text = answer.text
        self._breaks = answer.breaks
        self._spans = answer.spans
        self._starts = [span.start for span in answer.spans]
        # the furthest end of all spans up to each one: what lies before it may still be open
        self._ends = list(accumulate((span.end for span in answer.spans), max))
        self._offsets = list(accumulate((1 + (char > "\uffff") for char in answer.text), initial=0))
        self._limit = limit
        self._max_entities = max_entities

    def spans(self, start: int, end: int) -> list[Span]:
        """The formatting that touches a part of the text."""
        first = bisect_right(self._ends, start)
        last = bisect_right(self._starts, end - 1)
        return [span for span in self._spans[first:last] if span.end > start]

    def cut(self, start: int) -> int:
        """Where the message that begins at `start` ends."""
        furthest = bisect_right(self._offsets, self._offsets[start] + self._limit) - 1
        crowd = self.spans(start, furthest)
        if len(crowd) > self._max_entities:
            # formatting that begins together is at most six kinds deep: with a sane maximum this leaves text to send
            furthest = max(crowd[self._max_entities].start, start + 1)
        if furthest >= len(self._text):
            return len(self._text)
        return self._whole_grapheme(start, self._best(start, furthest))

    def _best(self, start: int, furthest: int) -> int:
        """The last block end, else line end, else sentence end, else space that does not leave a stub."""
        quarter = start + (furthest - start) // 4
        block = bisect_right(self._breaks, furthest) - 1
        if block >= 0 and self._breaks[block] > quarter:
            return self._breaks[block]
        middle = start + (furthest - start) // 2
        line = self._text.rfind("\n", middle, furthest + 1)
        if line > middle:
            return line
        for pattern in (_SENTENCE_END, _SPACE):
            ends = [found.end() for found in pattern.finditer(self._text, middle, furthest)]
            if ends:
                return ends[-1]
        return furthest

    def _whole_grapheme(self, start: int, cut: int) -> int:
        """The cut, moved back if it would part a letter from its accent or a family from its child."""
        if cut >= len(self._text):
            return cut
        boundary = grapheme_boundary_before(self._text, cut + 1)
        return boundary if boundary > start else cut


def _message(text: str, spans: list[Span], start: int, end: int, max_entities: int) -> TelegramText:
    end = start + len(text[start:end].rstrip())
    entities = []
    for span in spans:
        entity = _entity(text, span, start, end)
        if entity is not None:
            entities.append(entity)
    return TelegramText(text=text[start:end], entities=tuple(entities[:max_entities]))


def _entity(text: str, span: Span, start: int, end: int) -> Entity | None:
    """The part of a span inside one message, without blanks at its edges: Telegram drops what is blank."""
    first, last = max(span.start, start), min(span.end, end)
    part = text[first:last]
    last -= len(part) - len(part.rstrip())
    if span.type not in ("pre", "blockquote"):  # the first line of code keeps its indentation, in a quote as well
        first += len(part) - len(part.lstrip())
    if first >= last:
        return None
    return Entity(
        type=span.type,
        offset=units(text[start:first]),
        length=units(text[first:last]),
        url=span.url,
        language=span.language,
    )
