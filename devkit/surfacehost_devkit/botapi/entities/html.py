"""parse_mode HTML, as strict as the server (Bot API, "HTML style"; TDLib, `parse_html`)."""

import re
from dataclasses import dataclass, field

from surfacehost_devkit.botapi import links
from surfacehost_devkit.botapi.entities.entity import Entity, in_order
from surfacehost_devkit.botapi.entities.source import SPACES, Sink, Source, refused
from surfacehost_devkit.botapi.errors import ApiError, bad_request

_KINDS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
}
_OTHER_TAGS = {"a", "pre", "code", "blockquote", "tg-emoji", "tg-time"}
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_REFERENCE = re.compile(r"&(?:#x(?P<hex>[0-9A-Fa-f]{1,6})|#(?P<dec>\d{1,7})|(?P<name>[A-Za-z]+));?")


@dataclass(slots=True, kw_only=True)
class _Tag:
    name: str
    at_byte: int
    offset: int
    part: int
    attributes: dict[str, str] = field(default_factory=dict)


def parse_html(text: str) -> tuple[str, list[Entity]]:
    """Return the plain text and its entities; ApiError "can't parse entities: …" otherwise."""
    source, sink = Source(text), Sink()
    entities: list[Entity] = []
    nested: list[_Tag] = []
    while not source.done:
        if source.peek() == "<":
            if source.peek(1) == "/":
                _close(source, sink, nested, entities)
            else:
                nested.append(_open(source, sink))
        else:
            sink.put(_sign(source))
    if nested:
        raise _wrong(f'Can\'t find end tag corresponding to start tag "{nested[-1].name}"')
    if any("\ud800" <= sign <= "\udfff" for sign in sink.text):
        raise _wrong(
            "Text contains invalid Unicode characters after decoding HTML entities, "
            "check for unmatched surrogate code units"
        )
    bare = [Entity(type="code", offset=e.offset, length=e.length) if e.type == "code" else e for e in entities]
    return sink.text, in_order(bare)


def _sign(source: Source) -> str:
    if source.peek() == "&":
        hit = _REFERENCE.match(source.text, source.at)
        decoded = _reference(hit) if hit else ""
        if hit and decoded:
            source.at = hit.end()
            return decoded
    source.at += 1
    return source.text[source.at - 1]


def _reference(hit: re.Match[str]) -> str:
    if hit["name"]:
        return _NAMED.get(hit["name"], "")
    number = int(hit["hex"], 16) if hit["hex"] else int(hit["dec"])
    return chr(number) if 0 < number < 0x10FFFF else ""


def _open(source: Source, sink: Sink) -> _Tag:
    begin = source.byte_offset(source.at)
    source.at += 1
    name = source.take_until(SPACES + ">").lower()
    if source.done:
        raise _wrong(f"Unclosed start tag at byte offset {begin}")
    if name not in _KINDS and name not in _OTHER_TAGS:
        raise _wrong(f'Unsupported start tag "{name}" at byte offset {begin}')
    tag = _Tag(name=name, at_byte=begin, offset=sink.units, part=len(sink.parts))
    source.take_while(SPACES)
    while source.peek() != ">":
        _attribute(source, tag)
        source.take_while(SPACES)
    source.at += 1
    if name == "span" and tag.attributes.get("class") != "tg-spoiler":
        raise _wrong(f'Tag "span" must have class "tg-spoiler" at byte offset {begin}')
    return tag


def _attribute(source: Source, tag: _Tag) -> None:
    name = source.take_until(SPACES + "=>/\"'")
    if not name:
        if source.done:
            raise _wrong(f'Unclosed start tag "{tag.name}" at byte offset {tag.at_byte}')
        raise _wrong(f'Empty attribute name in the tag "{tag.name}" at byte offset {tag.at_byte}')
    source.take_while(SPACES)
    if source.peek() != "=":
        if source.done:
            raise _wrong(f'Unclosed start tag "{tag.name}" at byte offset {tag.at_byte}')
        tag.attributes[name] = "1"
        return
    source.at += 1
    source.take_while(SPACES)
    if source.done:
        raise _wrong(f'Unclosed start tag "{tag.name}" at byte offset {tag.at_byte}')
    tag.attributes[name] = _value(source)
    if source.done:
        raise _wrong(f"Unclosed start tag at byte offset {tag.at_byte}")


def _value(source: Source) -> str:
    quote = source.peek()
    if quote not in "'\"":
        begin = source.at
        while source.peek().isascii() and (source.peek().isalnum() or source.peek() in {".", "-"}):
            source.at += 1
        if source.peek() not in SPACES + ">":
            raise _wrong(f"Unexpected end of name token at byte offset {source.byte_offset(begin)}")
        return source.text[begin : source.at].lower()
    source.at += 1
    value = []
    while not source.done and source.peek() != quote:
        value.append(_sign(source))
    source.at += 1
    return "".join(value)


def _close(source: Source, sink: Sink, nested: list[_Tag], entities: list[Entity]) -> None:
    begin = source.byte_offset(source.at)
    if not nested:
        raise _wrong(f"Unexpected end tag at byte offset {begin}")
    source.at += 2
    name = source.take_until(SPACES + ">").lower()
    source.take_while(SPACES)
    if source.peek() != ">":
        raise _wrong(f"Unclosed end tag at byte offset {begin}")
    source.at += 1
    tag = nested.pop()
    if name and name != tag.name:
        raise _wrong(f'Unmatched end tag at byte offset {begin}, expected "</{tag.name}>", found "</{name}>"')
    if sink.units > tag.offset:
        _mark(tag, sink, entities)


def _mark(tag: _Tag, sink: Sink, entities: list[Entity]) -> None:
    offset, length = tag.offset, sink.units - tag.offset
    if tag.name in _KINDS:
        entities.append(Entity(type=_KINDS[tag.name], offset=offset, length=length))
    elif tag.name in {"pre", "code"}:
        _mark_code(tag, offset, length, entities)
    elif tag.name == "blockquote":
        kind = "expandable_blockquote" if tag.attributes.get("expandable") else "blockquote"
        entities.append(Entity(type=kind, offset=offset, length=length))
    elif tag.name == "a":
        url = tag.attributes.get("href") or "".join(sink.parts[tag.part :])
        entities.extend(link_entity(url, offset, length))
    elif tag.name == "tg-emoji":
        emoji = tag.attributes.get("emoji-id", "")
        if not re.fullmatch(r"-?\d+", emoji) or not int(emoji):
            raise _wrong("Invalid custom emoji identifier specified")
        entities.append(Entity(type="custom_emoji", offset=offset, length=length, argument=emoji, number=int(emoji)))
    else:
        moment = int(tag.attributes.get("unix", "0") or 0)
        form = tag.attributes.get("format", "")
        if moment > 0:
            entities.append(Entity(type="date_time", offset=offset, length=length, argument=form, number=moment))


def _mark_code(tag: _Tag, offset: int, length: int, entities: list[Entity]) -> None:
    """`<pre><code class="language-x">` becomes one pre with a language, whichever of the two is outside."""
    style = tag.attributes.get("class", "")
    language = style.removeprefix("language-") if tag.name == "code" and style.startswith("language-") else ""
    last = entities[-1] if entities else None
    same = last is not None and (last.offset, last.length) == (offset, length)
    if last is not None and same and tag.name == "pre" and last.type == "code" and last.argument:
        entities[-1] = Entity(type="pre", offset=offset, length=length, argument=last.argument)
    elif last is not None and same and tag.name == "code" and last.type == "pre" and language:
        entities[-1] = Entity(type="pre", offset=offset, length=length, argument=language)
    else:
        entities.append(Entity(type=tag.name, offset=offset, length=length, argument=language))


def link_entity(url: str, offset: int, length: int) -> list[Entity]:
    """A link from markup: a mention, a text_link, or nothing where the server does not accept the URL."""
    user = links.user_of(url)
    if user is not None:
        return [Entity(type="text_mention", offset=offset, length=length, number=user)]
    good = links.accepted(url)
    return [Entity(type="text_link", offset=offset, length=length, argument=good)] if good else []


def _wrong(reason: str) -> ApiError:
    return bad_request(refused(reason))
