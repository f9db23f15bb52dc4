"""Whether a host notices that it has handled a million messages: run `python bench/growth.py`.

Two hosts side by side, one with an empty database and one with a full one; what counts is the ratio of the two.
"""

import asyncio
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx

from surfacehost.store.sqlite import SqliteDatabase
from surfacehost_devkit.hostprocess import HostProcess, wait_until

MESSAGES, OLD = 1_000_000, 100_000
ROUNDS, ASKS = 5, 40
DAY_S = 86_400
NUMBERS = "with recursive number (n) as (select {first} union all select n + 1 from number where n < {last})"
THREADS = """insert into thread (lane, surface) {numbers}
    select '1/logbook/' || n || '/c/~', 'logbook' from number where n <= 10000 on conflict do nothing"""
EVENTS = """insert into inbox (surface, event_id, lane, body, state, received_at) {numbers}
    select 'logbook', 'old-' || n, '1/logbook/' || n % 10000 || '/c/~', hex(zeroblob(200)), 'done',
    {now} - n % 20 * 86400.0 from number"""
REPLIES = """insert into outbox (inbox, surface, reply, kind, body, state) {numbers}
    select inbox.id, 'logbook', event_id || '/0', 'answer', hex(zeroblob(300)), 'sent'
    from number join inbox on event_id = 'old-' || n where inbox.surface = 'logbook'"""


class Subject:
    """A host on its own data, talked to through the logbook."""

    def __init__(self, folder: Path, messages: int) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "said.jsonl").touch()
        self.host = HostProcess(folder, self.settings(keep_days=0))
        self.database = folder / "var" / "surfacehost.db"
        self._count = 0
        asyncio.run(_create(self.database))
        if messages:
            fill(self.database, 1, messages)

    def settings(self, *, keep_days: int) -> str:
        """Its settings.toml."""
        table = (
            f'[surfaces.logbook]\nfolder = "{self.folder}"\ndm_policy = "open"\nrate_per_minute = 0\nloop_limit = 0\n'
        )
        return f"[store]\nkeep_days = {keep_days}\n{table}"

    def start(self) -> float:
        """Start it; seconds until the web server answered."""
        began = time.perf_counter()
        self.host.start()
        httpx.get(f"{self.host.address}/healthz").raise_for_status()
        return time.perf_counter() - began

    def resident(self) -> float:
        """MiB of memory in use."""
        lines = Path(f"/proc/{self.host.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))

    def ask(self) -> float:
        """One message; milliseconds from stored to settled."""
        self._count += 1
        event = f"{time.time_ns()}-{self._count}"
        with (self.folder / "said.jsonl").open("a") as said:
            said.write(json.dumps({"id": event, "who": f"p{self._count % 7}", "text": "hi"}) + "\n")
        steps: list[list[tuple[str, float]]] = []

        def settled() -> bool:
            ways = self.host.status()["ways"]
            steps[:] = [way["steps"] for way in ways if way["event"] == event and way["steps"][-1][0] == "settled"]
            return bool(steps)

        wait_until(settled, 30, self.host.log_tail)
        return (steps[0][-1][1] - steps[0][0][1]) * 1000

    def look(self) -> float:
        """Milliseconds for the status page."""
        began = time.perf_counter()
        self.host.status()
        return (time.perf_counter() - began) * 1000


async def _create(path: Path) -> None:
    async with SqliteDatabase(path):
        pass


def fill(path: Path, first: int, last: int) -> None:
    """Write handled messages of the last 20 days, numbered from *first* to *last*, and their answers."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in (THREADS, EVENTS, REPLIES):
            connection.execute(statement.format(now=time.time(), numbers=NUMBERS.format(first=first, last=last)))


def both(what: str, empty: Subject, full: Subject, measure: Callable[[Subject], float], times: int) -> None:
    """Measure both in turn, so that what else the machine does hits both; print the medians and their ratio."""
    subjects = [empty, full]
    found: dict[Subject, list[float]] = {empty: [], full: []}
    for _ in range(times):
        for subject in subjects:
            found[subject].append(measure(subject))
        subjects.reverse()  # whoever comes second finds another machine
    one, other = statistics.median(found[empty]), statistics.median(found[full])
    print(f"{what:34}{one:12.2f}{other:12.2f}{other / one:10.2f}", flush=True)


def start_and_stop(subject: Subject) -> float:
    """Seconds for a start; it is stopped again."""
    seconds = subject.start()
    subject.host.stop()
    return seconds


def megabytes(path: Path) -> float:
    """The size of *path*."""
    return path.stat().st_size / 2**20


def forget(full: Subject) -> None:
    """Let some of its messages be old; how long until they are forgotten, and what a message takes meanwhile."""
    with closing(sqlite3.connect(full.database)) as connection, connection:
        connection.execute(f"update inbox set received_at = received_at - {40 * DAY_S} where id <= {OLD}")
    before = megabytes(full.database)
    full.host.configure(full.settings(keep_days=30))
    full.start()
    began, meanwhile = time.perf_counter(), [full.ask()]
    while "are forgotten" not in full.host.log_text():
        meanwhile.append(full.ask())
    took, longest = time.perf_counter() - began, max(meanwhile)
    print(f"\nforgetting {OLD:,} of them takes {took:.0f} s; meanwhile a message takes")
    print(f"{statistics.median(meanwhile):.2f} ms, the longest of {len(meanwhile)} takes {longest:.2f} ms")
    full.host.stop()
    after = megabytes(full.database)
    fill(full.database, MESSAGES + 1, MESSAGES + OLD)
    again = megabytes(full.database)
    print(f"size: {before:.0f} MiB before, {after:.0f} MiB after, {again:.0f} MiB with as many new ones")


def main() -> None:
    """Print the figures of both, and the ratio."""
    with tempfile.TemporaryDirectory() as folder:
        empty, full = Subject(Path(folder) / "empty", 0), Subject(Path(folder) / "full", MESSAGES)
        print(f"{'':34}{'empty':>12}{f'{MESSAGES:,}':>12}{'ratio':>10}")
        try:
            both("start, s", empty, full, start_and_stop, ROUNDS)
            empty.start()
            full.start()
            both("stored to settled, ms", empty, full, Subject.ask, ASKS)
            both("status page, ms", empty, full, Subject.look, ASKS)
            both("resident memory, MiB", empty, full, Subject.resident, 1)
            full.host.stop()
            forget(full)
        finally:
            empty.host.close()
            full.host.close()


if __name__ == "__main__":
    main()
