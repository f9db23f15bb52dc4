"""Entities that may not overlap: who yields, who is cut.

The rules are those of TDLib's `fix_entities`: links, mentions and code never intersect one another; quotes
never intersect anything; bold, italic and their like are merged per kind, cut at every border of the others,
and not shown inside code.
"""

from collections.abc import Iterable, Sequence

from surfacehost_devkit.botapi.entities.entity import BARE, QUOTES, SPLITTABLE, Entity, in_order


def arranged(entities: Iterable[Entity], found: Iterable[Entity] = ()) -> list[Entity]:
    """Bring a bot's entities into the form the server keeps; `found` are those it saw in the text itself."""
    quotes: list[Entity] = []
    solid: list[Entity] = []
    soft: list[Entity] = []
    for one in in_order(entities):
        (soft if one.type in SPLITTABLE else quotes if one.type in QUOTES else solid).append(one)
    quotes = _without_overlap(quotes)
    solid = _clear_of(_without_overlap(solid), quotes)
    fresh = _clear_of(_without_overlap(in_order(found)), quotes)
    solid = in_order([*solid, *(new for new in fresh if not any(_overlap(new, old) for old in solid)), *quotes])
    return in_order([*solid, *_cut(soft, solid)])


def _without_overlap(entities: Sequence[Entity]) -> list[Entity]:
    kept: list[Entity] = []
    for one in entities:
        if not kept or one.offset >= kept[-1].end:
            kept.append(one)
    return kept


def _clear_of(entities: Iterable[Entity], quotes: Sequence[Entity]) -> list[Entity]:
    def fits(one: Entity) -> bool:
        return all(
            not _overlap(one, quote) or (quote.offset <= one.offset and one.end <= quote.end) for quote in quotes
        )

    return [one for one in entities if fits(one)]


def _overlap(one: Entity, other: Entity) -> bool:
    return one.offset < other.end and other.offset < one.end


def _cut(soft: Sequence[Entity], solid: Sequence[Entity]) -> list[Entity]:
    """Cut the soft entities at every border of the solid ones and drop what lies inside code."""
    pieces: list[Entity] = []
    open_until: dict[str, tuple[int, int]] = {}
    waiting = list(soft)

    def flush(to: int | None) -> None:
        for kind in SPLITTABLE:
            if kind not in open_until:
                continue
            begin, end = open_until[kind]
            if to is None or end <= to:
                pieces.append(Entity(type=kind, offset=begin, length=end - begin))
                del open_until[kind]
            elif begin < to:
                pieces.append(Entity(type=kind, offset=begin, length=to - begin))
                open_until[kind] = (to, end)

    def advance(to: int | None) -> None:
        while waiting and (to is None or waiting[0].offset < to):
            one = waiting.pop(0)
            begin, end = open_until.get(one.type, (0, -1))
            if one.offset <= end:
                open_until[one.type] = (begin, max(end, one.end))
            else:
                flush(one.offset)
                open_until[one.type] = (one.offset, one.end)
        flush(to)

    for border in sorted({edge for one in solid for edge in (one.offset, one.end)}):
        advance(border)
    advance(None)
    bare = [one for one in solid if one.type in BARE]
    return [piece for piece in pieces if not any(_overlap(piece, code) for code in bare)]
