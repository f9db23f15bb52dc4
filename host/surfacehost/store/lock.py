"""One host for each folder: a lock that the kernel releases, however its process ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from surfacehost.store.faults import refused
from surfacehost.store.transaction import StoreRefused

PATIENCE_S = 0.5
"""How long a lock may be held by a command that only looks whether a host runs."""


def lock(path: Path) -> int:
    """The descriptor of the locked file *path*; closing it releases. Raises StoreRefused when another host has it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise refused(error, path) from error
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if time.monotonic() < deadline:
                time.sleep(PATIENCE_S / 20)
                continue
            os.close(descriptor)
            said = f"another surfacehost is using {path.parent}: stop it, or give this one its own"
            raise StoreRefused(said) from error
        return descriptor


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep every other host out of *folder*, wherever its database is. Raises StoreRefused."""
    descriptor = lock(folder / "host.lock")
    try:
        yield
    finally:
        os.close(descriptor)


def is_held(folder: Path) -> bool:
    """Whether a host runs on *folder*. One that starts at this very moment may not be seen, and waits for our look."""
    try:
        return is_locked(folder / "host.lock")
    except OSError:  # there is none, or it is not ours to read: then no host of ours runs on it
        return False


def is_locked(path: Path) -> bool:
    """Whether somebody has locked the file *path*. Raises OSError where it can't be looked at."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
