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


async def test_what_was_written_while_it_was_away_is_answered_once(
    make: MakeHost, alice: MatrixPerson, bot: Account
) -> None:
    async with make() as first:
        room = await direct_chat(alice, bot)
    question = await alice.send(room, "while you were away")
    async with make(first) as second:
        await alice.replies(room, after=question, from_=bot.user_id)
    async with make(second) as third:
        last = await alice.send(room, "and now")
        await alice.replies(room, after=last, from_=bot.user_id)
    said = [e.body for e in await alice.history(room) if e.sender == bot.user_id and e.body]
    assert said == ["hello", "echo: while you were away", "echo: and now"]
    assert not third.down


async def test_an_invitation_from_meanwhile_is_followed(make: MakeHost, alice: MatrixPerson, bot: Account) -> None:
    async with make() as first:
        await first.online()
    room = await alice.create_room(direct=True, invite=[bot.user_id])
    question = await alice.send(room, "are you coming?")
    async with make(first) as second:
        await alice.replies(room, after=question, from_=bot.user_id, count=2)
    assert [message.text for message in second.messages] == ["are you coming?"]


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


async def test_put_out_and_invited_again_it_answers_from_then_on(
    host: SmallHost, alice: MatrixPerson, bot: Account
) -> None:
    room = await alice.create_room(name="group", invite=[bot.user_id])
    greetings = [0]

    def greeted() -> bool:
        return sum(event.body == "hello" for event in alice.seen.events[room]) > greetings[0]

    await alice.wait_for(greeted)
    greetings[0] += 1
    await alice.kick(room, bot.user_id)
    await alice.send(room, f"{bot.user_id}: behind its back")
    await alice.invite(room, bot.user_id)
    await alice.wait_for(greeted)
    last = await alice.send(room, f"{bot.user_id}: welcome back")
    await alice.replies(room, after=last, from_=bot.user_id)
    assert [message.text for message in host.messages] == ["welcome back"]


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


async def test_a_private_authority_is_trusted_when_named(
    synapse_cache: Path, tmp_path: Path, stack: AsyncExitStack
) -> None:
    server = await stack.enter_async_context(Homeserver(tmp_path / "server", synapse=synapse_cache, tls=True))
    bot = register(server, "bot")
    async with SmallHost(settings_of(server, bot, ca_file=None), tmp_path) as lost:
        await lost.until(lambda: lost.down)
    assert isinstance(lost.down[0], NotReady)
    assert "ca_file" in str(lost.down[0])
    async with SmallHost(settings_of(server, bot), tmp_path) as host:
        await host.online()
    async with SmallHost(settings_of(server, bot, ca_file=tmp_path / "missing.pem"), tmp_path) as blind:
        await blind.until(lambda: blind.down)
    assert isinstance(blind.down[0], Refused)
    assert "missing.pem" in str(blind.down[0])


async def test_a_token_the_server_does_not_know_is_replaced(
    make: MakeHost, alice: MatrixPerson, bot: Account, caplog: pytest.LogCaptureFixture
) -> None:
    async with make() as first:
        room = await direct_chat(alice, bot)
    first.put.cursor = "nonsense"
    async with make(first) as second:
        await second.online()
        question = await alice.send(room, "hello?")
        await alice.replies(room, after=question, from_=bot.user_id)
    assert "starting anew" in caplog.text
    assert not second.down


async def test_what_could_not_be_stored_comes_again(
    host: SmallHost, chat: str, alice: MatrixPerson, bot: Account
) -> None:
    host.put.broken = NotReady("the disk is full")
    question = await alice.send(chat, "keep this")
    await host.until(lambda: host.down)
    host.put.broken = None
    await alice.replies(chat, after=question, from_=bot.user_id)
    assert [message.text for message in host.messages] == ["keep this"]
