"""What came with a message, onto the disk: piece by piece, decrypted on the way where it was encrypted."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol
from urllib.parse import quote

import aiohttp
from Crypto.Cipher import AES

from surfacehost import Attachment, NotReady, TooLarge, Undeliverable
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver

PIECE: Final = 65_536
_ADDRESS = re.compile(r"mxc://([A-Za-z0-9.:\[\]-]+)/([A-Za-z0-9_-]+)")


async def fetch(homeserver: Homeserver, attachment: Attachment, into: Path, *, at_most: int) -> None:
    """Write *attachment* to *into*. Raises TooLarge, NotReady, or Undeliverable for one that is gone or changed."""
    if attachment.size > at_most:
        raise TooLarge(into.name)
    secret = attachment.source.get("file")
    opened: _Opens = _Sealed(secret) if secret else _Plain()
    address = _address((secret or attachment.source).get("url"))
    with _whole_or_none(into):
        try:
            async with homeserver.stream("GET", address) as response:
                await _write(response, opened, into, at_most)
        except Declined as refusal:
            raise refusal.blames_account() or Undeliverable(f"{attachment.name} is gone: {refusal}") from refusal
        opened.check()


def _address(url: Any) -> str:  # noqa: ANN401 - JSON of another user's
    """Where *url* is fetched ("Content repository", MSC3916: with our token). Raises Undeliverable."""
    named = _ADDRESS.fullmatch(url) if isinstance(url, str) else None
    if named is None:
        raise Undeliverable("the file has no address that a homeserver knows")
    return "/_matrix/client/v1/media/download/" + "/".join(quote(part, safe="") for part in named.groups())


@contextmanager
def _whole_or_none(into: Path) -> Iterator[None]:
    """Leave no file behind where it was not written to its end, or is not what was sent."""
    try:
        yield
    except BaseException:
        into.unlink(missing_ok=True)
        raise


async def _write(response: aiohttp.ClientResponse, opened: "_Opens", into: Path, at_most: int) -> None:
    """Write what *response* brings, opened, to *into*."""
    if (response.content_length or 0) > at_most:
        raise TooLarge(into.name)
    written = 0
    with _created(into) as target:
        async for piece in response.content.iter_chunked(PIECE):
            written += len(piece)
            if written > at_most:
                raise TooLarge(into.name)
            with _storing(into):
                target.write(opened.open(piece))
                target.flush()


def _created(into: Path) -> BinaryIO:
    with _storing(into):
        return into.open("wb")


@contextmanager
def _storing(into: Path) -> Iterator[None]:
    """Turn what a full disk does into NotReady; the network's errors have their own words."""
    try:
        yield
    except OSError as error:
        raise NotReady(f"{into} can't be written: {error.strerror}") from error


class _Opens(Protocol):
    """Makes the pieces of a file clear."""

    def open(self, piece: bytes) -> bytes:
        """The next piece, in clear."""

    def check(self) -> None:
        """All has come. Raises Undeliverable when it is not what was sent."""


class _Plain:
    def open(self, piece: bytes) -> bytes:
        return piece

    def check(self) -> None:
        """Nothing says what it should have been."""


class _Sealed:
    """An encrypted attachment (client-server specification, "Sending encrypted attachments")."""

    def __init__(self, file: Any) -> None:  # noqa: ANN401 - JSON of another user's
        try:
            key, iv = _bytes(file["key"]["k"]), _bytes(file["iv"])
            self._wanted = _bytes(file["hashes"]["sha256"])
            # The upper half of the counter block stays, the lower one counts.
            self._cipher = AES.new(key, AES.MODE_CTR, nonce=iv[:8], initial_value=iv[8:])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Undeliverable(f"the key of the file is none: {type(error).__name__}") from error
        self._seen = hashlib.sha256()

    def open(self, piece: bytes) -> bytes:
        self._seen.update(piece)
        return self._cipher.decrypt(piece)

    def check(self) -> None:
        if self._seen.digest() != self._wanted:
            raise Undeliverable("the file is not the one that was sent: its hash differs")


def _bytes(text: str) -> bytes:
    """*text* in either alphabet of base64, padded or not."""
    try:
        return base64.b64decode(
            text.replace("-", "+").replace("_", "/").rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
        )
    except binascii.Error as error:
        raise ValueError("no base64") from error
