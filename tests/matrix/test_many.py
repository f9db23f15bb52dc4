"""An account in many rooms, and several accounts in one process."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest_asyncio
from tests.matrix.smallhost import PASSWORD, direct_chat, register, settings_text

from surfacehost_devkit.faultproxy import FaultProxy
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.matrixfaults import SYNC
from surfacehost_devkit.matrixperson import MatrixPerson

ROOMS, EVENTS = 30, 5
REQUESTS = 45
"""Of a start and an answer there are about 25, those for the keys among them; with one for each room it were 55."""


@pytest_asyncio.fixture
async def proxy(homeserver: Homeserver) -> AsyncIterator[FaultProxy]:
    async with FaultProxy.before(homeserver.url) as before:
        yield before


async def test_many_rooms_cost_no_requests_and_little_to_read(
    homeserver: Homeserver, proxy: FaultProxy, alice: MatrixPerson, bot: Account, tmp_path: Path
) -> None:
    """What a start asks for grows neither with the rooms nor with what was said in them. See also bench/rooms.py."""
    async with MatrixPerson(homeserver.url, bot) as account:
        made = (account.create_room(name=f"room {number}", invite=[alice.user_id][number:]) for number in range(ROOMS))
        room, *_ = await asyncio.gather(*made)
        await asyncio.gather(*(account.send(room, "talk") for _ in range(EVENTS)))
        await alice.join(room)
        settings = settings_text(proxy.url, bot, defaults='group_policy = "open"')
        with HostProcess(tmp_path / "host", settings) as host:
            assert await requests_until_it_answers(host, proxy, alice, room, bot) < REQUESTS
            host.kill()
            await asyncio.to_thread(host.start)
            assert await requests_until_it_answers(host, proxy, alice, room, bot) < REQUESTS
        for sync in (proxy.of(SYNC)[0], [one for one in proxy.of(SYNC) if "full_state" in one.query][-1]):
            query = {name: value for name, (value,) in parse_qs(sync.query).items()}
            told = (await account.api.call("GET", "sync", params=query))["rooms"]["join"]
            assert len(told) == ROOMS
            assert sum(len(info["timeline"]["events"]) for info in told.values()) < ROOMS + EVENTS
            kinds = {event["type"] for info in told.values() for event in info["state"]["events"]}
            assert kinds <= {"m.room.create", "m.room.encryption", "m.room.member"}


async def requests_until_it_answers(
    host: HostProcess, proxy: FaultProxy, alice: MatrixPerson, room: str, bot: Account
) -> int:
    """How many requests a host that has just begun makes until alice has an answer from it."""
    before = len([one for one in proxy.passages if one.ended])
    await asyncio.to_thread(host.wait_ready, 60)
    question = await alice.send(room, "hello?", mentions=[bot.user_id])
    await alice.replies(room, after=question, from_=bot.user_id)
    return len(proxy.passages) - before


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
