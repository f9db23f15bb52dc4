"""What happened between two syncs: all of it is read, in order, once, and nothing that was said without us."""

import asyncio
from typing import Any

import pytest
from tests.matrix.conftest import MakeHost, MakePerson
from tests.matrix.smallhost import SmallHost, direct_chat

from surfacehost import NotReady
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.matrixperson import MatrixPerson
from surfacehost_matrix import homeserver as homeserver_module
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver as Connection
from surfacehost_matrix.homeserver import Page


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages and timelines of five, so that twenty events are a long gap."""
    for name in ("PAGE", "CATCHING_UP"):
        monkeypatch.setattr(homeserver_module, name, 5)


async def texts(host: SmallHost, count: int) -> list[str]:
    await host.until(lambda: len(host.messages) >= count)
    return [message.text for message in host.messages]


@pytest.mark.usefixtures("small_pages")
async def test_a_gap_is_stored_page_by_page_and_gone_through_again(
    make: MakeHost, alice: MatrixPerson, bot: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with make() as first:
        room = await direct_chat(alice, bot)
    for number in range(23):
        await alice.send(room, str(number))
    page, pages = Connection.page, 0

    async def breaking(self: Connection, *args: Any, **more: Any) -> Page:
        nonlocal pages
        pages += 1
        if pages == 3:
            raise NotReady("the line is cut")
        return await page(self, *args, **more)

    monkeypatch.setattr(Connection, "page", breaking)
    async with make(first) as second:
        await second.until(lambda: f"behind:{room}" in second.memory.values)
        kept = [message.text for message in second.messages]
        assert await texts(second, 23) == [str(number) for number in range(23)]
        await second.until(lambda: len(second.settled) == 24)
    # What came before the cut is not lost, and the token has not moved. (Its own greeting may be in the gap.)
    assert kept in ([str(number) for number in range(most)] for most in (9, 10))
    said = [e.body for e in await alice.history(room) if e.sender == bot.user_id and e.body]
    assert said == ["hello", *(f"echo: {number}" for number in range(23))]


@pytest.mark.usefixtures("small_pages")
async def test_a_page_that_shows_nothing_is_not_the_last(
    make: MakeHost, alice: MatrixPerson, person: MakePerson, bot: Account, homeserver: Homeserver
) -> None:
    """A homeserver leaves out what we may not see, here what an ignored person says, after it has counted it."""
    bob = await person("bob")
    async with make() as first:
        room = await direct_chat(alice, bot)
        await alice.invite(room, bob.user_id)
        await bob.join(room)
        async with MatrixPerson(homeserver.url, bot) as account:
            ignored: dict[str, Any] = {"ignored_users": {bob.user_id: {}}}
            path = ("user", bot.user_id, "account_data", "m.ignored_user_list")
            await account.api.call("PUT", *path, json=ignored)
        last = await alice.send(room, "before")
        await first.until(lambda: last in first.settled)
    await alice.send(room, "one")
    for text in ["noise"] * 12:
        await bob.send(room, text)
    await alice.send(room, "two")
    for text in ["noise"] * 7:
        await bob.send(room, text)
    await alice.send(room, "three")
    async with make(first) as second:
        assert await texts(second, 4) == ["before", "one", "two", "three"]
    assert not second.down


async def test_put_out_and_let_in_again_while_it_was_away(make: MakeHost, alice: MatrixPerson, bot: Account) -> None:
    """It is told of the invitation alone, not that it was put out: what was said meanwhile was not said to it."""
    async with make() as first:
        room = await alice.create_room(name="group", invite=[bot.user_id])
        await first.until(lambda: len(first.settled) == 1)
    await alice.kick(room, bot.user_id)
    await asyncio.gather(*(alice.send(room, f"{bot.user_id} behind its back {number}") for number in range(12)))
    await alice.invite(room, bot.user_id)
    async with make(first) as second:
        await second.until(lambda: len(second.settled) == 2)
        last = await alice.send(room, f"{bot.user_id} welcome back")
        await alice.replies(room, after=last, from_=bot.user_id)
    assert [message.text for message in second.messages] == ["welcome back"]


async def test_banned_it_forgets_the_room(make: MakeHost, alice: MatrixPerson, bot: Account) -> None:
    async with make() as first:
        room = await alice.create_room(name="group", invite=[bot.user_id])
        await first.until(lambda: f"room:{room}" in first.memory.values)
    await alice.send(room, "one more thing")
    await alice.api.call("POST", "rooms", room, "ban", json={"user_id": bot.user_id})
    async with make(first) as second:
        await second.online()
        assert f"room:{room}" not in second.memory.values
        other = await direct_chat(alice, bot)
    assert f"room:{other}" in second.memory.values
    assert not second.down


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("trouble", [NotReady("500"), Declined(400, "M_UNKNOWN", "no such place")])
async def test_a_room_whose_history_can_not_be_read_holds_up_no_other(
    make: MakeHost,
    alice: MatrixPerson,
    bot: Account,
    homeserver: Homeserver,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Exception,
) -> None:
    async with make() as first:
        room, other = await direct_chat(alice, bot), await direct_chat(alice, bot)
    new = await alice.create_room(name="group", invite=[bot.user_id])  # its history is looked through from the end
    async with MatrixPerson(homeserver.url, bot) as account:
        await account.join(new)
    for number in range(12):
        for one in (room, new):
            await alice.send(one, str(number))
    page, is_broken = Connection.page, True

    async def breaking(self: Connection, of: str, **more: Any) -> Page:
        if of in (room, new) and is_broken:
            raise trouble
        return await page(self, of, **more)

    monkeypatch.setattr(Connection, "page", breaking)
    async with make(first) as second:
        await second.online()
        await asked(alice, other, bot, "one")
        await alice.send(room, "12")
        await asked(alice, other, bot, "two")
    waits = [message.text for message in second.messages if message.chat == room]
    is_lost = isinstance(trouble, Declined)
    assert waits == ([str(number) for number in range(7, 13)] if is_lost else [])
    is_broken = False
    async with make(second) as third:  # what waited is kept over a restart
        await third.online()
        await asked(alice, room, bot, "13")
    assert not second.down + third.down
    heard = [message.text for message in third.messages if message.chat == room]
    assert heard == [str(number) for number in range(7 if is_lost else 0, 14)]
    heard = [message.text for message in third.messages if message.chat == new]
    assert heard == ([] if is_lost else [str(number) for number in range(12)])


async def asked(person: MatrixPerson, room: str, bot: Account, text: str) -> None:
    await person.send(room, text)
    await person.wait_for(
        lambda: any(e.sender == bot.user_id and e.body == f"echo: {text}" for e in person.seen.events[room])
    )
