"""parse_mode Markdown, the legacy one (Bot API, "Markdown style"; TDLib, `parse_markdown`)."""

from surfacehost_devkit.botapi.entities.entity import Entity, in_order
from surfacehost_devkit.botapi.entities.html import link_entity
from surfacehost_devkit.botapi.entities.source import SPACES, Sink, Source, refused
from surfacehost_devkit.botapi.errors import bad_request

_KINDS = {"_": "italic", "*": "bold", "`": "code", "[": "text_link"}


def parse_markdown_v1(text: str) -> tuple[str, list[Entity]]:
    """Return the plain text and its entities; entities do not nest here."""
    source, sink = Source(text), Sink()
    entities: list[Entity] = []
    while not source.done:
        if source.peek() == "\\" and source.peek(1) in tuple("_*`["):
            sink.put(source.peek(1))
            source.at += 2
        elif source.peek() in _KINDS:
            _entity(source, sink, entities)
        else:
            sink.put(source.peek())
            source.at += 1
    return sink.text, in_order(entities)


def _entity(source: Source, sink: Sink, entities: list[Entity]) -> None:
    begin, mark = source.at, source.peek()
    is_pre = source.starts("```")
    source.at += 3 if is_pre else 1
    language = take_language(source) if is_pre else ""
    end_mark = "```" if is_pre else "]" if mark == "[" else mark
    end = source.text.find(end_mark, source.at)
    if end < 0:
        raise bad_request(refused(f"Can't find end of the entity starting at byte offset {source.byte_offset(begin)}"))
    body, offset = source.text[source.at : end], sink.units
    sink.put(body)
    source.at = end + len(end_mark)
    url = _url(source, body) if mark == "[" else ""
    length = sink.units - offset
    if not length:
        return
    if mark == "[":
        entities.extend(link_entity(url, offset, length))
    else:
        kind = "pre" if is_pre else _KINDS[mark]
        entities.append(Entity(type=kind, offset=offset, length=length, argument=language))


def _url(source: Source, body: str) -> str:
    if source.peek() != "(":
        return body
    source.at += 1
    url = source.take_until(")")
    source.at += 1
    return url


def take_language(source: Source) -> str:
    """Read the language after three backticks, and skip one line break."""
    begin = source.at
    word = source.take_until(SPACES + "`")
    if not word or source.done or source.peek() == "`":
        word = ""
        source.at = begin
    if source.peek() in {"\n", "\r"}:
        pair = source.peek(1) in {"\n", "\r"} and source.peek(1) != source.peek()
        source.at += 2 if pair else 1
    return word
