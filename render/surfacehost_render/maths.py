"""What is maths and what is a price, a shell variable or a bracket: Markdown itself says nothing about it."""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from mdit_py_plugins.dollarmath import dollarmath_plugin

# "$5 in the shop, 4$ online": an amount, then words. Maths has an operator, a brace or a backslash somewhere.
_AMOUNT = re.compile(r"\d[\d.,]*[^\\^_=+*<>{}]*\s[^\\^_=+*<>{}]*")
_CLOSING = {"\\(": "\\)", "\\[": "\\]"}
# What no sentence in brackets has, or nothing but short names, as in "n" and "f(x, y)".
_FORMULA = re.compile(r"[\\^_=+<>{}|/]|^(?!.*[^\W\d_]{3})", re.DOTALL)


def add_maths(md: MarkdownIt) -> None:
    r"""Teach a parser `$a$`, `$$a$$`, `\(a\)` and `\[a\]`, within a line and on lines of their own."""
    # Labels and blank lines inside maths stay off: an unclosed $$ would swallow the paragraphs after it.
    dollarmath_plugin(
        md,
        allow_space=False,
        allow_digits=False,
        allow_labels=False,
        allow_blank_lines=False,
        double_inline=True,
    )
    md.inline.ruler.before("math_inline", "plain_dollar", _plain_dollar)
    md.inline.ruler.before("escape", "maths_brackets", _brackets)
    md.block.ruler.before("fence", "maths_brackets", _bracketed_lines, {"alt": ["paragraph", "reference", "list"]})


def _brackets(state: StateInline, silent: bool) -> bool:  # noqa: FBT001  the parser's signature
    """Take what stands between escaped brackets for maths if it looks like it: LaTeX's own way to mark it."""
    opening = state.src[state.pos : state.pos + 2]
    if opening not in _CLOSING:
        return False
    end = state.src.find(_CLOSING[opening], state.pos + 2, state.posMax)
    content = state.src[state.pos + 2 : end]
    if end == -1 or not _is_formula(content, opening):
        return False
    if not silent:
        kind = "math_inline" if opening == "\\(" else "math_inline_double"
        token = state.push(kind, "math", 0)
        token.content, token.markup = content, opening
    state.pos = end + 2
    return True


def _bracketed_lines(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001  as above
    r"""The same for `\[` and `\]` around whole lines; no blank line lies between them."""
    if not _line(state, start).startswith("\\["):
        return False
    last = start
    while not _line(state, last).endswith("\\]"):
        last += 1
        if last >= end or state.isEmpty(last) or state.sCount[last] < state.blkIndent:
            return False
    lines = state.getLines(start, last + 1, state.blkIndent, False)  # noqa: FBT003  keepLastLF
    content = lines.strip().removeprefix("\\[").removesuffix("\\]")
    if "\\]" in content or not _is_formula(content, "\\["):
        return False
    if not silent:
        token = state.push("math_block", "math", 0)
        token.block, token.content, token.markup, token.map = True, content, "\\[", [start, last + 1]
        state.line = last + 1
    return True


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]].rstrip()


def _is_formula(content: str, opening: str) -> bool:
    if opening == "\\[" and not re.search(r"[\\^_=+<>{}]", content):
        return False  # "\\[a\\](b)" is a link that shall not be one
    return bool(content.strip() and _FORMULA.search(content))


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
