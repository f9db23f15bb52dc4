"""Markdown as plain text, for where nothing can be formatted."""

from surfacehost_render.parse import parse, read
from surfacehost_render.telegram.walk import compose


def plain(markdown: str) -> str:
    """The text a reader of the Markdown would see, with the address of every link after its words."""
    return compose(parse(read(markdown), lambda _url: False)).text.strip("\n")
