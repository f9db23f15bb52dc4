"""The real ``surfacehost demo`` as a child process, and every process below it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from surfacehost_devkit.hostprocess import wait_until


@dataclass(frozen=True, slots=True)
class Process:
    """One process; the time of its start tells it from a later one with the same number."""

    pid: int
    started: str
    command: str

    @property
    def lives(self) -> bool:
        return any(one == self for one in processes().values())


def processes() -> dict[int, Process]:
    """Every process that has not ended."""
    return {process.pid: process for process, _, state in _stats() if state not in "ZX"}


def below(pid: int) -> list[Process]:
    """The processes below *pid*, however deep."""
    parents = {process.pid: parent for process, parent, _ in _stats()}
    living = processes()

    def is_below(one: int) -> bool:
        parent = parents.get(one, 0)
        return parent == pid or (parent > 1 and is_below(parent))

    return [living[one] for one in living if is_below(one)]


def _stats() -> Iterator[tuple[Process, int, str]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended between the two looks
            yield Process(int(folder.name), stat[19], command), int(stat[1]), stat[0]


class DemoProcess:
    """One demo with its output in a file."""

    def __init__(self, folder: Path, *words: str, **environ: str) -> None:
        self._said = folder / "said.txt"
        with self._said.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "surfacehost", "demo", *words],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | environ,
                cwd=folder,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self._said.read_text()

    @property
    def address(self) -> str:
        return str(re.findall(r"Open (http://\S+)", self.said)[0])

    @property
    def children(self) -> list[Process]:
        return below(self._process.pid)

    def wait_said(self, words: str, timeout_s: float) -> None:
        self.wait_until(lambda: words in self.said, timeout_s)

    def wait_until(self, condition: Callable[[], object], timeout_s: float) -> None:
        wait_until(lambda: condition() or self._process.poll() is not None, timeout_s, lambda: self.said)
        assert condition(), f"it ended with {self._process.returncode}:\n{self.said}"

    def end(self, number: int, timeout_s: float = 10) -> int:
        """Send a signal and wait for the end: its exit code."""
        self._process.send_signal(number)
        return self.ended(timeout_s)

    def ended(self, timeout_s: float) -> int:
        return self._process.wait(timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
