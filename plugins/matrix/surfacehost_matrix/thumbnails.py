"""Small pictures of large ones, so that people need not download those to see them.

Whatever the agent sends is decoded here, and decoders have had holes. So a process of its own does it, with limits: a
picture that crashes it, or is larger than it seems, goes without a thumbnail and hurts nobody.
"""

import asyncio
import json
import logging
import sys
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surfacehost import File

LARGE = 256_000
"""Bytes of a file that is worth a thumbnail."""
MAKING_S = 15.0
_PROGRAM = Path(__file__).with_name("shrink.py")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """A small picture in a file."""

    file: File
    size: tuple[int, int]
    """Width and height in pixels."""
    whole: tuple[int, int]
    """The same of the picture that it is of, as people see it."""

    def info(self) -> dict[str, Any]:
        """``ThumbnailInfo`` (client-server specification, "m.image")."""
        return _measured(self.size) | {"mimetype": self.file.mime_type, "size": self.file.size}

    def told(self) -> dict[str, Any]:
        """What ``ImageInfo`` has of it, and of the picture's own size."""
        return _measured(self.whole) | {"thumbnail_info": self.info()}


class Thumbnails:
    """Makes one at a time: decoding takes memory."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def of(self, file: File, folder: Path) -> Thumbnail | None:
        """The thumbnail of *file*, in *folder*; None where it needs none, or can't have one."""
        if file.size < LARGE:
            return None
        target = folder / "thumbnail"
        async with self._turn:
            made = await _made(file.path, target)
        size = target.stat().st_size if made else 0
        if not made or size > file.size / 2:
            return None
        small = File(path=target, name=file.name, mime_type=made["mime_type"], size=size)
        return Thumbnail(file=small, size=tuple(made["small"]), whole=tuple(made["whole"]))


async def _made(source: Path, target: Path) -> dict[str, Any]:
    """What ``shrink`` says, in a process that knows nothing of ours; empty where it fails."""
    command = (sys.executable, "-I", str(_PROGRAM), str(source), str(target))
    child = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env={})
    try:
        async with asyncio.timeout(MAKING_S):
            said, complaint = await child.communicate()
    except TimeoutError:
        said, complaint = b"", b"it takes too long"
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode or not said:
        why = complaint.decode(errors="replace").strip().splitlines() or [f"it ended with {child.returncode}"]
        log.info("%s goes without a thumbnail: %s", source.name, why[-1])
        return {}
    made: dict[str, Any] = json.loads(said)
    return made


def _measured(size: tuple[int, int]) -> dict[str, Any]:
    return {"w": size[0], "h": size[1]}
