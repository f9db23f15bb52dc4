"""The independent person: everything it can say and see, against a real homeserver."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from surfacehost_devkit.homeserver import Homeserver
from surfacehost_devkit.matrixapi import MatrixApi
from surfacehost_devkit.matrixperson import MatrixError, MatrixPerson
from surfacehost_devkit.matrixwatch import Watch

PASSWORD = "correct-horse"
NUMBERS = count()
Pair = tuple[MatrixPerson, MatrixPerson]


@pytest_asyncio.fixture
async def pair(homeserver: Homeserver) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        accounts = [homeserver.register(f"person{next(NUMBERS)}", PASSWORD) for _ in range(2)]
        people = [await stack.enter_async_context(MatrixPerson(homeserver.url, account)) for account in accounts]
        yield people[0], people[1]


@pytest_asyncio.fixture
async def room(pair: Pair) -> str:
    alice, bob = pair
    made = await alice.create_room(name="talk", invite=[bob.user_id])
    await bob.wait_invite(alice.user_id)
    return await bob.join(made)


async def test_two_people_talk(pair: Pair, room: str) -> None:
    alice, bob = pair
    greeting = await alice.send(room, "hello")
    question = await alice.send(room, "how are you?", mentions=[bob.user_id])
    (seen,) = await bob.replies(room, after=greeting, from_=alice.user_id)
    assert (seen.event_id, seen.body) == (question, "how are you?")
    assert seen.content["m.mentions"] == {"user_ids": [bob.user_id]}
    await bob.send(room, "fine", reply_to=question)
    await bob.send(room, "and you?", msgtype="m.notice")
    found = await alice.replies(room, after=question, from_=bob.user_id, count=2)
    assert [event.body for event in found] == ["fine", "and you?"]
    assert found[0].content["m.relates_to"] == {"m.in_reply_to": {"event_id": question}}


async def test_threads_are_told_apart(pair: Pair, room: str) -> None:
    alice, bob = pair
    root = await alice.send(room, "a topic")
    await bob.send(room, "beside it")
    inside = await bob.send(room, "within it", thread=root)
    (seen,) = await alice.replies(room, after=root, from_=bob.user_id, thread=root)
    assert (seen.event_id, seen.thread) == (inside, root)


async def test_edits_reactions_redactions(pair: Pair, room: str) -> None:
    alice, bob = pair
    first = await alice.send(room, "one")
    answer = await bob.send(room, "tow")
    await bob.edit(room, answer, "two")
    (seen,) = await alice.replies(room, after=first, from_=bob.user_id)
    await alice.wait_for(lambda: alice.seen.text(seen) == "two")
    assert len(await alice.replies(room, after=first, from_=bob.user_id)) == 1
    await alice.react(room, answer, "👍")
    with pytest.raises(MatrixError, match="M_DUPLICATE_ANNOTATION"):
        await alice.react(room, answer, "👍")
    await bob.redact(room, answer, "wrong")
    await alice.wait_for(lambda: alice.seen.events[room][-1].type == "m.room.redaction")
    texts = {event.event_id: event.body for event in await alice.history(room)}
    assert texts[answer] == ""


async def test_the_same_transaction_makes_one_event(pair: Pair, room: str) -> None:
    alice, _ = pair
    assert await alice.send(room, "once", txn="t1") == await alice.send(room, "once", txn="t1")
    assert [event.body for event in await alice.history(room)].count("once") == 1


async def test_memberships_and_invites_are_seen(pair: Pair) -> None:
    alice, bob = pair
    room = await alice.create_room(name="direct one", direct=True, invite=[bob.user_id], room_version="11")
    invite = await bob.wait_invite(alice.user_id)
    assert (invite.room_id, invite.direct, invite.name, invite.space) == (room, True, "direct one", False)
    await bob.leave(room)
    await bob.wait_for(lambda: not bob.seen.invites)
    assert await alice.members(room) == {alice.user_id: "join", bob.user_id: "leave"}


async def test_a_kick_is_seen(pair: Pair, room: str) -> None:
    alice, bob = pair
    await bob.wait_for(lambda: room in bob.seen.joined)
    await alice.kick(room, bob.user_id)
    await bob.wait_for(lambda: room not in bob.seen.joined)


async def test_state_and_space_tree(pair: Pair) -> None:
    alice, bob = pair
    space = await alice.create_room(name="home", space=True, invite=[bob.user_id])
    room = await alice.create_room(name="inside")
    assert await alice.state(space, "m.space.child", room) is None
    await alice.set_state(space, "m.space.child", {"via": ["localhost"]}, room)
    assert await alice.state(space, "m.space.child", room) == {"via": ["localhost"]}
    assert {found["room_id"] for found in await alice.hierarchy(space)} == {space, room}
    assert (await bob.wait_invite(alice.user_id)).space


async def test_typing_and_receipts_are_seen(pair: Pair, room: str) -> None:
    alice, bob = pair
    event = await alice.send(room, "read me")
    typing = ("rooms", room, "typing", bob.user_id)
    await bob.api.call("PUT", *typing, json={"typing": True, "timeout": 20_000})
    await alice.wait_for(lambda: bob.user_id in alice.seen.typing[room])
    await bob.api.call("PUT", *typing, json={"typing": False})
    await alice.wait_for(lambda: not alice.seen.typing[room])
    assert bob.user_id in alice.seen.typing_seen[room]
    await bob.api.call("POST", "rooms", room, "receipt", "m.read", event, json={})
    await alice.wait_for(lambda: event in alice.seen.receipts[room][bob.user_id])


async def test_history_has_every_event_once(pair: Pair, room: str) -> None:
    alice, bob = pair
    sent = [await alice.send(room, str(number)) for number in range(110)]
    ids = [event.event_id for event in await bob.history(room)]
    assert ids[-110:] == sent
    assert len(set(ids)) == len(ids)


class LateApi(MatrixApi):
    """Lets a poll begin only when told to."""

    go: asyncio.Event

    async def sync(self, since: str | None, *, filter_: str, timeout_ms: int) -> dict[str, Any]:
        if since:
            await self.go.wait()
        return await super().sync(since, filter_=filter_, timeout_ms=timeout_ms)


async def test_a_shortened_timeline_is_filled_up(homeserver: Homeserver, pair: Pair, room: str) -> None:
    alice, _ = pair
    carol = homeserver.register(f"person{next(NUMBERS)}", PASSWORD)
    api = LateApi(homeserver.url, carol.access_token)
    api.go = asyncio.Event()
    await alice.invite(room, carol.user_id)
    await api.call("POST", "join", room, json={})
    watch = Watch(api, carol.user_id)
    await watch.start()
    sent = [await alice.send(room, str(number)) for number in range(110)]
    api.go.set()
    await watch.until(lambda: sent[-1] in [event.event_id for event in watch.events[room]], 10)
    await watch.stop()
    await api.aclose()
    assert [event.event_id for event in watch.events[room]][-110:] == sent


async def test_the_watch_outlives_the_server(synapse_cache: Path, tmp_path: Path) -> None:
    async with Homeserver(tmp_path, synapse=synapse_cache) as server:  # noqa: SIM117  the second needs the first
        async with MatrixPerson(server.url, server.register("alice", PASSWORD)) as alice:
            room = await alice.create_room()
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            event = await alice.send(room, "back")
            await alice.wait_for(lambda: event in [seen.event_id for seen in alice.seen.events[room]])


async def test_a_wait_in_vain_says_what_was_seen(pair: Pair, room: str) -> None:
    alice, bob = pair
    await alice.send(room, "hello?")
    with pytest.raises(TimeoutError, match=r"(?s)in vain.*hello\?"):
        await alice.replies(room, after=await alice.send(room, "anybody?"), from_=bob.user_id, timeout_s=0.5)


async def test_a_lost_login_is_told_to_who_waits(pair: Pair) -> None:
    alice, _ = pair
    waiting = asyncio.create_task(alice.wait_for(lambda: False))
    await alice.api.call("POST", "logout", json={})
    with pytest.raises(MatrixError, match="M_UNKNOWN_TOKEN"):
        await waiting


async def test_nothing_is_left_behind(homeserver: Homeserver) -> None:
    before = asyncio.all_tasks()
    async with MatrixPerson(homeserver.url, homeserver.register("shortlived", PASSWORD)):
        assert len(asyncio.all_tasks()) == len(before) + 1
    assert asyncio.all_tasks() == before
