"""SQLite as the store: one file, one writer thread, many transactions per fsync.

WAL with ``synchronous=FULL``: a commit that returned survives a power cut, which is what lets a platform forget the
event. Such a commit costs an fsync; grouping those that wait makes it affordable. A lock on a file beside the database
keeps a second host out; the kernel releases it however this process ends.
"""

import asyncio
import logging
import os
import queue
import sqlite3
import threading
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from surfacehost.store import faults, schema
from surfacehost.store.lock import lock
from surfacehost.store.transaction import Row

P = ParamSpec("P")
T = TypeVar("T")

OTHERS_LOOK_S = 1.0
"""How often it is asked whether another process wrote: SQLite tells nobody."""

MAX_GROUP = 256
"""Transactions per commit at most: beyond it the fsync is no longer what costs."""

log = logging.getLogger(__name__)


class SqliteTransaction:
    """The transaction of one connection; it never suspends, so a coroutine over it runs through in one step."""

    def __init__(self, connection: sqlite3.Connection, node: str) -> None:
        self._connection = connection
        self.node = node

    async def rows(self, sql: str, **values: object) -> list[Row]:
        """The rows that *sql* gives."""
        cursor = self._connection.execute(sql, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    async def run(self, sql: str, **values: object) -> int:
        """Run *sql*; how many rows it changed."""
        return self._connection.execute(sql, values).rowcount


@dataclass(slots=True)
class _Job:
    operation: Callable[[SqliteTransaction], Coroutine[Any, Any, Any]]
    future: "asyncio.Future[Any]"
    result: Any = None


class SqliteDatabase:
    """The database of one running host."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.node = uuid.uuid4().hex[:12]
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="store", daemon=True)
        self._lock: int | None = None
        self._is_damaged = False
        self.trouble = ""
        """Why nothing can be stored, in one line; empty while it can. Damage does not go away by itself."""
        self._seen = 0

    async def __aenter__(self) -> Self:
        """Take the lock, open the file, bring it to today's version.

        Raises StoreRefused when another host holds the lock, the file is no database or damaged, its version is not
        ours, or there is no room for it.
        """
        self._lock = lock(lock_of(self._path))
        try:
            self._connection, is_new = await asyncio.to_thread(_connect, self._path)
            self._thread.start()
            await self.tx(schema.migrate, is_new=is_new)
            self._seen = await self.tx(_data_version)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Finish what waits, close the file, release the lock."""
        if self._thread.is_alive():
            self._jobs.put(None)
            await asyncio.to_thread(self._thread.join)
            self._connection.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def tx(
        self,
        operation: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run *operation* in a transaction and return its result once it is on the disk.

        Raises StoreFailed when the database could not keep it (a full disk, an I/O error), else what it raised.
        """
        future = asyncio.get_running_loop().create_future()
        self._jobs.put(_Job(lambda transaction: operation(transaction, *args, **kwargs), future))
        result: T = await future
        return result

    async def others_wrote(self) -> None:
        """Return once another process has written to the database. Raises StoreFailed.

        Asking costs no fsync: a transaction without a change leaves nothing to write.
        """
        while (version := await self.tx(_data_version)) == self._seen:  # noqa: ASYNC110 - nobody sets an event of ours
            await asyncio.sleep(OTHERS_LOOK_S)
        self._seen = version

    def _write(self) -> None:
        """Commit what waits, together; the body of the writer thread."""
        while (first := self._jobs.get()) is not None:
            group, last = [first], False
            while len(group) < MAX_GROUP and not self._jobs.empty():
                if (job := self._jobs.get()) is None:
                    last = True
                    break
                group.append(job)
            self._commit(group)
            if last:
                return

    def _commit(self, group: list[_Job]) -> None:
        changed = self._connection.total_changes
        try:
            self._connection.execute("begin immediate")
            for job in group:
                job.result = drive(job.operation(SqliteTransaction(self._connection, self.node)))
            self._connection.execute("commit")
        except Exception as error:  # noqa: BLE001 - it goes to whoever asked; the writer serves everyone and goes on
            self._roll_back()
            if len(group) == 1:
                _resolve(group[0].future, error=self._noted(error))
                return
            for job in group:  # one of them is at fault: each on its own
                self._commit([job])
        else:
            if self._connection.total_changes > changed and not self._is_damaged:
                self.trouble = ""  # what only reads proves nothing
            for job in group:
                _resolve(job.future, job.result)

    def _noted(self, error: Exception) -> Exception:
        """*error* as whoever asked is told; the database's own is kept in mind as its trouble."""
        if not isinstance(error, sqlite3.Error):
            return error
        failed = faults.failed(error)
        failed.__cause__ = error
        if not self._is_damaged and not faults.is_busy(error):
            self._is_damaged, self.trouble = faults.is_damage(error), str(failed)
        return failed

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            try:
                self._connection.execute("rollback")
            except sqlite3.Error:
                log.exception("rolling back %s", self._path)


def lock_of(path: Path) -> Path:
    """The file whose lock the host of the database at *path* holds for as long as it lives."""
    return path.with_name(path.name + ".lock")


async def _data_version(tx: SqliteTransaction) -> int:
    """A number that changes with every commit of another connection (https://sqlite.org/pragma.html)."""
    version: int = (await tx.rows("pragma data_version"))[0]["data_version"]
    return version


def _connect(path: Path) -> tuple[sqlite3.Connection, bool]:
    connection: sqlite3.Connection | None = None
    try:
        is_new = not path.exists() or path.stat().st_size == 0
        path.touch(mode=0o600)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=200)
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute("pragma foreign_keys = on")
        if path.stat().st_size <= faults.CHECKED_UP_TO:
            faults.look_through(connection, path)
        is_new = is_new or not connection.execute("select 1 from sqlite_master where name = 'meta'").fetchone()
    except Exception as error:
        if connection is not None:
            connection.close()
        if isinstance(error, sqlite3.Error | OSError):
            raise faults.refused(error, path) from error
        raise
    return connection, is_new


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run *coroutine* to its end; over this transaction it has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise RuntimeError("a store operation waited for something else than its transaction")


def _resolve(future: "asyncio.Future[Any]", result: object = None, error: Exception | None = None) -> None:
    """Hand the outcome to the loop that waits for it."""

    def set_outcome() -> None:
        if future.cancelled():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    try:
        future.get_loop().call_soon_threadsafe(set_outcome)
    except RuntimeError:  # the loop is closed: nobody waits any more
        log.debug("an outcome came after the loop had closed")
