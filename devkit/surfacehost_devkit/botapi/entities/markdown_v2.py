"""parse_mode MarkdownV2, as strict as the server (Bot API, "MarkdownV2 style"; TDLib, `parse_markdown_v2`)."""

import re
from dataclasses import dataclass

from surfacehost_devkit.botapi.entities.entity import Entity, in_order
from surfacehost_devkit.botapi.entities.html import link_entity
from surfacehost_devkit.botapi.entities.markdown_v1 import take_language
from surfacehost_devkit.botapi.entities.source import Sink, Source, refused
from surfacehost_devkit.botapi.errors import ApiError, bad_request

_RESERVED = "_*[]()~`>#+-=|{}.!\n"
_OPENING = (
    ("```", "pre"),
    ("`", "code"),
    ("__", "underline"),
    ("_", "italic"),
    ("*", "bold"),
    ("~", "strikethrough"),
    ("||", "spoiler"),
    ("![", "custom_emoji"),
    ("[", "text_link"),
)
_CLOSING = {
    "pre": "```",
    "code": "`",
    "underline": "__",
    "italic": "_",
    "bold": "*",
    "strikethrough": "~",
    "spoiler": "||",
    "custom_emoji": "]",
    "text_link": "]",
}
_SERVER_NAMES = {"text_link": "TextUrl", "custom_emoji": "CustomEmoji", "blockquote": "BlockQuote"}
_EMOJI_URL = re.compile(r"tg:(?://)?emoji\?id=(\d+)")
_TIME_URL = re.compile(r"tg:(?://)?time\?unix=(\d+)(?:&format=([rRtTdDwW]*))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    kind: str
    at: int
    offset: int
    part: int
    language: str = ""


class _Reader:
    """The place in the text, what came out so far, and the entities that are open."""

    def __init__(self, text: str) -> None:
        self.source = Source(text)
        self.sink = Sink()
        self.nested: list[_Open] = []
        self.entities: list[Entity] = []
        self.in_quote = False
        self.quote_may_start = True

    def read(self) -> tuple[str, list[Entity]]:
        """Read to the end."""
        while not self.source.done:
            self._step()
        if self.in_quote:
            self._end_quote(at_end=True)
        if self.nested:
            raise self._endless(self.nested[-1])
        return self.sink.text, in_order(self.entities)

    def _step(self) -> None:
        source = self.source
        sign = source.peek()
        if sign == "\\" and "\0" < source.peek(1) <= "~":
            self._plain(source.peek(1))
            source.at += 2
        elif sign not in ("`" if self._in_code() else _RESERVED):
            self._plain(sign)
            source.at += 1
        elif self.in_quote and sign == "\n" and source.peek(1) != ">":
            self._end_quote(at_end=False)
        elif self._closes():
            self._close()
        else:
            self._begin()

    def _in_code(self) -> bool:
        return bool(self.nested) and self.nested[-1].kind in {"pre", "code"}

    def _plain(self, sign: str) -> None:
        self.sink.put(sign)
        if sign != "\r":
            self.quote_may_start = sign == "\n"

    def _closes(self) -> bool:
        if not self.nested or self.nested[-1].kind == "blockquote":
            return False
        kind = self.nested[-1].kind
        if kind == "italic" and self.source.starts("__"):
            return False
        return self.source.starts(_CLOSING[kind])

    def _begin(self) -> None:
        source = self.source
        begin = source.at
        if source.peek() == "\n":
            self._plain("\n")
            source.at += 1
            return
        if source.peek() == ">" and self.quote_may_start:
            source.at += 1
            if not self.in_quote:
                self.in_quote = True
                self._push("blockquote", begin)
            return
        for mark, kind in _OPENING:
            if source.starts(mark):
                source.at += len(mark)
                self._push(kind, begin, take_language(source) if kind == "pre" else "")
                return
        raise _wrong(f"Character '{source.peek()}' is reserved and must be escaped with the preceding '\\'")

    def _push(self, kind: str, at: int, language: str = "") -> None:
        self.nested.append(
            _Open(kind=kind, at=at, offset=self.sink.units, part=len(self.sink.parts), language=language)
        )

    def _close(self) -> None:
        one = self.nested.pop()
        self.source.at += len(_CLOSING[one.kind])
        length = self.sink.units - one.offset
        if one.kind == "text_link":
            url = self._url() if self.source.peek() == "(" else "".join(self.sink.parts[one.part :])
            self.entities.extend(link_entity(url, one.offset, length) if length else [])
        elif one.kind == "custom_emoji":
            if self.source.peek() != "(":
                raise _wrong("The entity must contain a tg://emoji or tg://time URL")
            self.entities.extend(_special(self._url(), one.offset, length))
        elif length:
            self.entities.append(Entity(type=one.kind, offset=one.offset, length=length, argument=one.language))

    def _url(self) -> str:
        self.source.at += 1
        begin = self.source.at
        url: list[str] = []
        while not self.source.done and self.source.peek() != ")":
            if self.source.peek() == "\\" and "\0" < self.source.peek(1) <= "~":
                self.source.at += 1
            url.append(self.source.peek())
            self.source.at += 1
        if self.source.done:
            raise _wrong(f"Can't find end of a URL at byte offset {self.source.byte_offset(begin)}")
        self.source.at += 1
        return "".join(url)

    def _end_quote(self, *, at_end: bool) -> None:
        """Close the quote; `||` as the last thing of it makes it expandable."""
        kind = "blockquote"
        if self.nested[-1].kind == "spoiler" and self._opened_just_now(self.nested[-1]):
            self.nested.pop()
            kind = "expandable_blockquote"
        if self.nested[-1].kind != "blockquote":
            raise self._endless(self.nested[-1])
        one = self.nested.pop()
        self.in_quote = False
        if not at_end:
            self._plain("\n")
            self.source.at += 1
        if self.sink.units > one.offset:
            self.entities.append(Entity(type=kind, offset=one.offset, length=self.sink.units - one.offset))

    def _opened_just_now(self, spoiler: _Open) -> bool:
        between = self.source.text[spoiler.at + 2 : self.source.at]
        return between in {"", "\r"}

    def _endless(self, one: _Open) -> ApiError:
        name = "PreCode" if one.language else _SERVER_NAMES.get(one.kind, one.kind.capitalize())
        return _wrong(f"Can't find end of {name} entity at byte offset {self.source.byte_offset(one.at)}")


def parse_markdown_v2(text: str) -> tuple[str, list[Entity]]:
    """Return the plain text and its entities; ApiError "can't parse entities: …" otherwise."""
    return _Reader(text).read()


def _special(url: str, offset: int, length: int) -> list[Entity]:
    emoji, moment = _EMOJI_URL.fullmatch(url), _TIME_URL.fullmatch(url)
    if not emoji and not moment:
        raise _wrong("Invalid tg://emoji or tg://time URL specified")
    if not length:
        return []
    if emoji:
        number = int(emoji[1])
        return [Entity(type="custom_emoji", offset=offset, length=length, argument=emoji[1], number=number)]
    assert moment is not None  # noqa: S101  # one of the two matched: said for mypy
    form = moment[2] or ""
    return [Entity(type="date_time", offset=offset, length=length, argument=form, number=int(moment[1]))]


def _wrong(reason: str) -> ApiError:
    return bad_request(refused(reason))
