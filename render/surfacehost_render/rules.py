"""What the parser does beyond CommonMark, and where CommonMark would drop words."""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block.table import escapedSplit
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token

_BAR = ord("|")
# "$5 in the shop, 4$ online": an amount, then words. Maths has an operator, a brace or a backslash somewhere.
_AMOUNT = re.compile(r"\d[\d.,]*[^\\^_=+*<>{}]*\s[^\\^_=+*<>{}]*")


def add_rules(md: MarkdownIt) -> None:
    """Teach a parser spoilers, prices, deep nesting and table rows with too many cells."""
    md.block.ruler.before("table", "too_deep", _too_deep)
    md.core.ruler.after("block", "spare_cells", _spare_cells)
    md.inline.add_terminator_char("|")
    md.inline.ruler.before("math_inline", "plain_dollar", _plain_dollar)
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


def _plain_dollar(state: StateInline, silent: bool) -> bool:  # noqa: FBT001  the parser's signature
    """Take a dollar sign as it stands where maths is unlikely: in prices and in shell variables."""
    if state.src[state.pos] != "$":
        return False
    mark = "$$" if state.src.startswith("$$", state.pos) else "$"
    start = state.pos + len(mark)
    end = state.src.find(mark, start, state.posMax)
    if end == -1 or _is_maths(state.src, state.pos, end, mark):
        return False
    if not silent:
        state.append_pending(mark)
    state.pos = start
    return True


def _is_maths(source: str, opening: int, closing: int, mark: str) -> bool:
    before = source[opening - 1] if opening else " "
    after = source[closing + len(mark)] if closing + len(mark) < len(source) else " "
    if before.isalnum() or after.isalnum() or after == "_":
        return False
    return mark == "$$" or not _AMOUNT.fullmatch(source, opening + 1, closing)


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
