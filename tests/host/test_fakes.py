"""The fakes that surfaces are tested with keep the promises of the real ones: one suite over both."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from surfacehost import Behaviour, Edit, Event, Memory, Message, NotReady, Put, Redaction
from surfacehost.flow import LoopGuard
from surfacehost.health import SurfaceHealth
from surfacehost.inlet import Inlet, StoredMemory
from surfacehost.store import arrivals
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.ways import Ways
from surfacehost_devkit.fakes import FakeMemory, FakePut


class Way:
    """A way in, what it remembers, and how to break it and see what came through."""

    put: Put
    memory: Memory

    def break_it(self) -> None:
        raise NotImplementedError

    async def stored(self) -> list[str]:
        raise NotImplementedError


class FakeWay(Way):
    def __init__(self) -> None:
        self.memory = FakeMemory()
        self.fake = self.put = FakePut(self.memory)

    def break_it(self) -> None:
        self.fake.broken = NotReady("the disk is full")

    async def stored(self) -> list[str]:
        return list(self.fake.events)


class NoRuns:
    def may_restart(self, edit: Edit) -> bool:
        raise NotImplementedError

    async def change(self, change: Edit | Redaction) -> None:
        raise NotImplementedError

    def interrupted_by(self, event: Event, lane: str) -> str:  # noqa: ARG002
        return ""

    async def interrupt(self, surface: str, running: str) -> None:
        raise NotImplementedError


def inlet(
    database: SqliteDatabase, seat: arrivals.Seat, behaviour: Behaviour, formerly: dict[str, str] | None = None
) -> Inlet:
    """The way in of a surface called toy, with nobody behind it."""
    return Inlet(
        database,
        seat,
        behaviour,
        health=SurfaceHealth("toy"),
        ways=Ways(),
        guard=LoopGuard(0),
        wake=lambda: None,
        runs=NoRuns(),
        stored=lambda *_: None,
        formerly=formerly,
    )


class RealWay(Way):
    def __init__(self, database: SqliteDatabase, seat: arrivals.Seat) -> None:
        self.database = database
        self.memory = StoredMemory(database, "toy")
        self.put = inlet(database, seat, Behaviour(dm_policy="open"))

    def break_it(self) -> None:
        pages = self.database._connection.execute("pragma page_count").fetchone()[0]
        self.database._connection.execute(f"pragma max_page_count = {pages}")

    async def stored(self) -> list[str]:
        rows = self.database._connection.execute("select event_id from inbox order by id")
        return [row[0] for row in rows]


@pytest_asyncio.fixture(params=["fake", "real"])
async def way(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Way]:
    if request.param == "fake":
        yield FakeWay()
        return
    async with SqliteDatabase(tmp_path / "x.db") as database:
        yield RealWay(database, await database.tx(arrivals.elect, "toy"))


def said(number: int, text: str = "hi") -> Message:
    return Message(surface="toy", id=f"e{number}", chat="c", sender="ann", direct=True, text=text)


async def test_the_cursor_is_where_it_was_put(way: Way) -> None:
    assert way.put.cursor is None
    await way.put(said(1), cursor="1")
    await way.put(said(2))
    await way.put()
    assert way.put.cursor == "1"


async def test_an_event_is_stored_once_and_in_order(way: Way) -> None:
    await way.put(said(1), said(2), said(1), cursor="1")
    await way.put(said(2), said(3), cursor="2")
    assert await way.stored() == ["e1", "e2", "e3"]


async def test_notes_go_with_the_events(way: Way) -> None:
    await way.put(said(1), notes={"a/1": {"x": [1]}, "b": "я"})
    await way.memory.set({"a/2": True})
    assert await way.memory.items("a/") == {"a/1": {"x": [1]}, "a/2": True}
    await way.put(notes={"a/1": None})
    assert (await way.memory.get("a/1"), await way.memory.get("b")) == (None, "я")


async def test_what_can_not_be_stored_moves_nothing(way: Way) -> None:
    await way.put(said(1), cursor="1")
    way.break_it()
    with pytest.raises(NotReady):
        await way.put(said(2, "x" * 100_000), cursor="2", notes={"a": "y" * 100_000})
    assert way.put.cursor == "1"
    assert await way.stored() == ["e1"]
    assert await way.memory.get("a") is None
