"""The lives of one host: started again and again on the same data, each time with another end."""

import asyncio
import json
import shutil
import signal
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Self

import httpx

from surfacehost_devkit.hostprocess import wait_until

END_S = 60.0
"""How long a host may take to get to where it dies."""


class Lives:
    """The host of one folder, started by a nursery; one at a time."""

    def __init__(self, folder: Path, settings: str, nursery: asyncio.subprocess.Process) -> None:
        self.folder = folder
        self.log = folder / "host.log"
        self.count = 0
        self.stored: dict[tuple[str, str], int] = {}
        """Surface and id of each event whose answer was on the disk, and at the end of which life it was seen there."""
        self._nursery = nursery
        self._said = folder / "said.txt"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "settings.toml").write_text(settings)

    @classmethod
    @asynccontextmanager
    async def of(cls, folder: Path, settings: str) -> AsyncIterator[Self]:
        """Ready to begin; whatever still lives is ended with the block."""
        nursery = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "surfacehost_devkit.chaos.nursery"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            yield cls(folder, settings, nursery)
        finally:
            nursery.kill()
            await nursery.wait()

    async def begin(self, **doom: Any) -> None:  # noqa: ANN401 - the fields of Doom
        """Start the host, to die as *doom* says."""
        self.count += 1
        words = ["run", "--settings", str(self.folder / "settings.toml")]
        self._said.write_text("")
        await self._order({"run": words, "log": str(self.log), "said": str(self._said), "doom": doom})
        assert "pid" in await self._heard()  # noqa: S101 - the nursery's word

    async def address(self) -> str:
        """Where its web server is, once it runs."""
        await asyncio.to_thread(wait_until, lambda: "running at" in self._said.read_text(), END_S, self.log.read_text)
        return self._said.read_text().split("running at ")[1].split(" ")[0]

    async def ready(self) -> None:
        """Wait until messages can flow."""
        page = f"{await self.address()}/readyz"
        await asyncio.to_thread(wait_until, lambda: httpx.get(page).status_code == 200, END_S, self.log.read_text)

    async def end(self, *, by: int = signal.SIGKILL) -> int:
        """Send the signal *by*, and wait for the end; the exit status."""
        await self._order({"signal": by})
        return await self.ended()

    async def ended(self) -> int:
        """Wait until it has ended; the exit status, negative for a signal. Raises TimeoutError."""
        async with asyncio.timeout(END_S):
            status: int = (await self._heard())["status"]
        await asyncio.to_thread(self._look_what_is_stored)
        return status

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

    async def _order(self, order: dict[str, Any]) -> None:
        assert self._nursery.stdin is not None  # noqa: S101 - asked for with PIPE
        self._nursery.stdin.write(json.dumps(order).encode() + b"\n")
        await self._nursery.stdin.drain()

    async def _heard(self) -> dict[str, Any]:
        assert self._nursery.stdout is not None  # noqa: S101 - as above
        line = await self._nursery.stdout.readline()
        if not line:
            raise RuntimeError("the nursery has ended")
        word: dict[str, Any] = json.loads(line)
        return word
