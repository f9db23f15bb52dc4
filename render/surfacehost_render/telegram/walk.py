"""From the parser's tokens to text with formatting: one small function for each kind of token."""

from collections.abc import Callable, Iterable, Iterator

from markdown_it.token import Token

from surfacehost_render.links import text, words
from surfacehost_render.telegram.formula import by_hand
from surfacehost_render.telegram.tables import layout
from surfacehost_render.telegram.writer import Composed, Writer

_Step = Callable[[Writer, Token, Iterator[Token]], None]


def compose(tokens: Iterable[Token]) -> Composed:
    """The text of an answer and its formatting, not yet cut into messages."""
    writer = Writer()
    _walk(writer, tokens)
    return writer.composed()


def _walk(writer: Writer, tokens: Iterable[Token]) -> None:
    rest = iter(tokens)
    for token in rest:
        _STEPS.get(token.type, _other)(writer, token, rest)


def _other(writer: Writer, token: Token, _rest: Iterator[Token]) -> None:
    """Whatever has no step of its own: its text, if it has any, must not be lost."""
    writer.write(token.content)


def _inline(writer: Writer, token: Token, _rest: Iterator[Token]) -> None:
    _walk(writer, token.children or [])


# Blocks


def _paragraph(writer: Writer, _token: Token, _rest: Iterator[Token]) -> None:
    writer.block()


def _heading_open(writer: Writer, _token: Token, _rest: Iterator[Token]) -> None:
    writer.block()
    writer.open("bold")


def _heading_close(writer: Writer, _token: Token, _rest: Iterator[Token]) -> None:
    writer.close()
    writer.keep_with_next()


def _code_block(writer: Writer, token: Token, _rest: Iterator[Token]) -> None:
    writer.code_block(token.content.strip("\n"), token.info)


def _maths_block(writer: Writer, token: Token, _rest: Iterator[Token]) -> None:
    source = token.content.strip()
    formula = by_hand(source)
    writer.code_block(source if formula is None else formula, "latex" if formula is None else "")


def _rule(writer: Writer, _token: Token, _rest: Iterator[Token]) -> None:
    writer.block()
    writer.write("———")


def _quote_open(writer: Writer, _token: Token, _rest: Iterator[Token]) -> None:
    writer.lines(1 if writer.lists else 2)
    writer.open("blockquote")


def _quote_close(writer: Writer, _token: Token, _rest: Iterator[Token]) -> None:
    writer.close()
    writer.lines(1 if writer.lists else 2)


# Lists


def _list_open(writer: Writer, token: Token, _rest: Iterator[Token]) -> None:
    writer.lines(1 if writer.lists else 2)
    ordered = token.type == "ordered_list_open"
    start = token.attrGet("start")
    writer.lists.append(int(1 if start is None else start) if ordered else None)


def _list_close(writer: Writer, _token: Token, _rest: Iterator[Token]) -> None:
    writer.lists.pop()
    writer.lines(1 if writer.lists else 2)


def _item_open(writer: Writer, token: Token, _rest: Iterator[Token]) -> None:
    number = writer.lists[-1]
    mark = "•"
    if number is not None:
        writer.lists[-1] = number + 1
        mark = f"{number}{token.markup}"
    if "checked" in token.meta:
        box = "☑" if token.meta["checked"] else "☐"
        mark = box if number is None else f"{mark} {box}"
    writer.item(mark)


def _item_close(writer: Writer, _token: Token, _rest: Iterator[Token]) -> None:
    writer.lines(1)


# Tables


def _table(writer: Writer, _token: Token, rest: Iterator[Token]) -> None:
    """Aligned lines if a phone can show them and they lose nothing by it, else one record for each row."""
    rows, alignments = _read_table(rest)
    does_not_fit = any(token.type in ("link_open", "hardbreak") for row in rows for cell in row for token in cell)
    plain = [[words(cell) for cell in row] for row in rows]
    aligned = None if does_not_fit else layout(plain, alignments)
    if aligned is not None:
        writer.code_block(aligned, "")
    else:
        _records(writer, rows)


def _read_table(rest: Iterator[Token]) -> tuple[list[list[list[Token]]], list[str]]:
    """The cells of a table, each as its inline tokens, and how its columns are aligned."""
    rows: list[list[list[Token]]] = []
    alignments: list[str] = []
    for token in rest:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "th_open":
            alignments.append(str(token.attrGet("style") or "").removeprefix("text-align:"))
        elif token.type == "inline":
            rows[-1].append(token.children or [])
        elif token.type == "table_close":
            break
    return rows, alignments


def _records(writer: Writer, rows: list[list[list[Token]]]) -> None:
    """Each row as a bold first cell, then one line for each further cell with its column's name before it."""
    names, body = rows[0], rows[1:]
    if not body:
        names, body = [[] for _ in names], [names]
    for row in body:
        writer.block()
        writer.open("bold")
        _field(writer, names[0], row[0])
        writer.close()
        for name, cell in zip(names[1:], row[1:], strict=True):
            writer.lines(1)
            _field(writer, name, cell)


def _field(writer: Writer, name: list[Token], cell: list[Token]) -> None:
    if words(name).strip():
        _walk(writer, name)
        writer.write(": ")
        cell = cell or [text("—")]
    _walk(writer, cell)


# Inside a line


def _line_end(writer: Writer, _token: Token, _rest: Iterator[Token]) -> None:
    writer.write("\n" + "  " * len(writer.lists))


def _code(writer: Writer, token: Token, _rest: Iterator[Token]) -> None:
    writer.code("code", token.content)


def _maths(writer: Writer, token: Token, _rest: Iterator[Token]) -> None:
    source = token.content.strip()
    writer.code("code", by_hand(source) or source)


def _open(kind: str) -> _Step:
    def step(writer: Writer, token: Token, _rest: Iterator[Token]) -> None:
        href = token.attrGet("href")
        writer.open(kind, None if href is None else str(href))

    return step


def _close(writer: Writer, _token: Token, _rest: Iterator[Token]) -> None:
    writer.close()


_STEPS: dict[str, _Step] = {
    "inline": _inline,
    "paragraph_open": _paragraph,
    "heading_open": _heading_open,
    "heading_close": _heading_close,
    "fence": _code_block,
    "code_block": _code_block,
    "math_block": _maths_block,
    "hr": _rule,
    "blockquote_open": _quote_open,
    "blockquote_close": _quote_close,
    "bullet_list_open": _list_open,
    "ordered_list_open": _list_open,
    "bullet_list_close": _list_close,
    "ordered_list_close": _list_close,
    "list_item_open": _item_open,
    "list_item_close": _item_close,
    "table_open": _table,
    "softbreak": _line_end,
    "hardbreak": _line_end,
    "code_inline": _code,
    "math_inline": _maths,
    "math_inline_double": _maths,
    "strong_open": _open("bold"),
    "em_open": _open("italic"),
    "s_open": _open("strikethrough"),
    "spoiler_open": _open("spoiler"),
    "link_open": _open("text_link"),
    "strong_close": _close,
    "em_close": _close,
    "s_close": _close,
    "spoiler_close": _close,
    "link_close": _close,
}
