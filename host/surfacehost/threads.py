"""Thread keys: the name of one conversation, everywhere.

``1/<surface>/<user>/<chat>/<thread>[/<generation>]``. Every byte outside a small literal set is written ``~XX``, an
empty segment ``~``; only the canonical spelling decodes, so equal text means equal conversation. No case folding and
no Unicode normalisation: Matrix ids are case-sensitive, and two different strings are two threads.
"""

import re
from dataclasses import dataclass, replace

MAX_SEGMENT_BYTES = 255
"""Matrix's limit for an identifier (client-server specification, "Common identifier format")."""

_LITERALS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._:@!$")
_SEGMENT = re.compile(r"(?:[A-Za-z0-9\-._:@!$]|~[0-9A-F]{2})+|~")
_SURFACE = re.compile(r"[a-z][a-z0-9_]{0,31}")
_GENERATION = re.compile(r"[1-9][0-9]{0,8}")


class ThreadKeyError(ValueError):
    """The text is no canonical thread key, or a part can't stand in one."""


@dataclass(frozen=True, slots=True)
class ThreadKey:
    """One conversation. Which segments are filled is policy: a direct chat has user and chat, a group only the chat."""

    surface: str
    user: str
    chat: str
    thread: str = ""
    generation: int = 1

    @property
    def lane(self) -> "ThreadKey":
        """The same place in its first generation: what orders events, whatever ``/new`` did."""
        return replace(self, generation=1)

    def __str__(self) -> str:
        return encode(self)


def encode(key: ThreadKey) -> str:
    """The canonical text of *key*.

    Raises ThreadKeyError for a segment above 255 UTF-8 bytes, a lone surrogate or a surface name that can't be one.
    """
    if not _SURFACE.fullmatch(key.surface):
        raise ThreadKeyError(f"{key.surface!r} is no surface name: a lower-case letter, then letters, digits, _")
    if key.generation < 1:
        raise ThreadKeyError(f"generation {key.generation} is below 1")
    segments = [_encode_segment(segment) for segment in (key.user, key.chat, key.thread)]
    suffix = [str(key.generation)] if key.generation > 1 else []
    return "/".join(["1", key.surface, *segments, *suffix])


def decode(text: str) -> ThreadKey:
    """The key that *text* is the canonical spelling of; anything else raises ThreadKeyError."""
    parts = text.split("/")
    if len(parts) not in (5, 6) or parts[0] != "1":
        raise ThreadKeyError("not a version 1 thread key")
    generation = parts[5] if len(parts) == 6 else "1"
    if not _GENERATION.fullmatch(generation):
        raise ThreadKeyError(f"{generation!r} is no generation")
    user, chat, thread = map(_decode_segment, parts[2:5])
    key = ThreadKey(parts[1], user, chat, thread, int(generation))
    if encode(key) != text:
        raise ThreadKeyError("not the canonical spelling")
    return key


def _encode_segment(segment: str) -> str:
    try:
        raw = segment.encode()
    except UnicodeEncodeError as error:
        raise ThreadKeyError("a segment holds a lone surrogate") from error
    if len(raw) > MAX_SEGMENT_BYTES:
        raise ThreadKeyError(f"a segment has {len(raw)} bytes, at most {MAX_SEGMENT_BYTES}")
    if segment in (".", ".."):  # a URL path would swallow them
        return "~2E" * len(segment)
    return "".join(chr(byte) if byte in _LITERALS else f"~{byte:02X}" for byte in raw) or "~"


def _decode_segment(text: str) -> str:
    if not _SEGMENT.fullmatch(text):
        raise ThreadKeyError(f"{text!r} is no segment")
    if text == "~":
        return ""
    raw = re.sub(rb"~([0-9A-F]{2})", lambda match: bytes([int(match[1], 16)]), text.encode())
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise ThreadKeyError(f"{text!r} is not UTF-8") from error
