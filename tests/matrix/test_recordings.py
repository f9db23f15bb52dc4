"""How long recordings and films take, from their first and last bytes."""

import struct
from pathlib import Path

import pytest

from platform_agent.showcase import sound
from surfacehost_matrix.recordings import measures_of


def ogg(begin: bytes, last: int) -> bytes:
    """Two pages, of which the second one ends with the sample *last*."""
    pages = [(0, begin), (last, bytes(200))]
    heads = [b"OggS\0\0" + struct.pack("<q", at) + bytes(12) + bytes([1, len(data)]) for at, data in pages]
    return b"".join(head + data for head, (_, data) in zip(heads, pages, strict=True))


def box(kind: bytes, *content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + sum(map(len, content)), kind) + b"".join(content)


def mp4(version: int) -> bytes:
    """A film of 1.5 s and 640 by 360 pixels, with a track of sound before that of the picture."""
    wide, times = (">Q", 32) if version else (">I", 20)
    movie = bytes([version, 0, 0, 0]) + bytes(16 if version else 8) + struct.pack(">I", 1000) + struct.pack(wide, 1500)
    tracks = [
        box(b"trak", box(b"tkhd", bytes([version, 0, 0, 0]) + bytes(times + 52) + struct.pack(">II", w << 16, h << 16)))
        for w, h in ((0, 0), (640, 360))
    ]
    data = struct.pack(">I4sQ", 1, b"mdat", 16 + 50) + bytes(50)
    return box(b"ftyp", b"isom") + data + box(b"moov", box(b"mvhd", movie + bytes(80)), *tracks)


OPUS = b"OpusHead\x01\x01" + struct.pack("<HI", 312, 16_000) + bytes(3)
VORBIS = b"\x01vorbis" + bytes(5) + struct.pack("<I", 44_100)
FILM = {"duration": 1500, "w": 640, "h": 360}


@pytest.mark.parametrize(
    ("data", "measures"),
    [
        (ogg(OPUS, 312 + 2 * 48_000), {"duration": 2000}),
        (ogg(VORBIS, 3 * 44_100), {"duration": 3000}),
        (ogg(b"Speex   ", 16_000), {}),
        (ogg(OPUS, -1), {}),
        (sound(), {"duration": 1000}),
        (sound()[:40], {}),
        (mp4(0), FILM),
        (mp4(1), FILM),
        (mp4(0)[:90], {}),
        (box(b"ftyp") + bytes(100), {}),
        (b"OggS", {}),
        (b"", {}),
        (b"<html>", {}),
    ],
)
def test_a_recording_tells_how_long_it_takes(tmp_path: Path, data: bytes, measures: dict[str, int]) -> None:
    (tmp_path / "file").write_bytes(data)
    assert measures_of(tmp_path / "file") == measures
    assert measures_of(tmp_path / "nothing") == {}
