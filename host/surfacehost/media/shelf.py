"""Where files lie: one folder, a name of our own for each, and beside it what the file is called and what it is."""

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from surfacehost.errors import NotReady, TooLarge

ID = re.compile(r"[0-9a-f]{32}")
TYPE = re.compile(r"[\w.+-]{1,80}/[\w.+-]{1,80}")
LONGEST_NAME = 120
"""Characters; longer names have their beginning cut off, the ending tells the kind."""
UNKNOWN = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A file that is whole."""

    id: str
    name: str
    mime_type: str
    size: int
    """In bytes."""


class Shelf:
    """The files of one host."""

    def __init__(self, folder: Path, *, at_most: int) -> None:
        self._folder = folder
        self.at_most = at_most
        """Bytes that one file may have."""

    def path(self, item: Item) -> Path:
        """Where *item* lies."""
        return self._folder / item.id

    def find(self, item_id: str) -> Item | None:
        """The file *item_id*; none where it is not, or no longer, or not whole."""
        if not ID.fullmatch(item_id) or not (self._folder / item_id).exists():
            return None
        return Item(id=item_id, **json.loads(self._label(item_id).read_text("utf-8")))

    async def put(self, item_id: str, name: str, mime_type: str, write: Callable[[Path], Awaitable[None]]) -> Item:
        """The file *item_id*, written by *write* unless it is there already from before a crash.

        Raises whatever *write* raises, TooLarge for one that came out too large, and NotReady when the disk does not
        take it; then nothing is left behind.
        """
        if (known := self.find(item_id)) is not None:
            return known
        unfinished = self._folder / f"{item_id}.part"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            await write(unfinished)
            return await asyncio.to_thread(self._seal, item_id, unfinished, safe_name(name), safe_type(mime_type))
        except OSError as error:
            raise NotReady(f"a file can't be stored: {error.strerror or error}") from error
        finally:
            unfinished.unlink(missing_ok=True)

    def clear(self, before: float) -> int:
        """Remove what was last touched *before* that time, in seconds since the epoch; how many files it were."""
        old = [path for path in self._files() if path.stat().st_mtime < before]
        for path in old:
            path.unlink(missing_ok=True)
        return sum(1 for path in old if ID.fullmatch(path.name))

    def _seal(self, item_id: str, unfinished: Path, name: str, mime_type: str) -> Item:
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
            size = file.seek(0, os.SEEK_END)
        if size > self.at_most:
            raise TooLarge(f"{size} bytes, at most {self.at_most}")
        item = Item(id=item_id, name=name, mime_type=mime_type, size=size)
        label = asdict(item)
        del label["id"]
        self._label(item_id).write_text(json.dumps(label), "utf-8")
        unfinished.replace(self._folder / item_id)  # last: what is there is whole
        return item

    def _label(self, item_id: str) -> Path:
        return self._folder / f"{item_id}.json"

    def _files(self) -> Iterator[Path]:
        if self._folder.exists():
            yield from (path for path in self._folder.iterdir() if ID.match(path.name))


def id_of(*parts: object) -> str:
    """The id of the file that *parts* name: the same after a crash, so that nothing is fetched twice."""
    return hashlib.sha256("\n".join(map(str, parts)).encode("utf-8", "replace")).hexdigest()[:32]


def safe_name(name: str) -> str:
    """*name* as it may be shown: without folders, without what can't be printed."""
    last = re.split(r"[/\\]", name)[-1]
    return "".join(char for char in last if char.isprintable()).strip(" .")[-LONGEST_NAME:] or "file"


def safe_type(mime_type: str) -> str:
    """*mime_type* without parameters; what is none is ``application/octet-stream``."""
    plain = mime_type.split(";", maxsplit=1)[0].strip().lower()
    return plain if TYPE.fullmatch(plain) else UNKNOWN
