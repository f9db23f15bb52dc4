"""Judges of what the renderers give out, written from the platforms' rules and not from the renderers."""

import unicodedata
from collections.abc import Callable
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest

from surfacehost_render import TelegramText

KINDS = {"bold", "italic", "strikethrough", "spoiler", "code", "pre", "text_link", "blockquote"}
MATRIX_TAGS = frozenset(
    (  # noqa: SIM905  a list would be forty lines
        "del h1 h2 h3 h4 h5 h6 blockquote p a ul ol sup sub li b i u strong em s code hr br div table thead tbody"
        " tr th td caption pre span img details summary"
    ).split()
)
MATRIX_ATTRIBUTES = {
    ("a", "href"),
    ("code", "class"),
    ("ol", "start"),
    ("span", "data-mx-maths"),
    ("span", "data-mx-spoiler"),
    ("div", "data-mx-maths"),
}


@pytest.fixture(scope="session")
def telegram_faults() -> Callable[..., list[str]]:
    """What the Bot API would refuse, drop or mend in one message."""

    def faults(message: TelegramText, *, limit: int = 4096, max_entities: int = 100) -> list[str]:
        raw = message.text.encode("utf-16-le")
        size = len(raw) // 2
        found = []
        if size > limit:
            found.append(f"{size} units")
        if not message.text.strip():
            found.append("empty text")
        if len(message.entities) > max_entities:
            found.append(f"{len(message.entities)} entities")
        if any(unicodedata.category(char) == "Cc" and char != "\n" for char in message.text):
            found.append("control character")
        for entity in message.entities:
            covered = raw[2 * entity.offset : 2 * (entity.offset + entity.length)]
            found += _entity_faults(entity.to_json(), covered, size)
        return found + _overlap_faults(message)

    return faults


def _entity_faults(entity: dict[str, str | int], covered: bytes, size: int) -> list[str]:
    found = []
    offset, length = int(entity["offset"]), int(entity["length"])
    if entity["type"] not in KINDS:
        found.append(f"unknown type {entity['type']}")
    if offset < 0 or length <= 0 or offset + length > size:
        found.append(f"out of range: {entity}")
    try:
        if not covered.decode("utf-16-le").strip():
            found.append(f"blank: {entity}")
    except UnicodeDecodeError:
        found.append(f"cuts a surrogate pair: {entity}")
    if (entity["type"] == "text_link") != ("url" in entity):
        found.append(f"url and type disagree: {entity}")
    if "url" in entity and not _good_url(str(entity["url"])):
        found.append(f"refused address: {entity}")
    if "language" in entity and (entity["type"] != "pre" or not entity["language"]):
        found.append(f"language: {entity}")
    return found


def _good_url(url: str) -> bool:
    parts = urlsplit(url)
    if any(char.isspace() for char in url):
        return False
    if parts.scheme == "tg":
        return bool(parts.netloc)
    host = parts.hostname or ""
    return parts.scheme in ("http", "https") and "." in host and parts.username is None and parts.port != 0


def _overlap_faults(message: TelegramText) -> list[str]:
    found = []
    entities = message.entities
    if list(entities) != sorted(entities, key=lambda one: (one.offset, -one.length)):
        found.append("not in order")
    for index, outer in enumerate(entities):
        end = outer.offset + outer.length
        for inner in entities[index + 1 :]:
            if inner.offset >= end:
                break
            kinds = {outer.type, inner.type}
            if inner.offset + inner.length > end:
                found.append(f"crossing: {outer} {inner}")
            if len(kinds) == 1:
                found.append(f"twice the same: {outer} {inner}")
            if kinds & {"code", "pre"} and outer.type != "blockquote":
                found.append(f"code overlaps: {outer} {inner}")
    return found


class _MatrixJudge(HTMLParser):
    """Reads HTML as a client does and notes what the specification does not permit."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.text: list[str] = []
        self.depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in MATRIX_TAGS:
            self.faults.append(f"tag {tag}")
        if tag not in ("br", "hr"):
            self.depth += 1
        if self.depth > 100:
            self.faults.append("more than 100 levels")
        for name, value in attrs:
            self._judge_attribute(tag, name, value or "")
        if tag == "a" and "href" not in dict(attrs):
            self.faults.append("a link without an address")

    def _judge_attribute(self, tag: str, name: str, value: str) -> None:
        if (tag, name) not in MATRIX_ATTRIBUTES:
            self.faults.append(f"attribute {tag} {name}")
        if name == "class" and not value.startswith("language-"):
            self.faults.append(f"class {value}")
        if name == "href" and value.partition(":")[0].lower() not in (
            "https",
            "http",
            "ftp",
            "mailto",
            "magnet",
        ):
            self.faults.append(f"address {value}")
        if name == "href":
            self.text.append(value)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("br", "hr"):
            self.depth -= 1

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"comment {data}")


@pytest.fixture(scope="session")
def judge_html() -> Callable[[str], tuple[list[str], str]]:
    """The faults of Matrix HTML, and the text and addresses in it."""

    def judge(html: str) -> tuple[list[str], str]:
        reader = _MatrixJudge()
        reader.feed(html)
        reader.close()
        if reader.depth:
            reader.faults.append("tags left open")
        return reader.faults, "".join(reader.text)

    return judge
