"""Cutting Markdown source into pieces that each render below a size, and that each make sense alone."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from textwrap import indent

from markdown_it.token import Token
from wcwidth import grapheme_boundary_before

from surfacehost_render.parse import code_info, parser

_QUOTE_MARK = re.compile(r"^ {0,3}> ?", re.MULTILINE)
_ITEM_MARK = re.compile(r" *(?:[-+*]|\d{1,9}[.)])(?: {1,4}(?! )| |(?=\n|$))")
_DEEPEST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of Markdown source, ending with a line end, and the size it renders to."""

    text: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutter:
    """Cuts source by blocks, then by what is inside a block, then by lines, words and graphemes.

    `wrap` puts each piece into what the text was taken out of: a quote, a list item, a block of code, a table.
    """

    measure: Callable[[str], int]
    max_size: int
    wrap: Callable[[str], str] = str
    depth: int = 0

    def cut(self, text: str) -> Iterator[Piece]:
        """The text as one piece if it fits, else in pieces."""
        whole = _ended(self.wrap(text))
        size = self.measure(whole)
        if size <= self.max_size:
            yield Piece(text=whole, size=size)
        else:
            yield from self.divide(text)

    def divide(self, text: str) -> Iterator[Piece]:
        """The pieces of a text known not to fit."""
        blocks = [token for token in parser().parse(text) if token.level == 0 and token.map]
        slices = _slices(text, blocks)
        if len(slices) > 1:
            for part in slices:
                yield from self.cut(part)
        elif blocks and self.depth < _DEEPEST:
            yield from self._block(text, blocks[0])
        else:
            yield from self.by_lines(text.split("\n"))

    def _block(self, text: str, block: Token) -> Iterator[Piece]:
        """The pieces of a single block."""
        if block.type in ("fence", "code_block"):
            yield from self._code(block)
        elif block.type == "table_open":
            head, rule, *rows = text.rstrip("\n").split("\n")
            yield from self._within(lambda part: f"{head}\n{rule}\n{part}").by_lines(rows)
        elif block.type == "blockquote_open":
            yield from self._within(_quoted).divide(_QUOTE_MARK.sub("", text))
        elif block.type in ("bullet_list_open", "ordered_list_open"):
            yield from self._list(text)
        else:
            yield from self.by_lines(text.split("\n"))

    def _within(self, wrap: Callable[[str], str]) -> "Cutter":
        """A cutter whose pieces stand one level deeper."""
        return replace(self, wrap=lambda part: self.wrap(wrap(part)), depth=self.depth + 1)

    def _code(self, block: Token) -> Iterator[Piece]:
        """Blocks of code, each closed and opened again with the language."""
        fence = block.markup or "```"
        while fence in block.content:
            fence += fence[0]
        name, caption = code_info(block.info)
        if caption:
            yield from self.cut(caption)
        lines = block.content.removesuffix("\n").split("\n")
        yield from self._within(lambda part: f"{fence}{name}\n{part}\n{fence}").by_lines(lines)

    def _list(self, text: str) -> Iterator[Piece]:
        """The items of a list; an item that is too long goes on without its mark."""
        items = [token for token in parser().parse(text) if token.type == "list_item_open" and token.level == 1]
        slices = _slices(text, items)
        if len(slices) > 1:
            for item in slices:
                yield from self.cut(item)
            return
        mark = _ITEM_MARK.match(text)
        if mark is None:
            yield from self.by_lines(text.split("\n"))
            return
        inside = re.sub(rf"^ {{1,{mark.end()}}}", "", text[mark.end() :], flags=re.MULTILINE)
        opening = mark[0].rstrip() + " "
        first = True

        def marked(part: str) -> str:
            if not first:
                return part
            return opening + indent(part.lstrip("\n"), " " * len(opening))[len(opening) :]

        for piece in self._within(marked).divide(inside):
            first = False
            yield piece

    def by_lines(self, lines: list[str]) -> Iterator[Piece]:
        """As many lines at a time as fit; a line too long by itself is cut at a space or between two graphemes."""
        if self.measure(self.wrap("x")) > self.max_size // 2:
            # a wrapping so large (a table's hundred columns, nine quotes in little room) leaves no room for the text
            yield from replace(self, wrap=str).by_lines(lines)
            return
        while lines:
            count = self._most(lines, "\n")
            if not count and len(lines[0]) > 1:
                lines = [*self._halves(lines[0]), *lines[1:]]
                continue
            count = max(count, 1)
            piece = _ended(self.wrap("\n".join(lines[:count])))
            yield Piece(text=piece, size=self.measure(piece))
            lines = lines[count:]

    def _halves(self, line: str) -> tuple[str, str]:
        end = self._most(list(line[: self.max_size]), "")
        space = line.rfind(" ", end // 2, end) + 1
        end = space or grapheme_boundary_before(line, end + 1) or max(end, 1)
        return line[:end], line[end:]

    def _most(self, parts: list[str], joint: str) -> int:
        """How many of the parts fit together."""
        # hardly anything renders smaller than its source: this bounds what the search has to render
        sizes = list(accumulate((len(part.encode()) for part in parts), initial=0))
        most = bisect_right(sizes, self.max_size) - 1
        return bisect_right(
            range(1, most + 1),
            self.max_size,
            key=lambda count: self.measure(_ended(self.wrap(joint.join(parts[:count])))),
        )


def _ended(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"


def _quoted(text: str) -> str:
    return "".join(f"> {line}" for line in _ended(text).splitlines(keepends=True))


def _slices(text: str, blocks: list[Token]) -> list[str]:
    """The text, cut before each block but the first; what lies between two blocks stays with the earlier one."""
    lines = text.split("\n")
    starts = [0, *(token.map[0] for token in blocks[1:] if token.map), len(lines)]
    slices = ["".join(f"{line}\n" for line in lines[start:end]) for start, end in pairwise(starts)]
    return [part for part in slices if part]
