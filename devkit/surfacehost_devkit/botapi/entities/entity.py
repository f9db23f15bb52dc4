"""One piece of formatting, and the order and families the server knows."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

# The lower the number, the further out among entities of one extent (TDLib, `MessageEntity::get_type_priority`).
_PRIORITY = {
    "blockquote": 0,
    "expandable_blockquote": 0,
    "pre": 11,
    "code": 20,
    "date_time": 30,
    "text_link": 49,
    "text_mention": 49,
    "bold": 90,
    "italic": 91,
    "underline": 92,
    "strikethrough": 93,
    "spoiler": 94,
    "custom_emoji": 99,
}
SPLITTABLE = ("bold", "italic", "underline", "strikethrough", "spoiler")
QUOTES = frozenset({"blockquote", "expandable_blockquote"})
BARE = frozenset({"pre", "code", "date_time"})
FOUND = frozenset({"mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bank_card_number"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A `MessageEntity`; offset and length count UTF-16 units (Bot API, "MessageEntity").

    `argument` is the URL of a text_link, the language of a pre, the id of a custom emoji, the format of a
    date_time; `number` the user id of a text_mention or the time of a date_time.
    """

    type: str
    offset: int
    length: int
    argument: str = ""
    number: int = 0

    @property
    def end(self) -> int:
        """The first UTF-16 unit after the entity."""
        return self.offset + self.length

    def moved(self, *, offset: int | None = None, length: int | None = None) -> "Entity":
        """The same formatting over another stretch."""
        return replace(
            self,
            offset=self.offset if offset is None else offset,
            length=self.length if length is None else length,
        )


def in_order(entities: Iterable[Entity]) -> list[Entity]:
    """Sort as the server does: by place, the longer first, then from the outermost kind inwards."""
    return sorted(entities, key=lambda one: (one.offset, -one.length, _priority(one)))


def _priority(entity: Entity) -> int:
    if entity.type == "pre" and entity.argument:
        return 10
    return _PRIORITY.get(entity.type, 50)


def units(text: str) -> int:
    """The length in UTF-16 units, the measure of the whole Bot API."""
    return len(text) + sum(sign > "\uffff" for sign in text)
