"""Where the keys of a device lie: one folder, one owner, and a disk that may be full."""

import fcntl
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import peewee  # type: ignore[import-untyped]  # peewee ships no types
import vodozemac

from surfacehost import NotReady
from surfacehost_matrix.private import write_private

UNREADABLE = (vodozemac.PickleException, vodozemac.LibolmPickleException, peewee.DatabaseError)
"""What opening a store of keys raises when it is damaged or its secret is another one."""
NO_ROOM = (peewee.OperationalError, sqlite3.OperationalError)
"""What using it raises when the disk is full or failing. Of nobody else's making, so no guard lets it pass."""


@contextmanager
def store(folder: Path) -> Iterator[str]:
    """Hold the folder of the keys for this process alone; gives the secret that they are stored under.

    Two processes on one store destroy each other's sessions. Raises NotReady when another one holds it, or the disk
    has no room for it.
    """
    with keeping(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise NotReady(f"another process uses the keys in {folder}") from error
        with keeping(folder):
            secret = _secret(folder / "secret")
        yield secret
    finally:
        os.close(lock)  # and with it the lock goes


@contextmanager
def keeping(folder: Path) -> Iterator[None]:
    """Turn what a full or failing disk does to the files in *folder* into NotReady."""
    try:
        yield
    except OSError as error:
        raise NotReady(f"the keys can't be stored in {folder}: {error.strerror}") from error


@contextmanager
def storing() -> Iterator[None]:
    """Turn what a full disk does to the store of keys into NotReady."""
    try:
        yield
    except NO_ROOM as error:
        raise NotReady(f"the keys can't be stored: {error}") from error


def _secret(file: Path) -> str:
    """The secret in *file*, made the first time; never changed, or the keys are lost."""
    if not file.exists():
        write_private(file, secrets.token_urlsafe(32))
    return file.read_text()


def take_up(folder: Path) -> int:
    """Count how often the keys in *folder* were taken up, this time included; what lags behind is an older copy.

    Raises NotReady without room.
    """
    file = folder / "turn"
    with keeping(folder):
        before = file.read_text(errors="replace") if file.exists() else ""
        turn = int(before) + 1 if before.isdecimal() else 1
        write_private(file, str(turn))
    return turn


def inherit(olm: Any, folder: Path, device_id: str) -> None:  # noqa: ANN401 - untyped
    """Give *olm* what an earlier device of the account, whose store is in *folder* as well, can read in rooms."""
    store = olm.store
    if not (folder / f"{store.user_id}_{device_id}.db").exists():
        return
    earlier = type(store)(store.user_id, device_id, str(folder), pickle_key=store.pickle_key)
    try:
        for session in earlier.load_inbound_group_sessions():
            if olm.inbound_group_store.add(session):
                olm.save_inbound_group_session(session)
    finally:
        earlier.database.close()
