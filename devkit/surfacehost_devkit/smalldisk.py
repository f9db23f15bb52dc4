"""A disk of a few megabytes that really runs full: a tmpfs of its own. Only root can mount one."""

import errno
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Self

PAGE = 4096


class SmallDisk:
    """Mounted at *path* inside ``with``."""

    def __init__(self, path: Path, megabytes: int = 8) -> None:
        self.path = path
        self._megabytes = megabytes
        self._filler = path / "filler"

    def __enter__(self) -> Self:
        self.path.mkdir(parents=True, exist_ok=True)
        self._run("mount", "-t", "tmpfs", "-o", f"size={self._megabytes}m,mode=0700", "tmpfs", str(self.path))
        return self

    def __exit__(self, *_: object) -> None:
        self._run("umount", "--lazy", str(self.path))  # whatever still has a file open there keeps that alone

    def fill(self) -> None:
        """Leave no room for a single page."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (256 * PAGE, PAGE):
                self._write_all(file.write, b"\0" * size)

    def free(self) -> None:
        """Make room again."""
        self._filler.unlink()

    def read_only(self, *, on: bool) -> None:
        """Take writes or refuse them."""
        self._run("mount", "-o", f"remount,{'ro' if on else 'rw'}", str(self.path))

    @staticmethod
    def _write_all(write: Callable[[bytes], int], block: bytes) -> None:
        while True:
            try:
                if write(block) < len(block):
                    return
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                return

    @staticmethod
    def _run(*command: str) -> None:
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - words of our own
