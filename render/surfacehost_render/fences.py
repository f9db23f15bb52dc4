"""Code blocks an unfinished or cut text leaves open."""

import re

from surfacehost_render.clean import clean
from surfacehost_render.parse import parser


def close_open_fences(markdown: str) -> str:
    """The text with its last code block closed if it is open, for showing an answer that still grows."""
    closing = _closing_line(markdown)
    if closing is None:
        return markdown
    return markdown + ("" if markdown.endswith("\n") else "\n") + closing


def _closing_line(markdown: str) -> str | None:
    """The line that closes the code block the text ends in, if it ends in one."""
    if "```" not in markdown and "~~~" not in markdown:
        return None
    text = clean(markdown)
    fences = [token for token in parser().parse(text) if token.type == "fence" and token.map]
    if not fences:
        return None
    last, lines = fences[-1], text.split("\n")
    start, end = last.map or (0, 0)
    inside = last.content.removesuffix("\n")
    # The parser ends an open fence at the last line and says no word about it: what tells is the missing line.
    if end - start > 1 + (inside.count("\n") + 1 if last.content else 0) or any(
        line.strip(" >\t") for line in lines[end:]
    ):
        return None
    before = lines[start].partition(last.markup)[0]
    return re.sub(r"[^>\s]", " ", before) + last.markup
