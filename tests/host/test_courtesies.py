"""Marks that a platform did not let the host put or take away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.host.storing import ingest, said, settle, take

from surfacehost import NotReady
from surfacehost.courtesies import TRIES, WAITS, Courtesies
from surfacehost.events import Event
from surfacehost.store import marks
from surfacehost.store.arrivals import Seat
from surfacehost.store.inbox import Settled
from surfacehost.store.sqlite import SqliteDatabase


class Platform:
    """Takes marks, but not the next ones that it is told to refuse."""

    def __init__(self) -> None:
        self.seen: list[str | None] = []
        self.refuses = 0
        self._news = asyncio.Condition()

    async def react(self, event: Event, mark: str | None) -> None:  # noqa: ARG002 - there is one message
        async with self._news:
            self.seen.append(mark)
            self._news.notify_all()
        if self.refuses:
            self.refuses -= 1
            raise NotReady("not now")

    async def saw(self, *shown: str | None) -> None:
        """Wait until these were asked for, and no others."""
        async with asyncio.timeout(5), self._news:
            await self._news.wait_for(lambda: len(self.seen) >= len(shown))
        assert self.seen == [*shown]


@asynccontextmanager
async def beginning(database: SqliteDatabase, platform: Platform) -> AsyncIterator[Courtesies]:
    """The marks of a host that has just begun."""

    async def nobody(*_: object) -> None:
        raise AssertionError

    courtesies = Courtesies(platform, "toy", database, nobody)  # type: ignore[arg-type] # as much of a surface as it asks
    await courtesies.recall()
    working = asyncio.create_task(courtesies.run())
    try:
        yield courtesies
    finally:
        working.cancel()


async def stand(database: SqliteDatabase, *wanted: str) -> None:
    """Wait until these marks are noted, and no others."""
    async with asyncio.timeout(5):
        while [one.mark for one in await database.tx(marks.standing_marks, "toy")] != [*wanted]:
            pass


async def test_what_could_not_be_taken_away_is_tried_again_and_by_the_next_host(
    database: SqliteDatabase, seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("surfacehost.courtesies.AGAIN_S", 0.02)
    platform = Platform()
    await ingest(database, seat, said(1), said(2))
    [first] = await take(database)
    async with beginning(database, platform) as courtesies:
        courtesies.begun(first)
        courtesies.stored(said(2).event, first.lane)
        await platform.saw(WAITS)
        platform.refuses = TRIES
        second = await settle(database, first, Settled())
        assert second is not None
        courtesies.begun(second)
        await platform.saw(WAITS, *[None] * TRIES)
        await stand(database, WAITS)
    await settle(database, second, Settled())
    async with beginning(database, platform) as courtesies:
        courtesies.welcome()
        await platform.saw(WAITS, *[None] * (TRIES + 1))
        await stand(database)


async def test_what_was_put_is_taken_away_however_much_else_there_is_to_mark(
    database: SqliteDatabase, seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("surfacehost.courtesies.MOST", 1)
    platform = Platform()
    await ingest(database, seat, said(1), said(2))
    [entry] = await take(database)
    async with beginning(database, platform) as courtesies:
        courtesies.begun(entry)
        courtesies.stored(said(2).event, entry.lane)
        await platform.saw(WAITS)
        courtesies.stored(said(3).event, "another lane", is_held=True)
        courtesies.ended(entry, has_failed=False, is_last=True)
        await platform.saw(WAITS, WAITS, None)
        await stand(database)


async def test_what_could_not_be_put_is_not_taken_away(database: SqliteDatabase, seat: Seat) -> None:
    platform = Platform()
    platform.refuses = 1
    await ingest(database, seat, said(1), said(2))
    [entry] = await take(database)
    async with beginning(database, platform) as courtesies:
        for shown in ([WAITS], [WAITS, WAITS]):
            courtesies.begun(entry)
            courtesies.stored(said(2).event, entry.lane)
            await platform.saw(*shown)
            await stand(database, *shown[1:])
            courtesies.ended(entry, has_failed=False, is_last=True)
        await platform.saw(WAITS, WAITS, None)
