"""One Matrix message out of Markdown."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markdown_it.token import Token

from surfacehost_render.links import words
from surfacehost_render.matrix.html import accepts, to_html
from surfacehost_render.parse import Source, parse, read

_UNFORMATTED_BLOCKS = frozenset(("paragraph_open", "inline", "paragraph_close"))
_UNFORMATTED_INLINE = frozenset(("text", "softbreak", "hardbreak"))
_CODE = frozenset(("fence", "code_block", "code_inline"))
_REFERENCE = re.compile(r"&#(3[3-9]|[4-9]\d|1[01]\d|12[0-6]);")
"""A character reference to ASCII punctuation, which keeps Markdown from reading it as its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixText:
    """The two texts of an m.room.message; without formatted_body the message is plain (leave out format too)."""

    body: str
    formatted_body: str | None = None

    @property
    def size(self) -> int:
        """UTF-8 bytes of both texts together, before JSON and encryption."""
        return len(self.body.encode()) + len((self.formatted_body or "").encode())


def matrix(markdown: str) -> MatrixText:
    """The Markdown as one message, however long; see `matrix_parts` for answers that may not fit into an event.

    The body is the Markdown itself, as clients without HTML expect, but for references to punctuation, which nobody can
    read; where nothing is formatted it is the plain text and there is no formatted_body. Takes under a millisecond for
    each kilobyte: run it in a thread from some 20 kB on.
    """
    return render(read(markdown))


def render(source: Source) -> MatrixText:
    """One message out of a source, whose definitions may come from the whole it is a part of."""
    tokens = parse(source, accepts)
    if all(map(_is_unformatted, tokens)):
        paragraphs = [words(token.children or []) for token in tokens if token.type == "inline"]
        return MatrixText(body="\n\n".join(paragraphs) or source.text.strip())
    return MatrixText(body=_readable(source.text.strip("\n"), tokens), formatted_body=to_html(tokens))


def _readable(markdown: str, tokens: Sequence[Token]) -> str:
    """*markdown* with the punctuation that references stand for, unless code is about references."""
    if "&#" not in markdown:
        return markdown
    inside = (child for token in tokens for child in (token, *(token.children or ())))
    if any("&#" in token.content for token in inside if token.type in _CODE):
        return markdown
    return _REFERENCE.sub(lambda found: chr(int(found[1])), markdown)


def _is_unformatted(token: Token) -> bool:
    inside: Sequence[Token] = token.children or ()
    return token.type in _UNFORMATTED_BLOCKS and all(child.type in _UNFORMATTED_INLINE for child in inside)
