"""Pieces of what is shown as one: where one of them is for the bot, all are, in whatever order they come."""

import time
from typing import Any

from tests.host.storing import ingest, said

from surfacehost import Edit, Message, Redaction
from surfacehost.behaviour import Behaviour
from surfacehost.busy import gathering
from surfacehost.events import dump_event
from surfacehost.store import inbox, pieces
from surfacehost.store.arrivals import Arrival, Seat
from surfacehost.store.sqlite import SqliteDatabase

TOGETHER = gathering(Behaviour(busy="queue", debounce_s=0))
LANE = said(1).lane


def piece(name: str, *, meant: bool = False, sender: str = "ann", bundle: str = "album") -> Arrival:
    event = Message(
        surface="toy", id=name, chat="c", sender=sender, direct=False, text=name, addressed=meant, bundle=bundle
    )
    return Arrival(event=event, lane=LANE, body=dump_event(event), state="waiting" if meant else "ignored")


async def runs(database: SqliteDatabase) -> list[list[str]]:
    """The texts of what is asked together, run by run."""
    found, entries = [], await database.tx(inbox.take, "toy", 1, now=time.time(), gathering=TOGETHER)
    entry = entries[0] if entries else None
    while entry is not None:
        events: list[Any] = [entry.event, *(one.event for one in entry.along)]
        found.append([event.text for event in events])
        entry = await database.tx(inbox.settle, entry, inbox.Settled(), now=time.time(), gathering=TOGETHER)
    return found


def kept(database: SqliteDatabase) -> list[str]:
    rows = database._connection.execute("select event_id from piece where body <> '' order by id").fetchall()
    stored = database._connection.execute("select count(*) from inbox where state = 'ignored' and body <> ''")
    assert stored.fetchone() == (0,)
    return [row[0] for row in rows]


async def test_they_are_asked_together_in_their_order_and_once(database: SqliteDatabase, seat: Seat) -> None:
    assert await ingest(database, seat, piece("one"), piece("other", bundle="b"), piece("bob's", sender="bob"))
    assert await ingest(database, seat, piece("two")) == ["two"]
    assert await runs(database) == []
    await ingest(database, seat, said(1))
    assert await ingest(database, seat, piece("three", meant=True)) == ["one", "two", "three"]
    assert await ingest(database, seat, piece("four")) == ["four"]
    again = [piece("three", meant=True), piece("one"), piece("four")]
    assert await ingest(database, seat, *again) == []
    assert await runs(database) == [["text 1"], ["one", "two", "three", "four"]]
    assert kept(database) == ["other", "bob's"]


async def test_what_is_not_taken_takes_no_pieces_with_it(database: SqliteDatabase, seat: Seat) -> None:
    hasty = piece("two", meant=True)
    hasty = Arrival(event=hasty.event, lane=hasty.lane + inbox.FAST, body=hasty.body, finding=inbox.HASTY)
    await ingest(database, seat, piece("one"), hasty, piece("three"))
    assert kept(database) == ["one", "three"]


async def test_they_are_kept_for_a_short_while_and_not_once_taken_back(database: SqliteDatabase, seat: Seat) -> None:
    await ingest(database, seat, piece("one"), piece("two"))
    person: dict[str, Any] = {"surface": "toy", "chat": "c", "sender": "ann", "direct": False}
    gone = Redaction(id="no one", of="one", **person)
    await ingest(database, seat, Arrival(event=gone, lane=LANE, body="", state="ignored"))
    assert kept(database) == ["two"]
    await database.tx(pieces.forget, now=time.time() + pieces.KEEP_S - 1)
    assert kept(database) == ["two"]
    await database.tx(pieces.forget, now=time.time() + pieces.KEEP_S + 1)
    assert kept(database) == []
    assert await ingest(database, seat, piece("three", meant=True)) == ["three"]
    await database.tx(pieces.forget, now=time.time() - 60)  # a clock that was set back
    await ingest(database, seat, piece("four"))
    assert await runs(database) == [["three"]]


async def test_told_again_when_it_is_forgotten_for_whom_they_were_they_are_not_asked_again(
    database: SqliteDatabase, seat: Seat
) -> None:
    album = [piece("one"), piece("two", meant=True)]
    await ingest(database, seat, *album)
    assert await runs(database) == [["one", "two"]]
    await database.tx(pieces.forget, now=time.time() + pieces.KEEP_S + 1)
    for again in album:
        assert await ingest(database, seat, again) == []
    assert await runs(database) == []
    assert kept(database) == []


async def test_one_that_is_kept_is_changed_by_who_sent_it_there(database: SqliteDatabase, seat: Seat) -> None:
    await ingest(database, seat, piece("one"), piece("two"))
    for of, change in (
        ("one", Edit(id="e1", of="one", surface="toy", chat="c", sender="ann", direct=False, text="by ann")),
        ("one", Edit(id="e2", of="one", surface="toy", chat="c", sender="bob", direct=False, text="by bob")),
        ("two", Edit(id="e3", of="two", surface="toy", chat="d", sender="ann", direct=False, text="elsewhere")),
        ("two", Redaction(id="r", of="two", surface="toy", chat="d", sender="ann", direct=False)),
    ):
        await ingest(database, seat, Arrival(event=change, lane=LANE, body="", state="ignored"))
        assert of in kept(database)
    await ingest(database, seat, piece("three", meant=True))
    assert await runs(database) == [["by ann", "two", "three"]]
