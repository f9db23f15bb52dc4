"""Text that grows together with its formatting, so that the formatting is well-formed at every moment."""

from dataclasses import dataclass, field

from surfacehost_render.clean import scrub


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One stretch of formatting, counted in characters (a splitter turns these into UTF-16 units)."""

    type: str
    start: int
    end: int
    url: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """A whole answer: its text, its formatting in order, and where its blocks begin (the best places to cut)."""

    text: str
    spans: tuple[Span, ...]
    breaks: tuple[int, ...]


@dataclass(slots=True)
class _Open:
    """Formatting that has begun; `start` stays None until something visible follows."""

    type: str
    url: str | None
    redundant: bool
    start: int | None = None


@dataclass(slots=True)
class Writer:
    """Collects text, and the formatting opened and closed around it.

    Telegram's rules hold by construction: nothing is formatted twice in the same way, and code lies inside nothing
    but a quote (bold text with code in it becomes bold, code, bold).
    """

    lists: list[int | None] = field(default_factory=list)
    glued: bool = False
    _parts: list[str] = field(default_factory=list)
    _position: int = 0
    _line_ends: int = 0
    _wanted_line_ends: int = 0
    _at_block: bool = False
    _heading_before: bool = False
    _open: list[_Open] = field(default_factory=list)
    _spans: list[Span] = field(default_factory=list)
    _breaks: list[int] = field(default_factory=list)

    def block(self) -> None:
        """Begin a block: on a line of its own in a list, after an empty line elsewhere."""
        if self.glued:
            self.glued = False
            return
        self._begin()
        self.write("  " * len(self.lists))

    def item(self, mark: str) -> None:
        """Begin a list item: the first block in it stands on the mark's own line."""
        self._begin()
        self.write("  " * (len(self.lists) - 1) + mark + " ")
        self.glued = True

    def code_block(self, content: str, language: str | None) -> None:
        """Append a block of code, always on lines of its own."""
        self._begin()
        self.code("pre", content, language or None)

    def lines(self, count: int) -> None:
        """See to it that what is written next comes after at least so many line ends."""
        self.glued = False
        self._wanted_line_ends = max(self._wanted_line_ends, count)

    def keep_with_next(self) -> None:
        """Let no cut fall between this block and the next."""
        self._heading_before = True

    def write(self, content: str) -> None:
        """Append text inside all that is open."""
        content = scrub(content).replace("\t", " ")  # Telegram turns a tab into a space
        if not content:
            return
        if self._position:
            self._append("\n" * (self._wanted_line_ends - self._line_ends))
        self._wanted_line_ends = 0
        if self._at_block:
            self._breaks.append(self._position)
            self._at_block = False
        for opened in self._open:
            if opened.start is None:
                opened.start = self._position
        self._append(content)

    def code(self, kind: str, content: str, language: str | None = None) -> None:
        """Append code, interrupting the bold and italic around it; inside a link it is plain text."""
        if any(opened.type == "text_link" for opened in self._open):
            self.write(content)
            return
        for opened in self._open:
            if opened.type != "blockquote":
                self._end(opened)
        quotes = [opened for opened in self._open if opened.type == "blockquote"]
        outer, self._open = self._open, quotes
        self.open(kind)
        self.write(content.expandtabs(4))
        self.close(language)
        self._open = outer

    def open(self, kind: str, url: str | None = None) -> None:
        """Begin formatting."""
        redundant = any(opened.type == kind for opened in self._open)
        self._open.append(_Open(kind, url, redundant))

    def close(self, language: str | None = None) -> None:
        """End the formatting opened last."""
        self._end(self._open.pop(), language)

    def composed(self) -> Composed:
        """All that was written."""
        # a quote may hold code that fills it: the outer one comes first
        spans = sorted(self._spans, key=lambda span: (span.start, -span.end, span.type != "blockquote"))
        return Composed(text="".join(self._parts), spans=tuple(spans), breaks=tuple(self._breaks))

    def _begin(self) -> None:
        self.lines(1 if self.lists else 2)
        self._at_block = not self._heading_before
        self._heading_before = False

    def _end(self, opened: _Open, language: str | None = None) -> None:
        if opened.start is not None and not opened.redundant:
            span = Span(type=opened.type, start=opened.start, end=self._position, url=opened.url, language=language)
            self._spans.append(span)
        opened.start = None

    def _append(self, content: str) -> None:
        if not content:
            return
        self._parts.append(content)
        self._position += len(content)
        bare = content.rstrip("\n")
        self._line_ends = len(content) - len(bare) + (0 if bare else self._line_ends)
