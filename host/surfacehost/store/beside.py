"""The database as a command opens it: beside the host that works with it, or while none does."""

import sqlite3
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from surfacehost.store import schema
from surfacehost.store.lock import is_locked
from surfacehost.store.sqlite import SqliteTransaction, drive, lock_of
from surfacehost.store.transaction import StoreFailed, StoreRefused

P = ParamSpec("P")
T = TypeVar("T")

NODE = "operator"

BUSY_S = 10.0
"""How long the host's own commits may keep us waiting."""


class SqliteBeside:
    """A second connection. It takes no lock, makes no file and migrates nothing: all that is the host's."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def __aenter__(self) -> Self:
        """Open it. Raises StoreRefused where there is no database, or one that this version does not work with."""
        if not self._path.exists() or self._path.stat().st_size == 0:
            raise StoreRefused(f"there is no database at {self._path}: the host makes it when it first starts")
        address = f"{self._path.absolute().as_uri()}?mode=rw"
        with ExitStack() as stack:
            try:
                self._connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=BUSY_S)
                stack.callback(self._connection.close)
                self._prepare()
            except sqlite3.Error as error:
                raise StoreRefused(f"{self._path} can't be used as a surfacehost database: {error}") from error
            stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        self._connection.close()

    def is_hosted(self) -> bool:
        """Whether a host runs on it. One that starts at this very moment may not be seen. Raises StoreFailed."""
        try:
            return is_locked(lock_of(self._path))
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StoreFailed(f"{lock_of(self._path)} can't be looked at: {error.strerror}") from error

    async def look(
        self, operation: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run *operation*, which only reads: it waits for nobody and nobody for it. Raises StoreFailed."""
        return self._run("begin", operation, *args, **kwargs)

    async def tx(
        self, operation: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run *operation*; its result once it is on the disk. Raises StoreFailed, or what it raised."""
        return self._run("begin immediate", operation, *args, **kwargs)

    def _prepare(self) -> None:
        self._connection.execute("pragma synchronous = full")
        self._connection.execute("pragma foreign_keys = on")
        found = drive(schema.version_of(SqliteTransaction(self._connection, NODE)))
        if found != schema.VERSION:
            raise StoreRefused(
                f"the database has version {found}, this surfacehost works with {schema.VERSION}: "
                + ("use the version that wrote it" if found > schema.VERSION else "its host, when started, updates it")
            )

    def _run(
        self,
        begin: str,
        operation: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        try:
            self._connection.execute(begin)
            result = drive(operation(SqliteTransaction(self._connection, NODE), *args, **kwargs))
            self._connection.execute("commit")
        except sqlite3.Error as error:
            raise StoreFailed(f"{self._path} could not be read or changed: {error}") from error
        finally:
            if self._connection.in_transaction:
                self._connection.execute("rollback")
        return result
