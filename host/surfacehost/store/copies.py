"""A copy of the database: made while a host uses it, and known again when a host goes on with it.

A host that goes on with an older copy has forgotten what was answered since. What was open in the copy, and what a
platform tells of the time before, may have been answered already: such an event is *suspect*, and replies to it are
``repeated`` from the start, so that its surface looks before it sends.
"""

import json
import sqlite3
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from surfacehost.store import faults
from surfacehost.store.transaction import StoreRefused, Transaction

MARK, RESTORED = "copied_at", "restored"
MARGIN_S = 300.0
"""Seconds by which a platform's clock may be ahead of ours."""
PATIENCE_S = 30.0
"""How long a copy waits for somebody who is writing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """That this database was once a copy. Times are seconds since the epoch."""

    copied_at: float
    at: float
    """When a host went on with it."""
    until: float
    """What happened before then may have been answered already."""


def copy(source: Path, target: Path) -> None:
    """Copy any SQLite database, as it is at one moment, whoever writes to it.

    Raises StoreRefused for one that is damaged, can't be read or finds no room.
    """
    where = f"{source.absolute().as_uri()}?mode=rw"
    try:
        target.touch(mode=0o600)
        with (
            closing(sqlite3.connect(where, uri=True, timeout=PATIENCE_S)) as theirs,
            closing(sqlite3.connect(target)) as ours,
        ):
            theirs.backup(ours)  # every page in one step, under one lock: otherwise it begins anew with every write
            faults.look_through(ours, source)
            ours.execute("pragma journal_mode = delete")  # one file, nothing beside it
    except (sqlite3.Error, OSError) as error:
        raise faults.refused(error, source if faults.is_damage(error) else target) from error


def copy_marked(source: Path, target: Path) -> None:
    """Copy a host's database, and write into the copy that it is one. Raises as ``copy``."""
    copy(source, target)
    with closing(sqlite3.connect(target)) as ours, ours:
        if not ours.execute("select 1 from sqlite_master where name = 'meta'").fetchone():
            raise StoreRefused(f"{source} is no database of a host")
        # A copy of a copy that no host has gone on with is as old as the first.
        ours.execute("insert into meta values (?, ?) on conflict do nothing", (MARK, str(time.time())))


async def recognise(tx: Transaction, *, now: float) -> Restored | None:
    """What to know of a database that is a copy, once: what is open in it or may be again becomes suspect.

    None for an original.
    """
    marked = await tx.rows("select value from meta where key = :key", key=MARK)
    if not marked:
        return None
    restored = Restored(copied_at=float(marked[0]["value"]), at=now, until=now + MARGIN_S)
    await tx.run("delete from meta where key = :key", key=MARK)
    await tx.run(
        "insert into meta (key, value) values (:key, :value) on conflict (key) do update set value = excluded.value",
        key=RESTORED, value=json.dumps(asdict(restored)),
    )  # fmt: skip
    await tx.run("update inbox set suspect = 1 where state in ('waiting', 'answered', 'parked', 'refused')")
    await tx.run(
        "update outbox set state = 'doubtful' where state in ('waiting', 'sending')"
        " and inbox in (select id from inbox where state in ('waiting', 'answered'))"
    )
    return restored


async def last_restored(tx: Transaction) -> Restored | None:
    """What ``recognise`` found last, in this run or an earlier one; None for a database that never was a copy."""
    rows = await tx.rows("select value from meta where key = :key", key=RESTORED)
    return Restored(**json.loads(rows[0]["value"])) if rows else None
