"""Pictures of the operator's: uploaded once, and known by what is in them."""

import asyncio
import hashlib
import logging
import mimetypes
from dataclasses import replace
from pathlib import Path

from surfacehost import Memory
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.tree import Branch

AVATAR = "avatar:"
"""Note: the media address of a picture, by the hash of the file."""

log = logging.getLogger(__name__)


class Avatars:
    """Which picture is at which address."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def worn(self, homeserver: Homeserver, branch: Branch) -> Branch:
        """*branch* with the address of its picture, uploaded where it is not there yet. Raises NotReady, Declined."""
        known = await self.seen(branch)
        file = branch.settings.avatar_file
        if known.avatar or file is None or (picture := await _read(file)) is None:
            return known
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        address = await homeserver.upload(picture, kind)
        await self._memory.set({_note(picture): address})
        return replace(branch, avatar=address)

    async def seen(self, branch: Branch) -> Branch:
        """*branch* with the address of its picture, if that is there."""
        if (file := branch.settings.avatar_file) is None:
            return replace(branch, avatar=branch.settings.avatar)
        picture = await _read(file)
        address = await self._memory.get(_note(picture)) if picture is not None else None
        return replace(branch, avatar=address or "")


async def _read(file: Path) -> bytes | None:
    """What is in *file*; None where it has gone since the settings were read: a picture holds nobody up."""
    try:
        return await asyncio.to_thread(file.read_bytes)
    except OSError as error:
        log.warning("the picture %s can't be read: %s", file, error.strerror)
        return None


def _note(picture: bytes) -> str:
    return AVATAR + hashlib.sha256(picture).hexdigest()
