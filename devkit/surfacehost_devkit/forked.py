"""A process of ours that begins at once: a fork of one that has imported everything already.

Importing the host and its surfaces costs seconds of a small machine's time, and tests start hundreds of hosts. What
runs in the fork is the same program from its first line; that it starts from nothing too is seen wherever a test runs
it in an environment of its own, and in the demo.
"""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["surfacehost_devkit.preloaded"])


class Forked:
    """``surfacehost`` with *words* on its command line, in a process of its own."""

    def __init__(
        self,
        words: list[str],
        *,
        said: Path,
        log: Path,
        environ: Mapping[str, str] | None = None,
        first: Callable[[], None] | None = None,
    ) -> None:
        """Start it: standard output goes into *said*, standard error to the end of *log*.

        *first* is called in the new process before the program: a function, or a bound method, that can be pickled.
        """
        environ = dict(os.environ if environ is None else environ)
        self._process = _CONTEXT.Process(target=_become, args=(words, said, log, environ, first), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None  # noqa: S101 - it was started
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended, negative for a signal; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it ends; its exit status. Raises subprocess.TimeoutExpired after *timeout* seconds."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal to it, if it still runs."""
        if self.returncode is None:
            os.kill(self.pid, number)


def _become(words: list[str], said: Path, log: Path, environ: dict[str, str], first: Callable[[], None] | None) -> None:
    """Be the program."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # it does not outlive the one who started it
    for number, file, flags in (
        (0, Path(os.devnull), os.O_RDONLY),
        (1, said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
    ):
        opened = os.open(file, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(environ)
    sys.path[:0] = filter(None, environ.get("PYTHONPATH", "").split(os.pathsep))  # as Python does at its start
    from surfacehost.__main__ import main  # noqa: PLC0415 - only the child needs it, and there it is imported already

    status = 1
    try:
        if first is not None:
            first()
        status = main(words)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except Exception:  # noqa: BLE001 - told as Python tells it, not as multiprocessing does
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
