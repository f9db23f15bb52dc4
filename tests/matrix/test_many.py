"""An account in many rooms, and several accounts in one process."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from tests.matrix.smallhost import PASSWORD, SmallHost, direct_chat, register, settings_of

from surfacehost_devkit.faultproxy import FaultProxy
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.matrixperson import MatrixPerson

ROOMS, EVENTS = 20, 5


@pytest_asyncio.fixture
async def proxy(homeserver: Homeserver) -> AsyncIterator[FaultProxy]:
    async with FaultProxy.before(homeserver.url) as before:
        yield before


async def test_many_rooms_cost_no_requests_and_little_to_read(
    homeserver: Homeserver, proxy: FaultProxy, alice: MatrixPerson, bot: Account, tmp_path: Path
) -> None:
    """What a start asks for grows neither with the rooms nor with what was said in them. See also bench/rooms.py."""
    async with MatrixPerson(homeserver.url, bot) as account:
        rooms = await asyncio.gather(*(account.create_room(name=f"room {number}") for number in range(ROOMS)))
        await asyncio.gather(*(account.send(rooms[0], "talk") for _ in range(EVENTS)))
    settings = settings_of(homeserver, bot).model_copy(update={"homeserver": proxy.url})
    async with SmallHost(settings, tmp_path) as first:
        await first.online()
        assert len(await first.memory.items("room:")) == ROOMS
        await direct_chat(alice, bot)
    at_first = len(proxy.passages)
    async with SmallHost(settings, tmp_path, first) as second:
        await second.online()
        connection = second.surface._homeserver
        assert connection is not None
        assert len(connection.nio.rooms) == ROOMS + 1
        assert len(proxy.passages) - at_first < 15
        response = await connection.sync(None, first=True)
        told = list(response.rooms.join.values())
        assert len(told) == ROOMS + 1
        assert all(len(info.timeline.events) <= 1 for info in told)
        kinds = {event.source["type"] for info in told for event in info.state}
        assert kinds <= {"m.room.create", "m.room.encryption", "m.room.member"}
    assert not second.down
    assert not second.messages


async def test_several_accounts_in_one_process_have_conversations_of_their_own(
    homeserver: Homeserver, alice: MatrixPerson, tmp_path: Path
) -> None:
    bots = {name: register(homeserver, name) for name in ("first", "second")}
    tables = "".join(
        f"""
        [surfaces.{name}]
        plugin = "matrix"
        homeserver = "{homeserver.url}"
        user_id = "{account.user_id}"
        password = "{PASSWORD}"
        allow = ["*"]
        """
        for name, account in bots.items()
    )
    with HostProcess(tmp_path / "host", tables) as host:
        await asyncio.to_thread(host.wait_ready, 60)
        rooms = dict(zip(bots, await asyncio.gather(*(direct_chat(alice, bot) for bot in bots.values())), strict=True))
        for name, bot in bots.items():
            question = await alice.send(rooms[name], f"to the {name}")
            (answer,) = await alice.replies(rooms[name], after=question, from_=bot.user_id)
            assert answer.body == f"echo: to the {name}"
        group = await alice.create_room(name="both", invite=[bot.user_id for bot in bots.values()])
        seen = alice.seen.events[group]
        await alice.wait_for(lambda: {bot.user_id for bot in bots.values()} <= {one.sender for one in seen if one.body})
        asked = await alice.send(group, "only the second", mentions=[bots["second"].user_id])
        await alice.replies(group, after=asked, from_=bots["second"].user_id)
        memory = await alice.send(rooms["first"], "!demo memory")
        (remembered,) = await alice.replies(rooms["first"], after=memory, from_=bots["first"].user_id)
        status = await asyncio.to_thread(host.status)
    assert "to the first" in remembered.body
    assert "second" not in remembered.body
    assert not [one for one in alice.seen.messages(group, after=asked, from_=bots["first"].user_id) if one.body]
    threads = {way["thread"] for way in status["ways"]}
    assert {f"1/{name}/{alice.user_id}/{room}/~" for name, room in rooms.items()} <= threads
    assert f"1/second/~/{group}/~" in threads
