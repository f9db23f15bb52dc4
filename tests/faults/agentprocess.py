"""The reference agent as a process of its own, on a port that stays the same: to kill, to stop and to freeze."""

import asyncio
import signal
import sys
from pathlib import Path

from surfacehost_devkit.hostprocess import wait_until
from surfacehost_devkit.ports import free_port, is_free


class AgentProcess:
    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.settings = f'embedded = false\nurl = "ws://127.0.0.1:{self.port}"'
        self._log = folder / "agent.log"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait until it listens."""
        command = [sys.executable, "-m", "platform_agent", "--listen", f"127.0.0.1:{self.port}"]
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        await asyncio.to_thread(wait_until, lambda: not is_free(self.port), 20)
        assert self._process.returncode is None

    async def end(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal that ends it, and wait until it is gone."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)
            if number != signal.SIGKILL:
                self._process.send_signal(signal.SIGCONT)
            await self._process.wait()

    def freeze(self) -> None:
        """Let it accept connections and answer nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
