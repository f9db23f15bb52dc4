"""Chats that get another id, and what nobody can read: how they are stored."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from surfacehost import Behaviour, Message
from surfacehost.admission import Verdict, admits, judge
from surfacehost.conversation import thread_of
from surfacehost.store import arrivals, inbox, outbox, parked
from surfacehost.store.sqlite import SqliteDatabase

from .test_fakes import inlet as inlet_of

GROUP = Behaviour(allow=("-1",), require_mention=False)


def said(event_id: str, chat: str, text: str = "hi") -> Message:
    return Message(surface="toy", id=event_id, chat=chat, sender="alice", direct=False, text=text)


class Host:
    def __init__(self, database: SqliteDatabase, seat: arrivals.Seat) -> None:
        self.database = database
        self.formerly: dict[str, str] = {}
        self.put = inlet_of(database, seat, GROUP, self.formerly)

    async def take(self) -> list[inbox.Entry]:
        return await self.database.tx(inbox.take, "toy", 9, now=1e12)

    async def done(self, entry: inbox.Entry) -> inbox.Entry | None:
        return await self.database.tx(inbox.settle, entry, inbox.Settled(), now=0)


@pytest_asyncio.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with SqliteDatabase(tmp_path / "db") as database:
        yield Host(database, await database.tx(arrivals.elect, "toy"))


async def test_a_conversation_goes_on_in_the_new_chat_while_it_is_worked_on(host: Host) -> None:
    await host.put(said("1", "-1"))
    [running] = await host.take()
    await host.database.tx(outbox.answer, running, [], generation=2)
    await host.put(said("2", "-100"), moved={"-1": "-100"})
    await host.put(said("3", "-100"))
    assert await host.take() == []  # one conversation, and it is being worked on
    second = await host.done(running)
    assert second is not None
    assert (second.event.id, second.event.chat, second.generation) == ("2", "-100", 2)
    assert thread_of(second) == "1/toy/~/-1/~/2"
    third = await host.done(second)
    assert third is not None
    assert third.event.id == "3"


async def test_a_move_is_known_after_a_restart_and_goes_on(host: Host) -> None:
    await host.put(moved={"-1": "-2"})
    await host.put(moved={"-2": "-3"})
    again = Host(host.database, await host.database.tx(arrivals.elect, "toy"))
    assert again.formerly == {"-2": "-1", "-3": "-1"}
    await again.put(said("1", "-3"))
    [entry] = await again.take()
    assert entry.lane == "1/toy/~/-1/~"


async def test_urgent_commands_follow(host: Host) -> None:
    await host.put(said("1", "-100", "/stop"), moved={"-1": "-100"})
    [entry] = await host.take()
    assert (entry.lane, thread_of(entry)) == ("1/toy/~/-1/~#", "1/toy/~/-1/~")


async def test_late_news_do_not_tear_a_conversation_apart(host: Host) -> None:
    await host.put(said("1", "-1"))
    host.put._behaviour = Behaviour(group_policy="open", require_mention=False)
    await host.put(said("2", "-100"))
    await host.put(moved={"-1": "-100"})
    await host.put(said("3", "-100"))
    assert host.formerly == {}
    assert {entry.lane for entry in await host.take()} == {"1/toy/~/-1/~", "1/toy/~/-100/~"}


def test_what_is_said_of_the_old_id_holds_for_the_new_one() -> None:
    assert judge(said("1", "-100"), GROUP) is Verdict.UNHEARD
    assert judge(said("1", "-100"), GROUP, {"-100": "-1"}) is Verdict.WELCOME
    assert admits(said("1", "-100"), GROUP, {"-100": "-1"})
    assert not admits(said("1", "-100"), GROUP, {"-100": "-7"})


async def test_what_nobody_can_read_is_parked(host: Host) -> None:
    await host.put(said("1", "-1"), unread={"update:7": '{"message": 5}'}, cursor="8")
    await host.put(unread={"update:7": "told again"})
    assert [entry.event.id for entry in await host.take()] == ["1"]
    [row] = await host.database.tx(parked.listed, "parked", "toy", 9)
    letter = await host.database.tx(parked.show, row["number"])
    assert (row["event"], row["error"]) == ("update:7", "the surface can't read it; the log says why")
    assert letter.event["body"] == '{"unread":"{\\"message\\": 5}"}'
    await host.database.tx(parked.retry, row["number"], now=0)
    assert await host.take() == []
    assert [row["event"] for row in await host.database.tx(parked.listed, "parked", None, 9)] == ["update:7"]
