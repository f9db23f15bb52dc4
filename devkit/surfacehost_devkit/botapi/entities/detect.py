"""Mentions, commands, tags and addresses the server sees in a text by itself.

The rules for mentions, commands and hashtags are TDLib's; addresses are found by a simpler rule that agrees
with it on ordinary ones (a scheme, or one of the common top-level domains below).
"""

import re
import unicodedata
from collections.abc import Iterator

from surfacehost_devkit.botapi.entities.entity import Entity, in_order, units

_MENTION = re.compile(r"@([A-Za-z0-9_]{2,32})(?![A-Za-z0-9_])")
_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,64})(?![A-Za-z0-9_])(?:@[A-Za-z0-9_]{3,32}(?![A-Za-z0-9_]))?")
_HASHTAG = re.compile(r"#([\w\u200c\u00b7]{1,256})(?:@[A-Za-z0-9_]{3,32})?")
_CASHTAG = re.compile(r"\$(?:1[A-Z]{2,5}INCH|[A-Z]{1,8})(?![A-Za-z0-9_$])")
_EMAIL = re.compile(r"[A-Za-z0-9_.+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}")
_URL = re.compile(
    r"(?:(?P<scheme>https?|ftp)://)?(?:[\w~-]+\.)+(?P<tld>\w{2,})(?::\d{1,5})?(?:[/?#][^\s<>\"«»]*)?", re.IGNORECASE
)
_COMMON_TLD = re.compile(r"com|org|net|io|dev|app|me|ai|ru|de|uk|fr|eu|info|biz|co|tv|gg|xyz|edu|gov|рф", re.IGNORECASE)
_TAIL = ".:;,('?!`)]}"


def found_in(text: str, *, commands: bool) -> list[Entity]:
    """Find them all; `commands` is off where the server does not look for commands (a bot's private message)."""
    spans = [
        *_mentions(text),
        *(_commands(text) if commands else ()),
        *_hashtags(text),
        *(("cashtag", hit.start(), hit.end()) for hit in _CASHTAG.finditer(text) if not _word(text, hit.start() - 1)),
        *(("email", hit.start(), hit.end()) for hit in _EMAIL.finditer(text)),
        *_urls(text),
    ]
    return in_order(
        Entity(type=kind, offset=units(text[:begin]), length=units(text[begin:end])) for kind, begin, end in spans
    )


def _word(text: str, at: int) -> bool:
    if not 0 <= at < len(text):
        return False
    return text[at] == "_" or unicodedata.category(text[at])[0] in "LN"


def _mentions(text: str) -> Iterator[tuple[str, int, int]]:
    for hit in _MENTION.finditer(text):
        if not _word(text, hit.start() - 1) and not _word(text, hit.end()) and len(hit.group(1)) >= 4:
            yield "mention", hit.start(), hit.end()


def _commands(text: str) -> Iterator[tuple[str, int, int]]:
    for hit in _COMMAND.finditer(text):
        before, after = text[: hit.start()][-1:], text[hit.end() :][:1]
        fenced = (before and before in "/<>") or (after and after in "/<>@")
        if not fenced and not _word(text, hit.start() - 1) and not _word(text, hit.end()):
            yield "bot_command", hit.start(), hit.end()


def _hashtags(text: str) -> Iterator[tuple[str, int, int]]:
    for hit in _HASHTAG.finditer(text):
        lettered = any(sign.isalpha() for sign in hit.group(1))
        if lettered and not _word(text, hit.start() - 1) and text[hit.end() :][:1] != "#":
            yield "hashtag", hit.start(), hit.end()


def _urls(text: str) -> Iterator[tuple[str, int, int]]:
    for hit in _URL.finditer(text):
        before = text[: hit.start()][-1:]
        if before in {"@", "/", "#"} or _word(text, hit.start() - 1) or text[hit.end() :][:1] == "@":
            continue
        if not hit.group("scheme") and not _COMMON_TLD.fullmatch(hit.group("tld")):
            continue
        yield "url", hit.start(), hit.start() + len(_tailless(hit.group()))


def _tailless(url: str) -> str:
    while url and url[-1] in _TAIL:
        if url[-1] in ")]}" and url.count(url[-1]) <= url.count({")": "(", "]": "[", "}": "{"}[url[-1]]):
            break
        url = url[:-1]
    return url
