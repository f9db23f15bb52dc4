"""A child process that cannot outlive this one, with its signals sent by a process that knows it still exists."""

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Literal

_WARDEN = Path(__file__).with_name("warden.py")
Order = Literal["TERM", "KILL", "STOP", "CONT"]


class ProcessEnded(RuntimeError):
    """The child process is not running (any more)."""


class ChildProcess:
    """One run of a command below a warden (see ``warden.py``); its output is appended to a log file."""

    def __init__(self, command: Sequence[str], *, log: Path, folder: Path) -> None:
        """Start the command in ``folder``."""
        with log.open("ab") as output:
            self._warden = subprocess.Popen(  # noqa: S603  our own script, no shell
                # -I: the caller's PYTHON… settings and folders are not the warden's business.
                [sys.executable, "-I", str(_WARDEN), str(os.getpid()), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                cwd=folder,
                bufsize=0,
                # Ctrl-C in a terminal goes to the whole process group; here the caller decides when to stop.
                start_new_session=True,
            )
        self._said = b""
        self.pid = int(self.wait_said("pid", timeout_s=10))

    @property
    def running(self) -> bool:
        """Whether the command still runs (a stopped one does)."""
        return self._warden.poll() is None

    def wait_said(self, word: str, *, timeout_s: float) -> str:
        """Wait until the warden says ``word`` and return the rest of that line.

        Raises ProcessEnded when the command ends first, TimeoutError when it takes longer.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            said, _, rest = self._next_line(deadline).partition(" ")
            if said == word:
                return rest
            if said == "ended":
                raise ProcessEnded(f"it ended with code {rest}")

    def order(self, order: Order) -> None:
        """Have the warden send a signal; raises ProcessEnded when the command has ended."""
        try:
            _pipe(self._warden.stdin).write(f"{order}\n".encode())
        except (BrokenPipeError, ValueError) as gone:  # ValueError: the pipe was closed by wait()
            raise ProcessEnded("it is not running") from gone

    def wait(self, *, timeout_s: float | None) -> None:
        """Wait until the command has ended, then let go of it; raises TimeoutError. None waits without a limit."""
        try:
            self._warden.wait(timeout_s)
        except subprocess.TimeoutExpired as late:
            raise TimeoutError(f"process {self.pid} still runs after {timeout_s} s") from late
        _pipe(self._warden.stdin).close()
        _pipe(self._warden.stdout).close()

    def _next_line(self, deadline: float) -> str:
        source = _pipe(self._warden.stdout)
        with selectors.DefaultSelector() as selector:
            selector.register(source, selectors.EVENT_READ)
            while b"\n" not in self._said:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError("no word from the process in time")
                data = os.read(source.fileno(), 4096)
                if not data:
                    raise ProcessEnded("its warden is gone")
                self._said += data
        line, _, self._said = self._said.partition(b"\n")
        return line.decode()


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101  all are asked for with PIPE
    return stream
