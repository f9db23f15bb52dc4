"""What the server takes out of a text, and how it trims it, with the entities moved along.

Source of the rules: TDLib, `clean_input_string_with_entities` and `fix_formatted_text`.
"""

from collections.abc import Iterable

from surfacehost_devkit.botapi.entities.entity import Entity, units
from surfacehost_devkit.botapi.errors import bad_request

_REMOVED = frozenset("\r\u0333\u033f\u030a") | frozenset(map(chr, range(0x2028, 0x202F)))
_BLANK = frozenset(" \n")
# Texts of nothing but these show nothing, and are refused like empty ones.
_INVISIBLE = frozenset(
    "\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff\u00ad\u3164\u115f\u1160\u00a0"
)
_FARTHEST = 1_000_000


def check_extents(entities: Iterable[Entity]) -> None:
    """Refuse offsets and lengths no text can have."""
    for one in entities:
        if not 0 <= one.offset <= _FARTHEST:
            raise bad_request(f"receive an entity with incorrect offset {one.offset}")
        if not 0 <= one.length <= _FARTHEST:
            raise bad_request(f"receive an entity with incorrect length {one.length}")


def cleaned(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Turn control characters into spaces, drop the forbidden ones, and move the entities along."""
    new_place: dict[int, int] = {}
    kept: list[str] = []
    old = new = at_byte = 0
    bytes_at: dict[int, int] = {}
    for sign in text:
        new_place[old], bytes_at[old] = new, at_byte
        width = 1 + (sign > "\uffff")
        old += width
        at_byte += len(sign.encode("utf-8", "surrogatepass"))
        if sign not in _REMOVED:
            kept.append(" " if sign < " " and sign != "\n" else sign)
            new += width
    new_place[old], bytes_at[old] = new, at_byte
    return "".join(kept), [_moved(one, new_place, bytes_at, old) for one in entities]


def _moved(one: Entity, new_place: dict[int, int], bytes_at: dict[int, int], end: int) -> Entity:
    if one.offset > end:
        raise bad_request(f"entity begins after the end of the text at UTF-16 offset {one.offset}")
    if one.offset not in new_place:
        raise bad_request(f"entity begins in a middle of a UTF-16 symbol at byte offset {bytes_at[one.offset + 1]}")
    if one.end > end:
        raise bad_request(
            f"entity beginning at UTF-16 offset {one.offset} ends after the end of the text at UTF-16 offset {one.end}"
        )
    if one.end not in new_place:
        raise bad_request(
            f"entity beginning at UTF-16 offset {one.offset} ends in a middle of a UTF-16 symbol "
            f"at byte offset {bytes_at[one.end + 1]}"
        )
    begin = new_place[one.offset]
    return one.moved(offset=begin, length=new_place[one.end] - begin)


def trimmed(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Cut blanks at both ends; in front only as far as the first entity. Empty texts come back empty."""
    entities = [one for one in entities if one.length > 0]
    body = text.rstrip("".join(_BLANK))
    size = units(body)
    entities = [one.moved(length=min(one.end, size) - one.offset) for one in entities if one.offset < size]
    first = min((one.offset for one in entities), default=size)
    blank = len(body) - len(body.lstrip("".join(_BLANK)))
    cut = min(blank, first)
    return body[cut:], [one.moved(offset=one.offset - cut) for one in entities]


def shows_nothing(text: str) -> bool:
    """True for a text of which nobody would see anything."""
    return all(sign in _BLANK or sign in _INVISIBLE for sign in text)
