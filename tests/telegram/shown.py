"""Files that an agent sends."""

import struct

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


def picture(width: int = 8, height: int = 8) -> bytes:
    return PNG + struct.pack(">II", width, height)


SHOWN = [
    ("a.png", "image/png", picture(), "photo"),
    ("a.webp", "image/webp; charset=binary", b"RIFF....WEBP", "photo"),
    ("long.png", "image/png", picture(9000, 9), "document"),  # not of a shape that is shown as a photo
    ("torn.png", "image/png", b"no picture", "document"),
    ("a.gif", "image/gif", b"GIF89a", "animation"),
    ("a.mp4", "video/mp4", b"film", "video"),
    ("a.ogg", "audio/ogg", b"sound", "voice"),
    ("a.mp3", "audio/mpeg", b"sound", "audio"),
    ("../../a\nb.pdf", "application/pdf", b"%PDF", "document"),
    ("a.svg", "image/svg+xml", b"<svg/>", "document"),
    ("the **last** one.pdf", "application/pdf", b"%PDF last", "document"),
]
"""Name, type and content of files of an agent's, and as what Telegram shows each."""
