"""What happens while the bot, or its homeserver, is away."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.matrix.conftest import MakeHost
from tests.matrix.smallhost import SmallHost, direct_chat, register, settings_of

from surfacehost import NotReady, Refused
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.matrixperson import MatrixPerson


@pytest.fixture
def own_server(synapse_cache: Path, tmp_path: Path) -> Iterator[Homeserver]:
    """A homeserver of this test's own, not started."""
    server = Homeserver(tmp_path / "homeserver", synapse=synapse_cache)
    yield server
    server.stop()


async def test_at_its_very_first_start_it_answers_nothing_old(
    make: MakeHost, alice: MatrixPerson, bot: Account, homeserver: Homeserver
) -> None:
    room = await alice.create_room(direct=True, invite=[bot.user_id])
    async with MatrixPerson(homeserver.url, bot) as before:
        await before.join(room)
    await alice.send(room, "old")
    other = await alice.create_room(direct=True, invite=[bot.user_id])
    async with make() as host:
        await alice.wait_for(lambda: any(e.sender == bot.user_id and e.body for e in alice.seen.events[other]))
        question = await alice.send(room, f"{bot.user_id} new")
        await alice.replies(room, after=question, from_=bot.user_id)
    assert [message.text for message in host.messages] == ["new"]


async def test_what_was_said_before_it_came_is_not_answered(make: MakeHost, alice: MatrixPerson, bot: Account) -> None:
    room = await alice.create_room(name="group")
    await asyncio.gather(*(alice.send(room, f"old {number}") for number in range(105)))
    async with make() as host:
        await host.online()
        await alice.invite(room, bot.user_id)
        await alice.wait_for(lambda: any(e.sender == bot.user_id and e.body for e in alice.seen.events[room]))
        last = await alice.send(room, f"{bot.user_id}: new")
        await alice.replies(room, after=last, from_=bot.user_id)
    assert [message.text for message in host.messages] == ["new"]


async def test_it_waits_for_a_homeserver_that_is_not_there(
    own_server: Homeserver, tmp_path: Path, stack: AsyncExitStack
) -> None:
    await asyncio.to_thread(own_server.start)
    bot, account = register(own_server, "bot"), register(own_server, "alice")
    await asyncio.to_thread(own_server.stop)
    host = await stack.enter_async_context(SmallHost(settings_of(own_server, bot), tmp_path))
    await host.until(lambda: host.down)
    assert isinstance(host.down[0], NotReady)
    assert "can't be reached" in str(host.down[0])
    await asyncio.to_thread(own_server.start)
    await host.online()
    alice = await stack.enter_async_context(MatrixPerson(own_server.url, account))
    room = await direct_chat(alice, bot)
    seen = len(host.down)
    await asyncio.to_thread(own_server.kill)
    await host.until(lambda: len(host.down) > seen)
    await asyncio.to_thread(own_server.start)
    question = await alice.send(room, "back?")
    await alice.replies(room, after=question, from_=bot.user_id)
    assert all(isinstance(error, NotReady) for error in host.down)


async def test_an_authority_that_is_not_there_is_told(homeserver: Homeserver, bot: Account, tmp_path: Path) -> None:
    async with SmallHost(settings_of(homeserver, bot, ca_file=tmp_path / "missing.pem"), tmp_path) as blind:
        await blind.until(lambda: blind.down)
    assert isinstance(blind.down[0], Refused)
    assert "missing.pem" in str(blind.down[0])


async def test_what_could_not_be_stored_comes_again(
    host: SmallHost, chat: str, alice: MatrixPerson, bot: Account
) -> None:
    host.put.broken = NotReady("the disk is full")
    question = await alice.send(chat, "keep this")
    await host.until(lambda: host.down)
    host.put.broken = None
    await alice.replies(chat, after=question, from_=bot.user_id)
    assert [message.text for message in host.messages] == ["keep this"]
