"""What the parser does beyond CommonMark, and where CommonMark would drop words."""

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block.table import escapedSplit
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token

_BAR = ord("|")
_SCHEME = re.compile(r"(?:^|[^a-z0-9.+-])https?$", re.IGNORECASE)
# Without what may be markup, or the end of a sentence, right behind it: that is text all the same.
_ADDRESS = re.compile(r"://(?:[^\s<>\"`*|\[\]\\&~]|&(?!#?\w+;))*[^\s<>\"`*|\[\]\\&~_.,;:!?)]")
# A line break, as it is written where a line of Markdown can't end: in a cell of a table.
_BREAK = re.compile(r"\s*<br\s*/?>\s*", re.IGNORECASE)


def add_rules(md: MarkdownIt) -> None:
    """Teach a parser spoilers, addresses, bold within words, deep nesting, and what people put into tables."""
    md.block.ruler.before("table", "too_deep", _too_deep)
    md.core.ruler.after("block", "spare_cells", _spare_cells)
    md.core.ruler.after("inline", "cell_breaks", _cell_breaks)
    md.inline.add_terminator_char("|")
    md.inline.add_terminator_char(":")
    md.inline.ruler.before("escape", "bare_address", _bare_address)
    md.inline.ruler.at("emphasis", _emphasis_marks)
    md.inline.ruler.before("emphasis", "spoiler", _spoiler_marks)
    md.inline.ruler2.after("emphasis", "spoiler", _spoiler_pairs)


def _too_deep(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001  the parser's signature
    """Show what lies deeper than the parser goes as plain lines; the parser itself would skip it without a word."""
    if silent or state.level < state.md.options.maxNesting - 3:
        return False
    state.push("paragraph_open", "p", 1).map = [start, end]
    inline = state.push("inline", "", 0)
    inline.content = state.getLines(start, end, state.blkIndent, False).strip()  # noqa: FBT003  keepLastLF
    inline.map, inline.children = [start, end], []
    state.push("paragraph_close", "p", -1)
    state.line = end
    return True


def _spare_cells(state: StateCore) -> None:
    """Keep the cells a row has beyond its header, in the last column; GitHub's rule would drop them."""
    lines = state.src.split("\n")
    tokens = state.tokens
    for index, token in enumerate(tokens):
        if token.type == "tr_open" and token.map and tokens[index + 1].type == "td_open":
            row = lines[token.map[0]].lstrip(" \t>").rstrip()
            cells = escapedSplit(row.removeprefix("|"))
            if cells[-1] == "":
                cells.pop()
            last = _last_cell(tokens, index)
            spare = cells[_columns(tokens, index) :]
            if spare:
                last.content = " | ".join([last.content, *(cell.strip() for cell in spare)])


def _columns(tokens: list[Token], row: int) -> int:
    count = 0
    while tokens[row].type != "tr_close":
        count += tokens[row].type == "td_open"
        row += 1
    return count


def _last_cell(tokens: list[Token], row: int) -> Token:
    while tokens[row].type != "tr_close":
        row += 1
    return tokens[row - 2]


def _cell_breaks(state: StateCore) -> None:
    """Let `<br>` in a cell end a line: anywhere else it is text, but there nothing else can."""
    tokens = state.tokens
    for index, token in enumerate(tokens):
        if token.type == "inline" and tokens[index - 1].type in ("th_open", "td_open") and token.children:
            token.children = [piece for child in token.children for piece in _broken(child)]


def _broken(token: Token) -> Iterator[Token]:
    first, *others = _BREAK.split(token.content) if token.type == "text" else [token.content]
    token.content = first
    yield token
    for other in others:
        yield Token("hardbreak", "br", 0)
        yield Token("text", "", 0, content=other)


def _bare_address(state: StateInline, silent: bool) -> bool:  # noqa: FBT001  the parser's signature
    """Take a web address as it stands: an underscore in it is no emphasis. Clients make it a link by themselves."""
    if not state.src.startswith("://", state.pos) or not _SCHEME.search(state.pending):
        return False
    found = _ADDRESS.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        state.append_pending(found[0])
    state.pos = found.end()
    return True


def _emphasis_marks(state: StateInline, silent: bool) -> bool:  # noqa: FBT001  the parser's signature
    """Note each run of stars or underscores that could begin or end emphasis.

    As the library does, but two stars may also begin or end where punctuation meets a letter, `**so:**and`. By the
    letter of CommonMark they may not, which in Chinese or Japanese, written without spaces, leaves stars in the text.
    """
    marker = state.src[state.pos]
    if silent or marker not in "_*":
        return False
    found = state.scanDelims(state.pos, marker == "*")
    before, after = _around(state, found.length)
    is_bold = marker == "*" and found.length == 2
    for _ in range(found.length):
        state.push("text", "", 0).content = marker
        mark = Delimiter(
            marker=ord(marker),
            length=found.length,
            token=len(state.tokens) - 1,
            end=-1,
            open=found.can_open or (is_bold and not after.isspace()),
            close=found.can_close or (is_bold and not before.isspace()),
        )
        state.delimiters.append(mark)
    state.pos += found.length
    return True


def _around(state: StateInline, length: int) -> tuple[str, str]:
    """The characters before and after what stands at the parser's position; a space at the ends of the text."""
    end = state.pos + length
    before = state.src[state.pos - 1] if state.pos else " "
    return before, state.src[end] if end < state.posMax else " "


def _spoiler_marks(state: StateInline, silent: bool) -> bool:  # noqa: FBT001  the parser's signature
    """Note each `||` that could open or close a spoiler; `a || b` and `a||b` in a line of code are neither."""
    if silent or not state.src.startswith("||", state.pos):
        return False
    found = state.scanDelims(state.pos, False)  # noqa: FBT003  canSplitWord
    token = state.push("text", "", 0)
    token.content = "|" * found.length
    if found.length == 2:
        mark = Delimiter(
            marker=_BAR,
            length=0,
            token=len(state.tokens) - 1,
            end=-1,
            open=found.can_open,
            close=found.can_close,
        )
        state.delimiters.append(mark)
    state.pos += found.length
    return True


def _spoiler_pairs(state: StateInline) -> None:
    """Turn the paired marks into tokens, in the line itself and inside links."""
    scopes = [state.delimiters, *(meta["delimiters"] for meta in state.tokens_meta if meta)]
    for delimiters in scopes:
        for mark in delimiters:
            if mark.marker == _BAR and mark.end != -1:
                _become(state.tokens[mark.token], "spoiler_open", 1)
                _become(state.tokens[delimiters[mark.end].token], "spoiler_close", -1)


def _become(token: Token, kind: str, nesting: int) -> None:
    token.type, token.tag, token.content, token.markup = kind, "span", "", "||"
    token.nesting = 1 if nesting > 0 else -1
    if nesting > 0:
        token.attrs = {"data-mx-spoiler": ""}
