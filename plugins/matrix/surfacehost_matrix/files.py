"""Files into the chat: uploaded piece by piece, encrypted on the way where the room is."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import urlencode

from nio.crypto.attachments import encrypted_attachment_generator  # type: ignore[import-untyped]  # no type marker

from surfacehost import File, TooLarge, Undeliverable
from surfacehost_matrix.attached import VOICE
from surfacehost_matrix.content import text
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.pictures import size_of
from surfacehost_matrix.recordings import measures_of
from surfacehost_matrix.thumbnails import Thumbnails

PIECE: Final = 65_536
SPOKEN: Final = "audio/ogg"
"""What is shown as a voice message, as Telegram does it (MSC3245)."""
TOO_LARGE: Final = {
    "en": ("⚠️ {name} ({size} MB) is too large for this homeserver", ": at most {most} MB"),
    "ru": ("⚠️ Файл {name} ({size} МБ) слишком велик для этого сервера", ": не больше {most} МБ"),
}
"""What is said of a file that the homeserver does not take, and how much it takes where it says so."""
_KINDS = {"image": "m.image", "audio": "m.audio", "video": "m.video"}


class Offers:
    """Makes messages of files."""

    def __init__(self) -> None:
        self._thumbnails = Thumbnails()

    async def offer(
        self,
        homeserver: Homeserver,
        file: File,
        caption: Any,  # noqa: ANN401 - composed
        room: str,
        *,
        mark: str,
        language: str = "en",
    ) -> dict[str, Any]:
        """The message that shows *file*, which is uploaded for it; for one that is too large a sentence that says so.

        A repeat uploads again, and what it has uploaded is never shown: the first message stays.
        """
        most = await _largest(homeserver)
        if most is not None and file.size > most:
            return text(_too_large(file, caption, language, most), mark=mark)
        is_secret = await homeserver.is_encrypted(room)
        try:
            shown = await self._uploaded(homeserver, file, is_secret=is_secret)
            if not is_secret and await homeserver.is_encrypted(room):  # since then: an upload may take long
                shown = await self._uploaded(homeserver, file, is_secret=True)
        except TooLarge:  # a proxy before the homeserver takes less than that says
            return text(_too_large(file, caption, language), mark=mark)
        said = text(caption or {"body": file.name}, mark=mark)
        # With a caption the body is no longer the name ("Media captions").
        spoken: dict[str, Any] = {VOICE[0]: {}} if file.mime_type.partition(";")[0] == SPOKEN else {}
        return said | {"filename": file.name, **shown, **spoken}

    async def _uploaded(self, homeserver: Homeserver, file: File, *, is_secret: bool) -> dict[str, Any]:
        """What kind *file* is of, where it is now, and what is to be known of it. Raises TooLarge."""
        where = await _upload(homeserver, file, is_secret=is_secret)
        info: dict[str, Any] = {"mimetype": file.mime_type, "size": file.size}
        kind = _KINDS.get(file.mime_type.partition("/")[0], "m.file")
        if kind == "m.image":
            info |= await self._look(homeserver, file, is_secret=is_secret)
        elif kind != "m.file":
            info |= await asyncio.to_thread(measures_of, file.path)
        return {"msgtype": kind, "info": info, **where}

    async def _look(self, homeserver: Homeserver, picture: File, *, is_secret: bool) -> dict[str, Any]:
        """How large *picture* is to see, and where its thumbnail is; as much of that as can be found out."""
        with TemporaryDirectory(prefix="surfacehost-") as folder:
            if small := await self._thumbnails.of(picture, Path(folder)):
                try:
                    where = await _upload(homeserver, small.file, is_secret=is_secret)
                except TooLarge:
                    where = {}
                return small.told() | {f"thumbnail_{key}": value for key, value in where.items()}
        measures = await asyncio.to_thread(size_of, picture.path)
        return {"w": measures[0], "h": measures[1]} if measures else {}


def _too_large(file: File, caption: Any, language: str, most: int | None = None) -> dict[str, Any]:  # noqa: ANN401 - composed
    refused, at_most = TOO_LARGE.get(language, TOO_LARGE["en"])
    limit = at_most.format(most=f"{most / 1e6:.1f}") if most is not None else ""
    line = f"{refused.format(name=file.name, size=f'{file.size / 1e6:.1f}')}{limit}."
    return {"body": f"{caption['body']}\n\n{line}" if caption else line}


async def _largest(homeserver: Homeserver) -> int | None:
    """Bytes of the largest file that the homeserver takes; None where it does not say.

    It has to be asked first: one that is refused on its way looks like a connection that broke.
    """
    try:
        told = (await homeserver.call("GET", "media", "config", root="client/v1")).get("m.upload.size")
    except Declined:
        return None
    return told if isinstance(told, int) else None


async def _upload(homeserver: Homeserver, file: File, *, is_secret: bool) -> dict[str, Any]:
    """Where *file* is now, as it stands in a message ("Sending encrypted attachments"). Raises TooLarge."""
    if not await asyncio.to_thread(_is_whole, file):
        raise Undeliverable(f"{file.path} is no longer what it was when it was stored")
    try:
        return await homeserver.pace.keep(lambda: _put(homeserver, file, is_secret=is_secret), is_file=True)
    except Declined as refusal:
        if refusal.status == 413 or refusal.errcode == "M_TOO_LARGE":
            raise TooLarge(file.name) from refusal
        raise


async def _put(homeserver: Homeserver, file: File, *, is_secret: bool) -> dict[str, Any]:
    query = {} if is_secret else {"filename": file.name}
    address = f"/_matrix/media/v3/upload?{urlencode(query)}"
    mime_type = "application/octet-stream" if is_secret else file.mime_type
    headers = {"Content-Type": mime_type, "Content-Length": str(file.size)}
    keys: dict[str, Any] = {}
    pieces = _pieces(file.path)
    data = _off_loop(_sealed(pieces, keys) if is_secret else pieces)
    async with homeserver.stream("POST", address, data=data, headers=headers) as response:
        url = str((await response.json()).get("content_uri"))
    return {"file": {"url": url, **keys}} if is_secret else {"url": url}


def _is_whole(file: File) -> bool:
    return file.path.is_file() and file.path.stat().st_size == file.size


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as source:
        while piece := source.read(PIECE):
            yield piece


def _sealed(pieces: Iterator[bytes], keys: dict[str, Any]) -> Iterator[bytes]:
    """*pieces* encrypted; what reads them stands in *keys* before the last one leaves.

    A homeserver that has every byte may answer at once, and nobody asks for another piece then.
    """
    held = b""
    for sealed in encrypted_attachment_generator(pieces):
        if isinstance(sealed, dict):
            keys.update(sealed)
        else:
            if held:
                yield held
            held = sealed
    yield held


async def _off_loop(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """*pieces*, each made in a thread: reading and encrypting would hold up everybody else."""
    while piece := await asyncio.to_thread(next, pieces, b""):
        yield piece
