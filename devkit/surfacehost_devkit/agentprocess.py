"""The reference agent as a process of its own, on a port that stays the same: to kill, to stop and to freeze."""

import signal
from pathlib import Path
from typing import Self

from surfacehost_devkit.forked import Forked
from surfacehost_devkit.hostprocess import wait_until
from surfacehost_devkit.ports import free_port, is_free

START_S = 20.0
END_S = 10.0


class AgentProcess:
    """``surfacehost agent``; what a host needs to find it is ``settings``, the lines of its table ``[agent]``."""

    def __init__(self, folder: Path) -> None:
        """Its log is written to *folder*. It does not run before ``start``."""
        self.port = free_port()
        self.settings = f'embedded = false\nurl = "ws://127.0.0.1:{self.port}"'
        self._folder = folder
        self._process: Forked | None = None

    def start(self) -> Self:
        """Start it and wait until it listens. Raises AssertionError when it does not."""
        said, log = self._folder / "agent.txt", self._folder / "agent.log"
        process = Forked(["agent", "--listen", f"127.0.0.1:{self.port}"], said=said, log=log)
        self._process = process
        wait_until(lambda: not is_free(self.port) or process.returncode is not None, START_S, log.read_text)
        assert process.returncode is None, log.read_text()  # noqa: S101 - a test's mistake
        return self

    def end(self, number: int = signal.SIGKILL) -> int:
        """Send it a signal that ends it, frozen or not, and wait until it is gone; its exit status.

        Raises subprocess.TimeoutExpired.
        """
        self.send_signal(number)
        self.send_signal(signal.SIGCONT)
        return self._process.wait(END_S) if self._process else 0

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it runs: SIGSTOP, and it accepts connections and answers nothing, until SIGCONT."""
        if self._process is not None:
            self._process.send_signal(number)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.end()
