"""What a Telegram message is made of."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One stretch of formatting; offset and length count UTF-16 units (Bot API, MessageEntity)."""

    type: str
    offset: int
    length: int
    url: str | None = None
    language: str | None = None

    def to_json(self) -> dict[str, str | int]:
        """The entity as the Bot API wants it, without the fields that are not set."""
        fields: dict[str, str | int] = {"type": self.type, "offset": self.offset, "length": self.length}
        if self.url is not None:
            fields["url"] = self.url
        if self.language is not None:
            fields["language"] = self.language
        return fields


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramText:
    """One message: send the entities and no parse_mode; the text alone is the fallback should they be refused."""

    text: str
    entities: tuple[Entity, ...] = ()


def units(text: str) -> int:
    """The text's length as Telegram counts it, in UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
