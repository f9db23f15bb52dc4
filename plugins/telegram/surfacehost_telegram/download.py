"""Bring a file that somebody sent onto the disk, piece by piece.

Not python-telegram-bot's own download: that keeps the whole file in memory, however large it is.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import httpx
from telegram.error import BadRequest, TelegramError

from surfacehost import Attachment, NotReady, TooLarge, Undeliverable, trust
from surfacehost_telegram.bot import Bot, Flooded
from surfacehost_telegram.redact import without_secret

PIECE = 256 * 1024
"""Bytes read and written at once."""
MOST_BYTES = 20_000_000
"""What Telegram's own server hands to a bot at the most (Bot API, getFile)."""
SILENCE_S = 30.0
"""How long the server may say nothing while a file is read."""


class Unreadable(Exception):
    """A file of the Bot API server of one's own that the host can't read: somebody has to put that right.

    No file will come before, so it counts as a failed attempt and is not waited for without end.
    """


async def fetch(bot: Bot, attachment: Attachment, into: Path, *, at_most: int) -> None:
    """Write the file of *attachment* to *into*.

    Raises TooLarge for one of more than *at_most* bytes and for what Telegram hands to no bot, NotReady when it may
    work later, Undeliverable when the file is gone, and Unreadable.
    """
    if attachment.size > at_most:
        limit = at_most if bot.is_local else min(at_most, MOST_BYTES)
        raise TooLarge(f"{attachment.name} has {attachment.size} bytes", limit=limit)
    path = await _path_of(bot, attachment)
    try:
        pieces = _read(Path(path), bot.token) if bot.is_local else _get(f"{bot.base_file_url}/{path}")
        await _write(pieces, into, attachment.name, at_most)
    except httpx.HTTPError as error:  # not its text: the address in it holds the token
        raise NotReady(f"a file can't be fetched from Telegram: {type(error).__name__}") from None
    except FileNotFoundError:  # nor its text
        raise Undeliverable(f"{attachment.name} is not where the Bot API server says") from None


async def _path_of(bot: Bot, attachment: Attachment) -> str:
    """Where the file is, as the server says."""
    try:
        return await bot.path_of(attachment.source["file_id"])
    except Flooded as error:
        raise NotReady(str(error), retry_after=error.seconds) from error
    except BadRequest as error:
        if "too big" in error.message.casefold():
            reason = f"Telegram does not hand {attachment.name} to bots: {error}"
            raise TooLarge(reason, limit=MOST_BYTES) from error
        raise Undeliverable(f"{attachment.name} is gone: {error}") from error
    except TelegramError as error:
        raise NotReady(f"a file can't be fetched from Telegram: {error}") from error


async def _get(address: str) -> AsyncGenerator[bytes, None]:
    async with (
        httpx.AsyncClient(verify=trust(None), timeout=SILENCE_S) as http,
        http.stream("GET", address) as answer,
    ):
        if answer.status_code in (400, 404):
            raise Undeliverable("Telegram has the file no more")
        if answer.status_code != 200:
            raise NotReady(f"a file can't be fetched from Telegram: HTTP status {answer.status_code}")
        async for piece in answer.aiter_bytes(PIECE):
            yield piece


async def _read(path: Path, token: str) -> AsyncGenerator[bytes, None]:
    if not path.is_absolute():
        raise Unreadable("the Bot API server does not run with --local: set local_mode = false")
    try:
        with await asyncio.to_thread(path.open, "rb") as file:
            while piece := await asyncio.to_thread(file.read, PIECE):
                yield piece
    except OSError as error:
        why = error.strerror
        if isinstance(error, FileNotFoundError):
            if await asyncio.to_thread(path.parent.parent.exists):
                raise  # the server keeps a folder for each bot, and in it one for each kind
            why = "there is no such folder here"
        # Not as such: the host would take it for trouble with its own disk, and in that folder's name is the token.
        raise Unreadable(
            f"{without_secret(str(path), token)} can't be read ({why}):"
            " the host's user must be able to read what the Bot API server stores"
        ) from None


async def _write(pieces: AsyncGenerator[bytes, None], into: Path, name: str, at_most: int) -> None:
    size = 0
    async with aclosing(pieces):
        with await asyncio.to_thread(into.open, "wb") as file:
            async for piece in pieces:
                size += len(piece)
                if size > at_most:
                    raise TooLarge(f"{name} is more than {at_most} bytes")
                await asyncio.to_thread(file.write, piece)
