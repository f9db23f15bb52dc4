"""One Matrix message out of Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass

from markdown_it.token import Token

from surfacehost_render.links import words
from surfacehost_render.matrix.html import accepts, to_html
from surfacehost_render.parse import Source, parse, read

_UNFORMATTED_BLOCKS = frozenset(("paragraph_open", "inline", "paragraph_close"))
_UNFORMATTED_INLINE = frozenset(("text", "softbreak", "hardbreak"))


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

    The body is the Markdown itself, as clients without HTML expect; where nothing is formatted it is the plain text
    and there is no formatted_body. Takes under a millisecond for each kilobyte: run it in a thread from some 20 kB on.
    """
    return render(read(markdown))


def render(source: Source) -> MatrixText:
    """One message out of a source, whose definitions may come from the whole it is a part of."""
    tokens = parse(source, accepts)
    if all(map(_is_unformatted, tokens)):
        paragraphs = [words(token.children or []) for token in tokens if token.type == "inline"]
        return MatrixText(body="\n\n".join(paragraphs) or source.text.strip())
    return MatrixText(body=source.text.strip("\n"), formatted_body=to_html(tokens))


def _is_unformatted(token: Token) -> bool:
    inside: Sequence[Token] = token.children or ()
    return token.type in _UNFORMATTED_BLOCKS and all(child.type in _UNFORMATTED_INLINE for child in inside)
