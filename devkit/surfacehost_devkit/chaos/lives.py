"""The lives of one host: started again and again on the same data, each time with another end."""

import asyncio
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from surfacehost_devkit.chaos.doom import Doom
from surfacehost_devkit.forked import Forked
from surfacehost_devkit.hostprocess import address_in, page_of, wait_until

END_S = 60.0
"""How long a host may take to get to where it dies."""


class Lives:
    """The host of one folder; one at a time."""

    def __init__(self, folder: Path, settings: str, first: Callable[[], None] | None) -> None:
        self.folder = folder
        self.log = folder / "host.log"
        self.count = 0
        self.stored: dict[tuple[str, str], int] = {}
        """Surface and id of each event whose answer was on the disk, and at the end of which life it was seen there."""
        self._first = first
        self._said = folder / "said.txt"
        self._process: Forked | None = None
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "settings.toml").write_text(settings)

    @classmethod
    @contextmanager
    def of(cls, folder: Path, settings: str, first: Callable[[], None] | None = None) -> Iterator[Self]:
        """Ready to begin; whatever still lives is ended with the block.

        *first* is called in each host before it begins, to do something to it: it can be pickled.
        """
        lives = cls(folder, settings, first)
        try:
            yield lives
        finally:
            if lives._process is not None:
                lives._process.send_signal(signal.SIGKILL)
                lives._process.wait()

    def begin(self, doom: Doom) -> None:
        """Start the host, to die as *doom* says."""
        self.count += 1
        words = ["run", "--settings", str(self.folder / "settings.toml")]
        self._said.write_text("")
        self._process = Forked(words, said=self._said, log=self.log, first=Beginning(self._first, doom))

    async def address(self) -> str:
        """Where its web server is, once it runs."""
        await asyncio.to_thread(wait_until, lambda: address_in(self._said), END_S, self.log.read_text)
        return address_in(self._said)

    async def ready(self) -> None:
        """Wait until messages can flow."""
        address = await self.address()
        await asyncio.to_thread(wait_until, lambda: page_of(address, "/readyz")[0] == 200, END_S, self.log.read_text)

    async def end(self, *, by: int = signal.SIGKILL) -> int:
        """Send the signal *by*, and wait for the end; the exit status."""
        self._living.send_signal(by)
        return await self.ended()

    async def ended(self) -> int:
        """Wait until it has ended; the exit status, negative for a signal. Raises TimeoutError."""
        try:
            status = await asyncio.to_thread(self._living.wait, END_S)
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        await asyncio.to_thread(self._look_what_is_stored)
        return status

    @property
    def _living(self) -> Forked:
        assert self._process is not None  # noqa: S101 - begun first
        return self._process

    def _look_what_is_stored(self) -> None:
        """Which answers are on the disk: in a copy, so that the next host finds the files as the last one left them."""
        with tempfile.TemporaryDirectory() as copy:
            for file in (self.folder / "var").glob("surfacehost.db*"):
                if not file.name.endswith((".lock", "-shm")):
                    shutil.copy(file, copy)
            with closing(sqlite3.connect(Path(copy) / "surfacehost.db")) as database:
                if not database.execute("select 1 from sqlite_master where name = 'inbox'").fetchone():
                    return  # it died before there was one
                rows = database.execute(
                    "select surface, event_id from inbox where state <> 'waiting' order by id desc limit 2000"
                ).fetchall()
        for surface, event in rows:
            self.stored.setdefault((surface, event), self.count)


@dataclass(frozen=True, slots=True)
class Beginning:
    """What is done in a host before it begins."""

    first: Callable[[], None] | None
    doom: Doom

    def __call__(self) -> None:
        """Do it."""
        if self.first is not None:
            self.first()
        self.doom.arm()
