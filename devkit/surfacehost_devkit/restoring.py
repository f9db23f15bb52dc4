"""A backup of a host, and the host going on with it: as an operator does both."""

import shutil
from pathlib import Path

from surfacehost_devkit.hostprocess import HostProcess


def back_up(host: HostProcess, target: Path) -> Path:
    """``surfacehost backup`` into *target*, whether *host* runs or not. Raises AssertionError with what it says."""
    ended = host.command("backup", str(target))
    assert ended.returncode == 0, ended.stderr  # noqa: S101 - a test's mistake
    return target


def restore(host: HostProcess, copy: Path) -> None:
    """Put *copy* in place of what *host*, which does not run, has in its default ``data_dir``."""
    data_dir = host.folder / "var"
    shutil.rmtree(data_dir)
    shutil.copytree(copy, data_dir)
