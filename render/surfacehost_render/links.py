"""Links a surface takes stay links; every other one, and every image, is shown so that its address is not lost."""

from collections.abc import Callable, Iterable, Iterator

from markdown_it.common.normalize_url import normalizeLinkText
from markdown_it.token import Token

# Sixty kinds of emphasis inside each other are noise; Matrix clients stop at 100 levels of HTML, blocks included.
_DEEPEST_INLINE = 50


def settle(children: Iterable[Token], accepts: Callable[[str], bool]) -> Iterator[Token]:
    """One line's tokens with only accepted links in them: images become links, refused links `text (url)`."""
    tokens = iter(children)
    for token in tokens:
        if token.type == "link_open":
            yield from _link(token, list(_body(tokens)), accepts)
        elif token.type == "image":
            opening = Token("link_open", "a", 1, attrs={"href": str(token.attrGet("src") or "")})
            yield from _link(opening, [text(words(token.children or []))], accepts)
        else:
            yield token


def shallow(children: Iterable[Token]) -> Iterator[Token]:
    """The tokens without the emphasis that lies deeper than anybody could show."""
    depth = 0
    for token in children:
        depth += token.nesting == 1
        if token.nesting == 0 or depth <= _DEEPEST_INLINE:
            yield token
        depth -= token.nesting == -1


def text(content: str) -> Token:
    """A token of plain text."""
    return Token("text", "", 0, content=content)


def words(children: Iterable[Token]) -> str:
    """What a reader sees of the tokens, without any formatting."""
    parts = []
    for token in children:
        if token.type == "image":
            parts.append(words(token.children or []) or _readable(str(token.attrGet("src") or "")))
        else:
            parts.append("\n" if token.type.endswith("break") else token.content)
    return "".join(parts)


def _body(tokens: Iterator[Token]) -> Iterator[Token]:
    """What stands inside a link that has just begun, up to its end.

    An image in it (a badge, mostly) can only be its words, and so can an autolink: the parser nests these.
    """
    depth = 1
    for token in tokens:
        depth += {"link_open": 1, "link_close": -1}.get(token.type, 0)
        if depth == 0:
            return
        if token.type == "image":
            yield text(words([token]))
        elif not token.type.startswith("link_"):
            yield token


def _link(opening: Token, body: list[Token], accepts: Callable[[str], bool]) -> Iterator[Token]:
    href = str(opening.attrGet("href") or "")
    shown = words(body).strip()
    if not shown:
        body = [text(_readable(href))]
    if accepts(href):
        yield Token("link_open", "a", 1, attrs={"href": href})
        yield from body
        yield Token("link_close", "a", -1)
    elif opening.markup == "autolink" and not href.startswith(("mailto:", "http:", "https:")):
        # `map<str:int>` is an autolink by the letter of CommonMark; whoever writes it means the brackets
        yield from (text("<"), *body, text(">"))
    else:
        yield from body
        if shown and href and shown not in _spellings(href):
            yield text(f" ({_readable(href)})")


def _spellings(href: str) -> tuple[str, ...]:
    return href, _readable(href), href.removeprefix("mailto:"), href.removeprefix("tel:")


def _readable(href: str) -> str:
    """The address as a person writes it; a picture inside the address itself (`data:`) is cut to its kind."""
    if href.startswith("data:"):
        return href.partition(",")[0] + ",…"
    return normalizeLinkText(href)
