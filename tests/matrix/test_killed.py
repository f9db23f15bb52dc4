"""Killed between any two steps of what makes rooms or leads into them, through the real process."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

import pytest
import pytest_asyncio
from tests.matrix.conftest import MakePerson
from tests.matrix.smallhost import settings_text
from tests.matrix.test_provision import rooms_in
from tests.matrix.test_upgrades import upgrade

from surfacehost_devkit import faults
from surfacehost_devkit.chaos.doom import Doom
from surfacehost_devkit.chaos.lives import Lives
from surfacehost_devkit.faultproxy import FaultProxy
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess, wait_until
from surfacehost_devkit.matrixapi import MatrixApi
from surfacehost_devkit.matrixperson import MatrixPerson

pytestmark = pytest.mark.timeout(400)  # many lives

SPACE = '[surfaces.matrix.space]\nname = "Assistant"\nrooms = ["General"]'

A_SPACE = (
    "POST rooms/*/join before",
    "POST rooms/*/join after",
    "write after",  # that the Space is about to be made
    "POST createRoom before",
    "POST createRoom after",
    "write inside",
    "write after",  # which one it is
    "write after",  # that its room is about to be made
    "POST createRoom before",
    "POST createRoom after",
    "write inside",
    "write after",  # which one that is
    "PUT rooms/*/state/m.space.child/* before",
    "PUT rooms/*/state/m.space.child/* after",
    "answer inside",
    "PUT rooms/*/send/m.room.message/* after",
    "settle inside",
)
"""From the invitation on: the Space with its room, into which the person is invited, and the greeting there."""

A_SHARED_SPACE = (
    "POST createRoom after",
    "write inside",
    "write after",  # which one it is
    "POST createRoom after",
    "PUT rooms/*/state/m.room.power_levels after",
    "PUT rooms/*/state/m.space.child/* before",
    "PUT rooms/*/state/m.space.child/* after",
    "write inside",
    "write after",  # that it is done, for everybody
    "POST rooms/*/invite before",
    "POST rooms/*/invite after",
    "write inside",  # that the person is invited
    "answer inside",
    "settle inside",
)
"""What is otherwise where the Space is one for all: who may invite is set, and the person invited, when it is made."""

FOLLOWING = (
    "POST join/* before",
    "POST join/* after",
    "GET rooms/*/state/m.room.create after",
    "write inside",
    "write after",
    "settle inside",
)
"""From the tombstone on: into the new room, which is asked whether it knows the old one; what it took over is noted."""

A_NEW_CHAT = (
    "write before",
    "write after",  # that it is about to be made
    "POST createRoom before",
    "POST createRoom after",
    "write inside",
    "write after",  # which room it is
    "PUT rooms/*/state/m.space.child/* before",
    "PUT rooms/*/state/m.space.child/* after",
    "write inside",
    "write after",  # and that it is part of the Space
    "answer inside",
    "answered",
    "PUT rooms/*/send/m.room.message/* after",
    "settle inside",
)
"""From the command on. Each life begins again where it must: a step that was done before is not come to again."""

NO_CHAT = (
    "write after",  # that it is about to be made
    "POST createRoom after",  # which was refused
    "write before",
    "write after",  # that it is not
    "answer inside",
    "PUT rooms/*/send/m.room.message/* after",
    "settle inside",
)
"""What becomes of a new chat that the homeserver refuses to make."""


@pytest_asyncio.fixture
async def lives(homeserver: Homeserver, bot: Account, tmp_path: Path) -> AsyncIterator[Lives]:
    settings = settings_text(homeserver.url, bot, more=SPACE)
    with Lives.of(tmp_path / "host", settings) as lives:
        lives.begin(Doom())
        await lives.ready()
        yield lives


@pytest_asyncio.fixture
async def bots_rooms(homeserver: Homeserver, bot: Account) -> AsyncIterator[Callable[[], Awaitable[set[str]]]]:
    """Asks the homeserver which rooms the bot is in."""
    async with aclosing(MatrixApi(homeserver.url, bot.access_token)) as api:

        async def ask() -> set[str]:
            return set((await api.call("GET", "joined_rooms"))["joined_rooms"])

        yield ask


async def die_at(lives: Lives, points: Sequence[str]) -> None:
    """One life after another, each ended at the next of *points*; then one that is left in peace."""
    for point in points:
        lives.begin(Doom(point=point, surface="matrix"))
        assert await lives.ended() == -signal.SIGKILL, point
    lives.begin(Doom())
    await lives.ready()


async def test_a_space_an_upgrade_and_a_new_chat(
    lives: Lives, alice: MatrixPerson, bot: Account, bots_rooms: Callable[[], Awaitable[set[str]]]
) -> None:
    await lives.end()
    room = await alice.create_room(
        direct=True, invite=[bot.user_id], options={"room_version": "11", "preset": "public_chat"}
    )
    await die_at(lives, A_SPACE)
    space = (await alice.wait_invite(bot.user_id)).room_id
    await alice.join(space)
    (general,) = await rooms_in(alice, space)
    await alice.join(general["room_id"])
    before = {room, space, general["room_id"]}
    assert await bots_rooms() == before
    await alice.wait_for(lambda: alice.seen.said(general["room_id"], bot.user_id))
    await lives.end()
    assert len(alice.seen.said(general["room_id"], bot.user_id)) == 1

    new = await upgrade(alice, room)
    question = await alice.send(new, "are you here?")  # before the bot is: what is said in its place is for the bot
    await die_at(lives, FOLLOWING)
    await alice.replies(new, after=question, from_=bot.user_id)
    assert alice.seen.said(new, bot.user_id) == ["echo: are you here?"]  # once, and no greeting: they have met
    asked = await alice.send(new, "/status")
    (status,) = await alice.replies(new, after=asked, from_=bot.user_id)
    assert room in status.body  # it is the conversation that it was
    await lives.end()

    command = await alice.send(new, "/chat new Trip")
    await die_at(lives, A_NEW_CHAT)
    await alice.replies(new, after=command, from_=bot.user_id)
    (made,) = [one["room_id"] for one in await alice.hierarchy(space) if one.get("name") == "Trip"]
    assert await bots_rooms() - before == {new, made}
    (said,) = [text for text in alice.seen.said(new, bot.user_id) if "Trip" in text]
    assert made in said
    await alice.join(made)
    question = await alice.send(made, "and here?")
    await alice.replies(made, after=question, from_=bot.user_id)


async def test_a_space_for_all(
    homeserver: Homeserver, alice: MatrixPerson, person: MakePerson, bot: Account,
    bots_rooms: Callable[[], Awaitable[set[str]]], tmp_path: Path,
) -> None:  # fmt: skip
    shared = f"encryption = false\n{SPACE}\nshared = true"
    with Lives.of(tmp_path / "host", settings_text(homeserver.url, bot, more=shared)) as lives:
        room = await alice.create_room(direct=True, invite=[bot.user_id])
        await die_at(lives, A_SHARED_SPACE)
        space = (await alice.wait_invite(bot.user_id)).room_id
        (general,) = await rooms_in(alice, space)
        bob = await person("bob")
        other = await bob.create_room(direct=True, invite=[bot.user_id])
        assert (await bob.wait_invite(bot.user_id)).room_id == space
        await lives.end()
    assert await bots_rooms() == {room, other, space, general["room_id"]}
    assert len(alice.seen.said(room, bot.user_id)) == 1
    rights = await alice.state(space, "m.room.power_levels")
    assert rights is not None
    assert rights["invite"] == 50


async def test_a_chat_that_was_refused_is_told_to_be_and_never_made(
    homeserver: Homeserver, alice: MatrixPerson, bot: Account, bots_rooms: Callable[[], Awaitable[set[str]]],
    tmp_path: Path, stack: AsyncExitStack,
) -> None:  # fmt: skip
    proxy = await stack.enter_async_context(FaultProxy.before(homeserver.url))
    settings = settings_text(proxy.url, bot, more=f"encryption = false\n{SPACE}")
    lives = stack.enter_context(Lives.of(tmp_path / "host", settings))
    lives.begin(Doom())
    room = await alice.create_room(direct=True, invite=[bot.user_id])
    space = (await alice.wait_invite(bot.user_id)).room_id
    await alice.join(space)
    await alice.wait_for(lambda: any(event.type == "m.space.child" for event in alice.seen.events[space]))
    (general,) = await rooms_in(alice, space)
    await alice.join(general["room_id"])
    await alice.wait_for(lambda: alice.seen.said(general["room_id"], bot.user_id))
    await lives.end()
    refused = faults.answer(403, {"errcode": "M_FORBIDDEN", "error": "No rooms today"})
    proxy.faults.plan("POST */createRoom", refused, times=None)
    await alice.send(room, "/chat new Trip")
    await die_at(lives, NO_CHAT)
    await alice.wait_for(lambda: alice.seen.said(room, bot.user_id))
    await lives.end()
    proxy.faults.clear()
    for _ in range(2):
        lives.begin(Doom())
        await lives.ready()
        question = await alice.send(room, "and now?")
        await alice.replies(room, after=question, from_=bot.user_id)
        await lives.end()
    assert await bots_rooms() == {room, space, general["room_id"]}
    assert alice.seen.said(room, bot.user_id) == ["I'm not allowed to do that here.", *["echo: and now?"] * 2]


async def test_a_space_that_is_made_after_all_is_left_at_the_next_start(
    homeserver: Homeserver, alice: MatrixPerson, bot: Account, bots_rooms: Callable[[], Awaitable[set[str]]],
    tmp_path: Path, stack: AsyncExitStack,
) -> None:  # fmt: skip
    """The homeserver makes it only when it was looked for in vain, and another one made in its place."""
    proxy = await stack.enter_async_context(FaultProxy.before(homeserver.url))
    host = stack.enter_context(HostProcess(tmp_path / "host", settings_text(proxy.url, bot, more=SPACE)))
    await asyncio.to_thread(host.wait_ready)
    proxy.faults.plan("POST */createRoom", faults.hang())
    room = await alice.create_room(direct=True, invite=[bot.user_id])
    await asyncio.to_thread(wait_until, lambda: proxy.faults.hanging, 30, host.log_tail)
    host.kill()
    await asyncio.to_thread(host.start)
    space = (await alice.wait_invite(bot.user_id)).room_id
    await alice.join(space)
    await alice.wait_for(lambda: any(event.type == "m.space.child" for event in alice.seen.events[space]))
    _, general = [one["room_id"] for one in await alice.hierarchy(space)]
    proxy.faults.release()
    late = (await alice.wait_invite(bot.user_id, besides=[space])).room_id
    assert late in await bots_rooms()
    host.kill()
    await asyncio.to_thread(host.start)
    await alice.wait_for(lambda: late not in alice.seen.invites)
    async with asyncio.timeout(20):
        while late in await bots_rooms():
            pass
    assert await bots_rooms() == {room, space, general}
