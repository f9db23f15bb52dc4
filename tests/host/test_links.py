"""One person in two chats: by the two codes of /link, and by nothing less."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from surfacehost.store import links, people
from surfacehost.store.arrivals import Seat
from surfacehost.store.inbox import FAST, Entry, Settled
from surfacehost.store.links import Chat
from surfacehost.store.sqlite import SqliteDatabase

from .logbook import OPEN, Book
from .storing import ingest, said, settle, take


class Two:
    """A host with two books."""

    def __init__(self, folder: Path) -> None:
        self.one = Book(folder / "one", name="one")
        self.other = Book(folder / "other", name="other")
        self.one.host.configure(f'{OPEN}group_policy = "open"\n' + self.one.table + self.other.table)
        self.other.host = self.one.host
        for book in (self.one, self.other):
            (book.folder / "said.jsonl").touch()

    def codes(self, who: str, other: str) -> tuple[str, str]:
        """*who* in the first book begins, *other* in the second takes the code; both codes."""
        first = code_in(self.one.ask("/link", who))
        return first, code_in(self.other.ask(f"/link {first}", other))


def code_in(text: str) -> str:
    return text.split("`/link ")[1].split("`", maxsplit=1)[0].split(maxsplit=1)[0]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    made = Two(tmp_path_factory.mktemp("two"))
    with made.one.host:
        yield made


def test_one_conversation_in_two_chats_one_run_at_a_time(two: Two) -> None:
    two.one.ask("I like tea", "ann")
    first, second = two.codes("ann", "annie")
    told = two.one.ask(f"/link {second} shared", "ann")
    assert "`annie` on other goes on with the conversation of this chat" in told
    assert "I like tea" in two.other.ask("/demo memory", "annie")
    assert "`1/one/ann/ann/~`" in two.other.ask("/status", "annie")
    assert "person: " in two.other.ask("/demo context", "annie")
    slow = two.one.say("/demo slow 1", "ann")
    two.one.host.wait_for(lambda status: any("asked" in str(way) for way in status["ways"] if way["event"] == slow))
    quick = two.other.say("meanwhile", "annie")
    assert two.other.hear(quick) == "echo: meanwhile"
    assert two.one.answers(slow)  # had to be over first
    assert "fresh" in two.other.ask("/new", "annie")
    assert "`1/one/ann/ann/~/2`" in two.one.ask("/status", "ann")
    listed = json.loads(two.one.host.command("links", "list", "--json").stdout)
    assert [(row["lane"], row["home"]) for row in listed] == [
        ("1/one/ann/ann/~", "1/one/ann/ann/~"), ("1/other/annie/annie/~", "1/one/ann/ann/~"),
    ]  # fmt: skip
    for code in (first, second):  # good for once
        assert "no such code" in two.other.ask(f"/link {code} shared", "mallory")
        assert "no such code" in two.other.ask(f"/link {code}", "mallory")
    assert "its own conversation" in two.one.ask("/unlink", "ann")
    assert "`1/other/annie/annie/~`" in two.other.ask("/status", "annie")
    assert "not linked" in two.other.ask("/unlink", "annie")


def test_two_conversations_of_one_person_and_in_russian(two: Two) -> None:
    _, second = two.codes("bob", "bobby")
    assert "stay apart" in two.one.ask(f"/link {second} separate", "bob")
    assert "`1/other/bobby/bobby/~`" in two.other.ask("/status", "bobby")
    assert "unlink" in two.other.ask(f"/link {code_in(two.one.ask('/link', 'bob'))}", "bobby")
    assert "личном чате" in two.one.ask("/link", "bob", group=True, chat="team", locale="ru")


def test_a_code_alone_gives_nobody_anything(two: Two) -> None:
    first, second = two.codes("carol", "caro")
    for who in ("trudy", "caro", "carol"):  # the first is taken, and the second is good in carol's chat alone
        assert "no such code" in two.other.ask(f"/link {second} shared", who)
        assert "no such code" in two.other.ask(f"/link {first}", who)
    assert "no such code" in two.one.ask(f"/link {first} shared", "carol")
    assert "no such code" in two.one.ask(f"/link {second} shared", "eve")
    assert "`1/one/carol/carol/~`" in two.one.ask("/status", "carol")
    assert "caro" in two.one.ask(f"/link {second} shared", "carol")


def test_guessing_ends_soon(two: Two) -> None:
    said = [two.one.ask("/link AAAAAAAA", "gus") for _ in range(6)]
    assert said[5] == "Too many wrong codes. Please try again in an hour."
    code = code_in(two.other.ask("/link", "dave"))
    assert two.one.ask(f"/link {code}", "gus") == said[5]


NOW = 1_000_000.0


class Desk:
    """A database in which each of these people says something, one after the other."""

    def __init__(self, database: SqliteDatabase, seat: Seat) -> None:
        self._database, self._seat = database, seat
        self._count = 0

    async def entry(self, who: str) -> Entry:
        """What *who* says now, claimed."""
        self._count += 1
        await ingest(self._database, self._seat, said(self._count, who, sender=who, fast=FAST))
        [entry] = await take(self._database)
        return entry

    async def does(self, who: str, operation: Any, *words: str, at: float = NOW, **more: Any) -> Any:
        """What *operation* gives to *who*, and gives again where the host was killed behind it."""
        entry = await self.entry(who)
        more |= {} if operation is links.undo else {"now": at}
        once, again = [await self._database.tx(operation, entry, *words, **more) for _ in range(2)]
        assert once == again
        await settle(self._database, entry, Settled())
        return once

    async def links(self, one: str, other: str, *, shares: bool = True) -> None:
        assert await self.does(one, links.offer, "AAAA2222") == "AAAA2222"
        assert await self.does(other, links.claim, "AAAA2222", "BBBB3333") == (chat(one), "BBBB3333")
        done = await self.does(one, links.confirm, "BBBB3333", f"account of {one}", shares=shares)
        assert done == chat(other)


def chat(who: str) -> Chat:
    return Chat(lane=f"1/toy/{who}/{who}/~", surface="toy", person=who)


@pytest.fixture
def desk(database: SqliteDatabase, seat: Seat) -> Desk:
    return Desk(database, seat)


async def test_codes_grow_old_and_a_clock_that_is_set_makes_none_young(desk: Desk, database: SqliteDatabase) -> None:
    for late in (links.GOOD_S + 1, -links.GOOD_S - 1):
        await desk.does("ann", links.offer, "AAAA2222")
        assert await desk.does("bob", links.claim, "AAAA2222", "BBBB3333", at=NOW + late) is None
        assert await desk.does("bob", links.claim, "AAAA2222", "BBBB3333") == (chat("ann"), "BBBB3333")
        assert await desk.does("ann", links.confirm, "BBBB3333", "x", shares=True, at=NOW + late) is None
    assert await database.tx(links.listed) == []


async def test_two_who_take_one_code_at_once_do_not_both_get_it(desk: Desk) -> None:
    await desk.does("ann", links.offer, "AAAA2222")
    assert await desk.does("ann", links.claim, "AAAA2222", "CCCC4444") is None
    assert await desk.does("bob", links.claim, "AAAA2222", "BBBB3333")
    assert await desk.does("eve", links.claim, "AAAA2222", "CCCC4444") is None


async def test_who_is_linked_meanwhile_is_not_linked_again(desk: Desk, database: SqliteDatabase) -> None:
    await desk.does("eve", links.offer, "EEEE2222")
    await desk.does("bob", links.claim, "EEEE2222", "EEEE3333")
    await desk.links("ann", "bob")
    with pytest.raises(links.LinkedAlready):
        await desk.does("eve", links.confirm, "EEEE3333", "x", shares=True)
    assert await database.tx(links.link_of, chat("eve").lane) is None


async def test_whoever_leaves_takes_their_own_conversation_along(desk: Desk, database: SqliteDatabase) -> None:
    await desk.links("ann", "bob")
    await desk.links("ann", "cid")
    await desk.links("ann", "dan", shares=False)
    rows = await database.tx(links.listed)
    assert {row["account"] for row in rows} == {"account of ann"}
    homes = {row["person"]: row["home"] for row in rows}
    ann, bob, dan = (chat(who).lane for who in ("ann", "bob", "dan"))
    assert homes == {"ann": ann, "bob": ann, "cid": ann, "dan": dan}
    assert await desk.does("ann", links.undo)
    homes = {row["person"]: row["home"] for row in await database.tx(links.listed)}
    assert homes == {"bob": bob, "cid": bob, "dan": dan}
    assert await desk.does("bob", links.undo)
    assert await desk.does("dan", links.undo)
    assert not await desk.does("dan", links.undo)
    assert await database.tx(links.listed) == []
    assert await database.tx(people.let_in) == []
