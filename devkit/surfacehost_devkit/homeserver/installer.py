"""Makes the virtual environment that Synapse runs in: once, in the cache, with every version pinned."""

import asyncio
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from .cache import cache_folder

SYNAPSE_VERSION = "1.163.2"
CONSTRAINTS = Path(__file__).with_name("constraints.txt")
Progress = Callable[[str], None]


class InstallError(RuntimeError):
    """Synapse could not be installed; the text ends with the last lines of the tool that tried."""


def _silent(_line: str) -> None:
    pass


def install(python: str | Path = sys.executable, cache: Path | None = None, progress: Progress = _silent) -> Path:
    """Install Synapse into an environment of its own and return that environment's Python.

    Quick when it is already there. Several processes may call it at once: one builds, the others wait. A build
    that was cut short leaves no marker and is made anew. ``progress`` gets lines of plain text.
    Raises InstallError when neither uv nor pip can do it.
    """
    base = cache or cache_folder()
    venv = base / _folder_name(Path(python))
    interpreter = venv / "bin" / "python"
    if _complete(venv):
        return interpreter
    base.mkdir(parents=True, exist_ok=True)
    with _alone(base / f"{venv.name}.lock", progress):
        if not _complete(venv):
            _build(venv, Path(python), progress)
    return interpreter


async def install_async(
    python: str | Path = sys.executable, cache: Path | None = None, progress: Progress = _silent
) -> Path:
    """Do what ``install`` does without blocking the loop; cancelling it ends the tools it runs.

    It runs in a process of its own, because a thread that waits for a lock or a download cannot be cancelled.
    """
    command = [sys.executable, "-m", __package__, "--install", "--python", str(python)]
    command += ["--cache", str(cache or cache_folder())]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None  # noqa: S101  asked for with PIPE above
    lines: deque[str] = deque(maxlen=20)
    try:
        async for raw in process.stdout:
            lines.append(raw.decode(errors="replace").rstrip())
            progress(lines[-1])
        code = await process.wait()
    finally:
        if process.returncode is None:
            # The group: the process itself and the uv or pip below it.
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if code != 0:
        raise InstallError("\n".join(lines))
    return Path(lines[-1])


def _folder_name(python: Path) -> str:
    """One folder for each set of versions and each Python, as an environment is tied to both."""
    base = hashlib.sha256(CONSTRAINTS.read_bytes() + str(python.resolve()).encode())
    return f"synapse-{SYNAPSE_VERSION}-{base.hexdigest()[:12]}"


def _complete(venv: Path) -> bool:
    # The interpreter is a link to the Python it was made with, which may have been removed since.
    return (venv / ".complete").is_file() and (venv / "bin" / "python").exists()


@contextlib.contextmanager
def _alone(lock: Path, progress: Progress) -> Iterator[None]:
    """Hold a file lock, which the system gives back when the holder dies."""
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("Another process is installing Synapse; waiting for it")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _build(venv: Path, python: Path, progress: Progress) -> None:
    progress(f"Installing Synapse {SYNAPSE_VERSION} into {venv} (once)")
    failure = ""
    for steps in _ways(venv, python):
        shutil.rmtree(venv, ignore_errors=True)
        failure = _run_all(steps, progress)
        if not failure:
            (venv / ".complete").touch()
            progress(f"Synapse {SYNAPSE_VERSION} is installed")
            return
    shutil.rmtree(venv, ignore_errors=True)
    raise InstallError(f"Synapse {SYNAPSE_VERSION} could not be installed:\n{failure}")


def _ways(venv: Path, python: Path) -> Iterator[list[Sequence[str]]]:
    """First uv, as it is much quicker; then pip, which may know a mirror that uv was not told of."""
    wanted = ["-c", str(CONSTRAINTS), f"matrix-synapse=={SYNAPSE_VERSION}"]
    own = str(venv / "bin" / "python")
    if uv := _uv():
        yield [
            [*uv, "venv", "--no-project", "--python", str(python), str(venv)],
            [*uv, "pip", "install", "--python", own, *wanted],
        ]
    yield [
        [str(python), "-m", "venv", str(venv)],
        [own, "-m", "pip", "install", "--disable-pip-version-check", "--prefer-binary", *wanted],
    ]


def _uv() -> list[str]:
    if importlib.util.find_spec("uv") is not None:
        return [sys.executable, "-m", "uv"]
    found = shutil.which("uv")
    return [found] if found else []


def _run_all(steps: Sequence[Sequence[str]], progress: Progress) -> str:
    """Run commands one after another; return the last lines of the first that fails, else nothing."""
    for step in steps:
        tail: deque[str] = deque(maxlen=15)
        with subprocess.Popen(  # noqa: S603  fixed commands, no shell
            step,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # A VIRTUAL_ENV of the caller's makes uv warn about an environment that is not meant here.
            env={name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"},
        ) as process:
            assert process.stdout is not None  # noqa: S101  asked for with PIPE above
            try:
                for line in process.stdout:
                    tail.append(line.rstrip())
                    progress(tail[-1])
            except BaseException:
                process.kill()  # Ctrl-C and the like: leaving the block would wait for the download
                raise
        if process.returncode != 0:
            return "\n".join(tail) or f"{step[0]} ended with code {process.returncode}"
    return ""
