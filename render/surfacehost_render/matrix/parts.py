"""An answer as several Matrix messages, none larger than an event may be."""

from collections.abc import Callable, Iterator

from surfacehost_render.clean import is_visible
from surfacehost_render.matrix.cut import Cutter, Piece
from surfacehost_render.matrix.message import MatrixText, render
from surfacehost_render.parse import Source, read

_SMALLEST = 500

Measure = Callable[[str, str | None], int]
"""What a body and a formatted_body take; never less than their UTF-8 bytes."""


def matrix_parts(markdown: str, *, max_bytes: int = 20_000, measure: Measure | None = None) -> list[MatrixText]:
    """The messages that show the Markdown, in order; none if there is nothing to see.

    `max_bytes` (at least 500) bounds what `measure` says of each; without it the UTF-8 bytes of body and
    formatted_body together. An event may have 65,536 bytes after JSON and encryption (Client-Server API, size limits),
    and an edit carries its text twice: by UTF-8 bytes 20,000 is safe for a message, 10,000 for an edit. Cuts fall
    between blocks; a block of code cut in two is closed and opened again with its language, a table repeats its
    header. Run it in a thread from some 20 kB on.
    """
    if max_bytes < _SMALLEST:
        raise ValueError(f"max_bytes must be at least {_SMALLEST}")
    source = read(markdown)
    if not is_visible(source.text):
        return []

    def size(part: MatrixText) -> int:
        return measure(part.body, part.formatted_body) if measure else part.size

    whole = render(source)
    if size(whole) <= max_bytes:
        return [whole]

    def rendered(text: str) -> MatrixText:
        return render(Source(text=text, definitions=source.definitions))

    def fitting(pieces: list[Piece]) -> Iterator[MatrixText]:
        message = rendered("".join(piece.text for piece in pieces))
        if size(message) <= max_bytes or len(pieces) == 1:
            yield message
        else:  # rare: neighbours can take more room together, as items of one list whose lines stand apart
            middle = len(pieces) // 2
            yield from fitting(pieces[:middle])
            yield from fitting(pieces[middle:])

    cutter = Cutter(measure=lambda text: size(rendered(text)), max_size=max_bytes)
    packs = _packed(cutter.divide(source.text), max_bytes)
    return [message for pack in packs for message in fitting(pack) if is_visible(message.body)]


def _packed(pieces: Iterator[Piece], max_bytes: int) -> Iterator[list[Piece]]:
    """Neighbouring pieces together, as many as one message holds."""
    pack: list[Piece] = []
    room = max_bytes
    for piece in pieces:
        if pack and piece.size > room:
            yield pack
            pack, room = [], max_bytes
        pack.append(piece)
        room -= piece.size
    if pack:
        yield pack
