"""From the parser's tokens to the HTML Matrix clients accept."""

from collections.abc import Sequence
from functools import cache

import nh3
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from surfacehost_render.clean import scrub
from surfacehost_render.parse import parser

# Client-Server API, m.room.message msgtypes: "the following HTML tags … are permitted".
TAGS = frozenset(
    (  # noqa: SIM905  forty lines of one tag each would hide what this is
        "del h1 h2 h3 h4 h5 h6 blockquote p a ul ol sup sub li b i u strong em s code hr br div table thead tbody"
        " tr th td caption pre span img details summary"
    ).split()
)
ATTRIBUTES = {
    "*": frozenset[str](),  # without this line nh3 lets title and lang pass on every tag
    "a": frozenset(("href",)),
    "code": frozenset(("class",)),
    "div": frozenset(("data-mx-maths",)),
    "ol": frozenset(("start",)),
    "span": frozenset(("data-mx-maths", "data-mx-spoiler")),
}
SCHEMES = frozenset(("https", "http", "ftp", "mailto", "magnet"))


def accepts(url: str) -> bool:
    """Whether Matrix clients take the address as a link: the cleaner itself is asked, so that both always agree."""
    return " href=" in _cleaner().clean(f'<a href="{escapeHtml(url)}">x</a>')


def to_html(tokens: Sequence[Token]) -> str:
    """The tokens as HTML of the permitted tags and attributes only, cleaned once more for safety."""
    html = _renderer().render(tokens, parser().options, {})
    return _cleaner().clean(scrub(html)).strip()


@cache
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(tags=TAGS, attributes=ATTRIBUTES, url_schemes=SCHEMES, url_relative="deny", link_rel=None)


@cache
def _renderer() -> RendererHTML:
    return _MatrixRenderer()


class _MatrixRenderer(RendererHTML):
    """The library's renderer with Matrix's ways for maths, task boxes and struck text.

    A method whose name is a token's type renders that token: the library finds them by name.
    """

    def math_inline(self, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType) -> str:
        """Maths in a line; the code inside is for clients that cannot typeset it."""
        source = escapeHtml(tokens[index].content.strip())
        return f'<span data-mx-maths="{source}"><code>{source}</code></span>'

    math_inline_double = math_inline  # a div, which would say "display", may not stand inside a paragraph

    def math_block(self, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType) -> str:
        """Maths on lines of its own."""
        source = escapeHtml(tokens[index].content.strip())
        return f'<div data-mx-maths="{source}"><pre><code>{source}</code></pre></div>\n'

    def list_item_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        """A list item; its task box is a character, since Matrix knows no input fields."""
        box = _task_box(tokens[index]) if not _shows_paragraph(tokens[index + 1]) else ""
        return self.renderToken(tokens, index, options, env) + box

    def paragraph_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        """A paragraph; the first one of a task holds the task's box."""
        box = _task_box(tokens[index - 1]) if index and _shows_paragraph(tokens[index]) else ""
        return self.renderToken(tokens, index, options, env) + box

    def s_open(self, *_: object) -> str:
        """Struck text as `del`, which older clients know as well."""
        return "<del>"

    def s_close(self, *_: object) -> str:
        """The end of struck text."""
        return "</del>"


def _shows_paragraph(token: Token) -> bool:
    return token.type == "paragraph_open" and not token.hidden


def _task_box(token: Token) -> str:
    if token.type != "list_item_open" or "checked" not in token.meta:
        return ""
    return "☑ " if token.meta["checked"] else "☐ "
