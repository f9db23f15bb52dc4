"""An account in many rooms, and several accounts in one process."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from tests.matrix.crowd import ROOMS, crowded
from tests.matrix.smallhost import PASSWORD, direct_chat, register, settings_text
from tests.matrix.wholehost import device_of

from surfacehost_devkit.faultproxy import FaultProxy
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess, surface_in
from surfacehost_devkit.matrixapi import MatrixApi
from surfacehost_devkit.matrixfaults import SYNC
from surfacehost_devkit.matrixperson import MatrixPerson

EVENTS = 5
REQUESTS = 45
"""Of a start and an answer there are about 25, those for the keys among them."""
MORE_MEMORY = 16_000_000
"""Bytes that the largest moment of a start may need beyond that of an account in one room."""

Crowd = tuple[Homeserver, Account]


@pytest.fixture(scope="module")
def crowd(synapse_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    with crowded(tmp_path_factory.mktemp("crowd") / "homeserver", synapse_cache) as crowd:
        yield crowd


@pytest.mark.timeout(600)  # the first time the rooms have to be made
async def test_a_thousand_rooms_cost_no_requests_little_to_read_and_little_memory(
    crowd: Crowd, tmp_path: Path, stack: AsyncExitStack
) -> None:
    """What a start needs grows neither with the rooms nor with what was said in them. See also bench/rooms.py."""
    server, bot = crowd
    proxy = await stack.enter_async_context(FaultProxy.before(server.url))
    alice = await stack.enter_async_context(MatrixPerson(server.url, register(server, "alice")))
    alone = register(server, "alone")
    with HostProcess(tmp_path / "alone", settings_text(proxy.url, alone)) as host:
        await asyncio.to_thread(host.wait_ready)
        await direct_chat(alice, alone)
        least = host.peak_bytes()
    async with aclosing(MatrixApi(server.url, bot.access_token)) as api:
        room = (await api.call("POST", "createRoom", json={"name": "group", "invite": [alice.user_id]}))["room_id"]
        await alice.join(room)
        await asyncio.gather(*(alice.send(room, "talk") for _ in range(EVENTS)))
        settings = settings_text(proxy.url, bot, defaults='group_policy = "open"')
        with HostProcess(tmp_path / "crowd", settings) as host:
            for start in range(2):
                if start:
                    host.kill()
                    await asyncio.to_thread(host.start)
                assert await requests_until_it_answers(host, proxy, alice, room, bot) < REQUESTS
                assert host.peak_bytes() - least < MORE_MEMORY
        sync = [one for one in proxy.of(SYNC) if "full_state" in one.query][-1]
        query = {name: value for name, (value,) in parse_qs(sync.query).items()}
        told = (await api.call("GET", "sync", params=query))["rooms"]["join"]
    assert len(told) == ROOMS + 1
    assert sum(len(info["timeline"]["events"]) for info in told.values()) < ROOMS + EVENTS
    kinds = {event["type"] for info in told.values() for event in info["state"]["events"]}
    assert kinds <= {"m.room.create", "m.room.encryption", "m.room.member"}


async def requests_until_it_answers(
    host: HostProcess, proxy: FaultProxy, alice: MatrixPerson, room: str, bot: Account
) -> int:
    """How many requests a host that has just begun makes until alice has an answer from it."""
    before = len([one for one in proxy.passages if one.ended])
    await asyncio.to_thread(host.wait_ready, 120)
    question = await alice.send(room, "hello?", mentions=[bot.user_id])
    await alice.replies(room, after=question, from_=bot.user_id)
    return len(proxy.passages) - before


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two accounts in one process, by the names of their surfaces."""

    process: HostProcess
    bots: dict[str, Account]


@pytest.fixture(scope="module")
def pair(homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    bots = {name: register(homeserver, name) for name in ("first", "second")}
    with HostProcess(tmp_path_factory.mktemp("pair") / "host", settings_of_pair(homeserver, bots)) as process:
        process.wait_ready(60)
        yield Pair(process=process, bots=bots)


def settings_of_pair(homeserver: Homeserver, bots: Mapping[str, Account], **passwords: str) -> str:
    tables = (
        f"""
        [surfaces.{name}]
        plugin = "matrix"
        homeserver = "{homeserver.url}"
        user_id = "{account.user_id}"
        password = "{passwords.get(name, PASSWORD)}"
        allow = ["*"]
        """
        for name, account in bots.items()
    )
    return "".join(tables)


async def test_several_accounts_in_one_process_have_conversations_of_their_own(pair: Pair, alice: MatrixPerson) -> None:
    bots = pair.bots
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
    status = await asyncio.to_thread(pair.process.status)
    assert "to the first" in remembered.body
    assert "second" not in remembered.body
    assert not [one for one in alice.seen.messages(group, after=asked, from_=bots["first"].user_id) if one.body]
    threads = {way["thread"] for way in status["ways"]}
    assert {f"1/{name}/{alice.user_id}/{room}/~" for name, room in rooms.items()} <= threads
    assert f"1/second/~/{group}/~" in threads


async def test_a_changed_password_parks_its_account_alone_and_once_it_is_told_costs_nothing(
    pair: Pair, homeserver: Homeserver, alice: MatrixPerson
) -> None:
    """Its sessions are ended, and the password that it knows is not taken: what is written waits for the new one."""
    first, second = pair.bots.values()
    room, elsewhere = await direct_chat(alice, first), await direct_chat(alice, second)
    keys = await device_of(alice.api, first)
    who = {"type": "m.id.user", "user": first.user_id}
    auth = {"type": "m.login.password", "identifier": who, "password": PASSWORD}
    async with aclosing(MatrixApi(homeserver.url, first.access_token)) as api:
        await api.call("POST", "account", "password", json={"new_password": "another-horse", "auth": auth})
    told = await pair.process.seen(lambda told: surface_in(told, "first")["state"] == "parked")
    assert "does not accept this password" in surface_in(told, "first")["reason"]
    assert "first: parked: " in (await asyncio.to_thread(pair.process.readiness))[1]
    waits, question = await alice.send(room, "while you were out"), await alice.send(elsewhere, "and you?")
    await alice.replies(elsewhere, after=question, from_=second.user_id)
    await asyncio.to_thread(pair.process.stop)
    pair.process.configure(settings_of_pair(homeserver, pair.bots, first="another-horse"))
    await asyncio.to_thread(pair.process.start)
    (answer,) = await alice.replies(room, after=waits, from_=first.user_id)
    assert answer.body == "echo: while you were out"
    assert await device_of(alice.api, first) == keys
