"""How long a recording or a film takes, and how large a film is: clients show it before they have the file."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

END: Final = 65_536
"""Bytes at the end of an Ogg file, in which its last page begins (RFC 3533: a page has at most 65,307)."""
MOST_BOXES: Final = 1000
"""Boxes of an MP4 file that are looked at; real ones have some dozens on each level."""


def measures_of(path: Path) -> dict[str, int]:
    """``duration`` in milliseconds, ``w`` and ``h`` in pixels of an Ogg, WAV or MP4 file; what can be found out."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
            if head.startswith(b"OggS"):
                found = {"duration": _ogg(head, file)}
            elif head.startswith(b"RIFF") and head[8:12] == b"WAVE":
                found = {"duration": _wave(head)}
            else:
                found = _mp4(file) if head[4:8] == b"ftyp" else {}
    except (OSError, struct.error, IndexError, ValueError, ZeroDivisionError):
        return {}
    return {name: value for name, value in found.items() if 0 < value < 2**53}


def _ogg(head: bytes, file: BinaryIO) -> int:
    """Opus (RFC 7845, section 4) and Vorbis I (section 4.2.2): how many samples there are stands in the last page."""
    begin = head[27 + head[26] :]
    if begin.startswith(b"OpusHead"):
        before, rate = struct.unpack("<H", begin[10:12])[0], 48_000
    elif begin.startswith(b"\x01vorbis"):
        before, rate = 0, struct.unpack("<I", begin[12:16])[0]
    else:
        return 0
    file.seek(max(0, file.seek(0, 2) - END))
    tail = file.read()
    last = tail.rindex(b"OggS")
    return int(1000 * (struct.unpack("<q", tail[last + 6 : last + 14])[0] - before) // rate)


def _wave(head: bytes) -> int:
    """The "fmt " and "data" chunks of a RIFF file."""
    at, rate = 12, 0
    while True:
        kind, size = struct.unpack("<4sI", head[at : at + 8])
        if kind == b"fmt ":
            (rate,) = struct.unpack("<I", head[at + 16 : at + 20])
        elif kind == b"data":
            return int(1000 * size // rate)
        at += 8 + size + size % 2


def _mp4(file: BinaryIO) -> dict[str, int]:
    """ISO/IEC 14496-12: the movie's header, and that of its first track with a picture."""
    found: dict[str, int] = {}
    for kind, begin, end in _boxes(file, 0, file.seek(0, 2)):
        if kind != b"moov":
            continue
        for inner, at, to in _boxes(file, begin, end):
            if inner == b"mvhd":
                found["duration"] = _movie(_read(file, at))
            elif inner == b"trak" and "w" not in found:
                headers = [_read(file, place) for name, place, _ in _boxes(file, at, to) if name == b"tkhd"]
                found |= _picture(headers[0]) if headers else {}
    return found


def _boxes(file: BinaryIO, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The boxes of a file from one place to another: what each is, where its content begins, and where it ends."""
    for _ in range(MOST_BOXES):
        if at + 8 > end:
            return
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        long = size == 1
        size = struct.unpack(">Q", file.read(8))[0] if long else size or end - at
        yield kind, at + (16 if long else 8), min(at + size, end)
        at += max(size, 8)


def _read(file: BinaryIO, at: int) -> bytes:
    file.seek(at)
    return file.read(104)


def _movie(header: bytes) -> int:
    scale, units = struct.unpack(">IQ" if header[0] else ">II", header[20:32] if header[0] else header[12:20])
    is_told = units not in (2**32 - 1, 2**64 - 1)
    return int(1000 * units // scale) if is_told else 0


def _picture(header: bytes) -> dict[str, Any]:
    width, height = struct.unpack(">II", header[88:96] if header[0] else header[76:84])  # 16.16 fixed point
    return {"w": width >> 16, "h": height >> 16} if width and height else {}
