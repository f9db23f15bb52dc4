"""The one parser: every surface reads its Markdown from here."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from surfacehost_render.clean import clean
from surfacehost_render.links import settle, shallow
from surfacehost_render.links import text as text_token
from surfacehost_render.maths import add_maths
from surfacehost_render.rules import add_rules

_OPTIONS = {"html": False, "breaks": True, "tasklists": True, "store_labels": True, "maxNesting": 40}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Markdown made safe to parse, with the link definitions found in it (`[1]: https://…`)."""

    text: str
    definitions: Mapping[str, Any] = field(default_factory=dict)


class _Parser(MarkdownIt):
    """markdown-it that leaves the judgement of links to the surface that shows them."""

    def validateLink(self, url: str) -> bool:  # noqa: N802, ARG002  overrides a name of the library
        return True


@cache
def parser() -> MarkdownIt:
    """The parser: CommonMark, tables, strikethrough, task boxes, maths, spoilers; HTML is text."""
    md = _Parser("commonmark", _OPTIONS).enable(["table", "strikethrough"])
    add_maths(md)
    add_rules(md)
    return md


def read(markdown: str) -> Source:
    """Clean the text, and make link definitions nobody refers to visible: they would vanish with their words."""
    text = clean(markdown)
    if "]:" not in text:
        return Source(text=text)
    env: dict[str, Any] = {}
    used = set(_labels(parser().parse(text, env)))
    definitions = env.get("references", {})
    unused = [entry for label, entry in definitions.items() if label not in used]
    unused += env.get("duplicate_refs", [])
    if not unused:
        return Source(text=text, definitions=definitions)
    text, env = _with_escaped(text, unused), {}
    parser().parse(text, env)
    return Source(text=text, definitions=env.get("references", {}))


def parse(source: Source, accepts: Callable[[str], bool]) -> list[Token]:
    """The tokens of a source, its links settled for a surface that accepts some addresses (see `links.settle`)."""
    tokens = parser().parse(source.text, {"references": dict(source.definitions)})
    for token in tokens:
        if token.children:
            token.children = list(shallow(settle(token.children, accepts)))
    return list(_captioned(tokens))


def code_info(info: str) -> tuple[str, str]:
    """A code block's language and its caption (a file name, mostly), out of what follows the fence."""
    name, _, caption = info.strip().partition(" ")
    if found := re.fullmatch(r"(\w+):([\w./-]+\.\w+)", name):  # "py:app.py"
        name, caption = found[1], f"{found[2]} {caption}"
    if re.fullmatch(r"[\w+#.-]{1,32}", name):
        return name, caption.strip()
    return "", info.strip()


def _captioned(tokens: list[Token]) -> Iterator[Token]:
    """The tokens with each code block's caption as a paragraph before it, so that it is seen."""
    for token in tokens:
        if token.type == "fence":
            token.info, caption = code_info(token.info)
            if caption:
                yield Token("paragraph_open", "p", 1, block=True)
                yield Token("inline", "", 0, children=[text_token(caption)])
                yield Token("paragraph_close", "p", -1, block=True)
        yield token


def _with_escaped(text: str, definitions: list[dict[str, Any]]) -> str:
    """The text with some of its link definitions escaped, and so turned into paragraphs."""
    lines = text.split("\n")
    for entry in definitions:
        start, end = entry["map"]
        lines[start] = lines[start].replace("[", "\\[", 1)
        if end < len(lines) and lines[end].lstrip(" >").startswith("["):
            lines[end - 1] += "\n"  # a definition that is used may follow: it cannot stand inside a paragraph
    return "\n".join(lines)


def _labels(tokens: list[Token]) -> list[str]:
    found = []
    for token in tokens:
        if "label" in token.meta:
            found.append(str(token.meta["label"]))
        found += _labels(token.children or [])
    return found
