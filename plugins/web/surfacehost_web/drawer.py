"""The files that people and the agent exchanged on the page: a drawer for each person, which nobody else can open."""

import asyncio
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from surfacehost import File, TooLarge

MOST_FILES = 200
"""How many files of one person are kept; beyond, the oldest goes."""

_ID = re.compile(r"[0-9a-f]{32}")
_TYPE = re.compile(r"[\w.+-]{1,80}/[\w.+-]{1,80}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """A file in a drawer."""

    id: str
    name: str
    type: str
    size: int
    """In bytes."""


class Drawers:
    """The drawers of one surface instance."""

    def __init__(self, folder: Path, *, at_most: int) -> None:
        self._folder = folder
        self.at_most = at_most
        """Bytes that one file of a person may have."""

    def path(self, person: str, filed: Filed) -> Path:
        """Where *filed* lies."""
        return self._folder / person / filed.id

    def find(self, person: str, file_id: str) -> Filed | None:
        """The file *file_id* of *person*; none where it is not, or no longer."""
        if not _ID.fullmatch(file_id) or not (self._folder / person / file_id).exists():
            return None
        return Filed(**json.loads((self._folder / person / f"{file_id}.json").read_text("utf-8")))

    async def take(self, person: str, name: str, mime_type: str, pieces: AsyncIterator[bytes]) -> Filed:
        """What a page uploads. Raises TooLarge as soon as it is, and OSError when the disk does not take it."""
        file_id, size = secrets.token_hex(16), 0
        unfinished = self._unfinished(person, file_id)
        try:
            with unfinished.open("wb") as file:
                async for piece in pieces:
                    size += len(piece)
                    if size > self.at_most:
                        raise TooLarge
                    await asyncio.to_thread(file.write, piece)
            mime_type = mime_type if _TYPE.fullmatch(mime_type) else "application/octet-stream"
            return self._close(person, Filed(id=file_id, name=_short(name), type=mime_type, size=size))
        finally:
            unfinished.unlink(missing_ok=True)

    async def keep(self, person: str, reply_id: str, file: File) -> Filed:
        """A file of the agent's, the same for the same reply. Raises OSError when the disk does not take it."""
        file_id = hashlib.sha256(reply_id.encode()).hexdigest()[:32]
        if (known := self.find(person, file_id)) is not None:
            return known
        await asyncio.to_thread(shutil.copyfile, file.path, self._unfinished(person, file_id))
        mime_type = file.mime_type.partition(";")[0].strip().lower()
        return self._close(person, Filed(id=file_id, name=file.name, type=mime_type, size=file.size))

    def drop(self, person: str, ids: Iterable[str]) -> None:
        """Remove the files *ids* of *person*."""
        for file_id in filter(_ID.fullmatch, ids):
            for path in (self._folder / person / file_id, self._folder / person / f"{file_id}.json"):
                path.unlink(missing_ok=True)

    def _unfinished(self, person: str, file_id: str) -> Path:
        drawer = self._folder / person
        drawer.mkdir(mode=0o700, parents=True, exist_ok=True)
        return drawer / f"{file_id}.part"

    def _close(self, person: str, filed: Filed) -> Filed:
        unfinished = self._unfinished(person, filed.id)
        unfinished.with_suffix(".json").write_text(json.dumps(asdict(filed)), "utf-8")
        unfinished.replace(self.path(person, filed))  # last: what is there is whole
        self._make_room(person)
        return filed

    def _make_room(self, person: str) -> None:
        kept = [entry for entry in os.scandir(self._folder / person) if _ID.fullmatch(entry.name)]
        oldest = sorted(kept, key=lambda entry: entry.stat().st_mtime)[: max(0, len(kept) - MOST_FILES)]
        self.drop(person, (entry.name for entry in oldest))


def _short(name: str) -> str:
    """*name* without folders, and as it can be shown."""
    last = re.split(r"[/\\]", name)[-1]
    return "".join(char for char in last if char.isprintable()).strip()[-120:] or "file"
