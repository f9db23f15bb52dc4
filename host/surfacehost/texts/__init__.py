"""What people read, in their language. A catalogue is a TOML file; every one has the same keys (a test sees to it)."""

import re
import tomllib
from functools import cache
from importlib.resources import files

LANGUAGES = ("en", "ru")

_MARKUP = re.compile(r"[\\`*\[\]<>~|$]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)")
"""What Markdown may take for its own in a line; an underscore between letters it does not."""


def language_of(locale: str, default: str = "auto") -> str:
    """The catalogue for a person whose platform says *locale*; without a word from it, the host's own *default*."""
    for wanted in (locale, default):
        if (short := wanted.replace("_", "-").split("-")[0].lower()) in LANGUAGES:
            return short
    return LANGUAGES[0]


def say(language: str, key: str, **values: object) -> str:
    """The sentence *key* in *language* with *values* filled in."""
    return _catalogue(language)[key].format(**values)


def literal(words: str) -> str:
    """*words* that people chose, a file's name say, as Markdown that shows them to the letter.

    By character references, the one way that nothing takes for something else: an escaped bracket begins a formula.
    """
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", words)


@cache
def _catalogue(language: str) -> dict[str, str]:
    text = files(__package__).joinpath(f"{language}.toml").read_text("utf-8")
    catalogue: dict[str, str] = tomllib.loads(text)
    return catalogue
