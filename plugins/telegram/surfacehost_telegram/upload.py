"""A file on its way to Telegram: as what it is shown, and how it is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Self

from telegram import InputFile

from surfacehost import File

CLOUD_BYTES, LOCAL_BYTES = 50_000_000, 2_000_000_000
"""The largest file for Telegram's server, and for one's own (https://core.telegram.org/bots/api#sending-files)."""
PHOTO_BYTES = 10_000_000
"""The largest that is shown as a photo (Bot API, sendPhoto)."""

ANSWER = "answer.md"
"""What a text is called that is a document."""

DOCUMENT = "sendDocument"
_METHODS = {
    "image/jpeg": "sendPhoto",
    "image/png": "sendPhoto",
    "image/webp": "sendPhoto",
    "image/gif": "sendAnimation",
    "video/mp4": "sendVideo",
    "audio/ogg": "sendVoice",
    "audio/opus": "sendVoice",
    "audio/mpeg": "sendAudio",
    "audio/mp4": "sendAudio",
    "audio/x-m4a": "sendAudio",
}
"""What Telegram shows as more than a document; it takes these types alone."""

ALBUM = 10
"""The most files of an album; the least are two (Bot API, sendMediaGroup)."""
_ALBUMS = {"sendPhoto": "seen", "sendVideo": "seen", "sendAudio": "heard", DOCUMENT: "read"}
"""What may stand in an album, and with what: photos and videos together, the others among their like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file and the method that shows it. Its bytes are ours: never an address, never a path that an agent named."""

    name: str
    mime_type: str
    size: int
    method: str = DOCUMENT
    content: Path | bytes = b""
    url: str = field(default="", repr=False)
    """Where people can fetch it; empty: nowhere."""

    @classmethod
    def of(cls, file: File) -> Self:
        """*file*, which lies on the host's disk."""
        mime_type = file.mime_type.partition(";")[0].strip().casefold()
        method = _METHODS.get(mime_type, DOCUMENT)
        if method == "sendPhoto" and file.size > PHOTO_BYTES:
            method = DOCUMENT
        return cls(
            name=_plain(file.name),
            mime_type=mime_type,
            size=file.size,
            method=method,
            content=file.path,
            url=file.url,
        )

    @classmethod
    def text(cls, name: str, text: str) -> Self:
        """A document that says *text*."""
        content = text.encode("utf-8", "replace")
        return cls(name=name, mime_type="text/markdown", size=len(content), content=content)

    @property
    def album(self) -> str:
        """Files that have the same may stand in one album; empty: it stands in none."""
        return _ALBUMS.get(self.method, "")

    @contextmanager
    def opened(self, *, attach: bool = False) -> Iterator[InputFile]:
        """What the library sends: read piece by piece while it is sent. Raises OSError when it can't be read.

        *attach*: as one of several of its call.
        """
        source = BytesIO(self.content) if isinstance(self.content, bytes) else self.content.open("rb")
        with source:
            file = InputFile(source, filename=self.name, attach=attach, read_file_handle=False)
            file.mimetype = self.mime_type or "application/octet-stream"
            yield file


def _plain(name: str) -> str:
    """*name* without folders and control characters, of a length that every file system takes."""
    bare = "".join(char for char in PurePosixPath(name.replace("\\", "/")).name if char.isprintable())
    return bare[-100:] or "file"
