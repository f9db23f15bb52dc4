"""The installer: once, also when many ask, and honest when it fails."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from surfacehost_devkit.homeserver import InstallError, cache_folder, install, install_async
from surfacehost_devkit.homeserver.installer import CONSTRAINTS

# Builds an empty environment in place of the real one, and reports each build.
BUILD_ONCE = """
import sys
from pathlib import Path
from unittest.mock import patch
from surfacehost_devkit.homeserver import installer as module
def ways(venv, python):
    yield [[sys.executable, "-m", "venv", "--without-pip", str(venv)], ["echo", "BUILT"]]
with patch.object(module, "_ways", ways):
    print(module.install(cache=Path(sys.argv[1]), progress=print))
"""


def stand_in(folder: Path, script: str) -> Path:
    """A program that stands where a Python is expected."""
    program = folder / "python-stand-in"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    return program


def test_what_is_there_is_not_made_again(synapse_cache: Path) -> None:
    said: list[str] = []
    assert install(progress=said.append) == synapse_cache
    assert said == []
    version = "from importlib.metadata import version; print(version('matrix-synapse'))"
    shown = subprocess.run([synapse_cache, "-c", version], capture_output=True, text=True, check=True)
    assert shown.stdout == "1.163.2\n"


async def test_the_async_way_finds_the_same(synapse_cache: Path) -> None:
    assert await install_async() == synapse_cache


def test_many_at_once_build_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BUILD_ONCE, str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=60)[0].splitlines() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert sum(lines.count("BUILT") for lines in said) == 1
    assert len({lines[-1] for lines in said}) == 1


def test_a_build_cut_short_is_made_anew(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BUILD_ONCE, str(tmp_path)]
    first = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    venv = Path(first[-1]).parents[1]
    (venv / ".complete").unlink()
    (venv / "rest").touch()
    second = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert "BUILT" in second
    assert not (venv / "rest").exists()


def test_a_failure_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    broken = stand_in(tmp_path, "echo no such luck >&2; exit 3")
    with pytest.raises(InstallError, match=r"(?s)could not be installed.*no such luck"):
        install(broken, tmp_path / "cache")
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


async def test_cancelling_ends_the_tools(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    hanging = stand_in(tmp_path, f"echo $$ > {begun}\nexec tail -f /dev/null")
    installing = asyncio.create_task(install_async(hanging, tmp_path / "cache"))
    pid = int(await asyncio.to_thread(begun.read_text))
    handle = os.pidfd_open(pid)
    installing.cancel()
    async with asyncio.timeout(10):
        with pytest.raises(asyncio.CancelledError):
            await installing
        gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(handle, gone.set)
        await gone.wait()
    asyncio.get_running_loop().remove_reader(handle)
    os.close(handle)


def test_every_version_is_pinned_and_no_address_named(synapse_cache: Path) -> None:
    pinned = {line.split("==")[0] for line in CONSTRAINTS.read_text().splitlines() if "==" in line}
    names = "import importlib.metadata as m; print(*(d.name for d in m.distributions()))"
    shown = subprocess.run([synapse_cache, "-c", names], capture_output=True, text=True, check=True)
    installed = {re.sub(r"[-_.]+", "-", name).lower() for name in shown.stdout.split()}
    assert "matrix-synapse" in installed
    assert installed - {"pip"} <= pinned
    assert "://" not in CONSTRAINTS.read_text()


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"SURFACEHOST_CACHE": "/told", "XDG_CACHE_HOME": "/xdg"}, Path("/told")),
        ({"XDG_CACHE_HOME": "/xdg"}, Path(__file__).resolve().parents[2] / ".cache"),
    ],
)
def test_the_cache_folder(environ: dict[str, str], folder: Path) -> None:
    assert cache_folder(environ) == folder
