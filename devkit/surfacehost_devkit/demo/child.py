"""A command that can't outlive the demo, however that ends: it runs below the homeserver's warden."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from surfacehost_devkit.homeserver import warden


class Child:
    """One run of a command; what it says is appended to a log."""

    def __init__(self, process: asyncio.subprocess.Process, pid: int) -> None:
        self._process = process
        self.pid = pid

    @classmethod
    async def start(cls, command: Sequence[str], *, log: Path, folder: Path, environ: Mapping[str, str]) -> Self:
        """Start *command* in *folder*."""
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", warden.__file__, str(os.getpid())),
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=output,
                cwd=folder,
                env=environ,
                start_new_session=True,  # Ctrl-C is ours to pass on
            )
        assert process.stdout is not None  # noqa: S101 - asked for with PIPE
        _, _, pid = (await process.stdout.readline()).decode().partition(" ")
        return cls(process, int(pid or 0))

    @property
    def runs(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.returncode is None

    async def ended(self) -> int:
        """Wait for its end; its exit code."""
        return await self._process.wait()

    def kill(self) -> None:
        """SIGKILL: it gets no chance to say goodbye."""
        self._order("KILL")

    async def stop(self, grace_s: float) -> None:
        """SIGTERM, and SIGKILL after *grace_s*; returns when it is gone."""
        self._order("TERM")
        try:
            async with asyncio.timeout(grace_s):
                await self.ended()
        except TimeoutError:
            self.kill()
            await self.ended()

    def _order(self, word: str) -> None:
        if self.runs and self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(f"{word}\n".encode())
