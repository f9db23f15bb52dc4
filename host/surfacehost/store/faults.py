"""What a disk can do to the database, each as a sentence that says what to do."""

import errno
import sqlite3
from pathlib import Path

from surfacehost.store.transaction import StoreFailed, StoreRefused

CHECKED_UP_TO = 64 * 2**20
"""Bytes of a database that is looked through before it is used: a fraction of a second. A start may not take longer
because much was said, so in a larger one damage is met when it is read, or by ``surfacehost backup``."""

DAMAGED_PAUSE_S = 60.0
"""Between two tries on a damaged database: some of it works, and what does not waits for a person."""

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_LOCKED_OUT = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)
_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)  # the second: no room for the WAL's index


def is_damage(error: BaseException | None) -> bool:
    """Whether *error* says that the file itself is broken: no attempt will find it whole."""
    return _code(error) & 0xFF in _DAMAGE


def is_busy(error: BaseException | None) -> bool:
    """Whether somebody else held the database for too long: nothing is wrong with it, and soon it is free."""
    return _code(error) & 0xFF == sqlite3.SQLITE_BUSY


def failed(error: sqlite3.Error) -> StoreFailed:
    """*error*, met while the host runs."""
    if is_damage(error):
        said = f"the database is damaged ({error}): stop the host and restore a backup, see the runbook"
        return StoreFailed(said, retry_after=DAMAGED_PAUSE_S)
    return StoreFailed(f"the database did not store it: {error}")


def refused(error: sqlite3.Error | OSError, path: Path) -> StoreRefused:
    """*error*, met while opening the database *path*."""
    code = _code(error)
    if is_damage(error):
        return damaged(path, str(error))
    if code in _NO_ROOM or (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)):
        return StoreRefused(f"there is no room for {path}, the disk is full: make room and start again")
    if code & 0xFF in _LOCKED_OUT or isinstance(error, OSError):
        why = error.strerror if isinstance(error, OSError) else error
        return StoreRefused(f"{path} can't be written ({why}): the host needs a folder of its own, see host.data_dir")
    return StoreRefused(f"{path} can't be used ({error})")


def damaged(path: Path, what: str) -> StoreRefused:
    """The database *path* is broken, *what* being the first that is."""
    return StoreRefused(f"{path} can't be read as a database ({what}): restore a backup, or move it away to begin anew")


def look_through(connection: sqlite3.Connection, path: Path) -> None:
    """Look for damage in the database. Raises StoreRefused, and sqlite3.Error for one that can't even be read."""
    (found,) = connection.execute("pragma quick_check(1)").fetchone()
    if found != "ok":
        raise damaged(path, " ".join(found.split()))


def _code(error: BaseException | None) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0)  # the extended one; its low byte is the primary
    return code
