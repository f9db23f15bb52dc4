"""What a newly met person gets: made once, whatever happens meanwhile."""

import asyncio
from typing import Any

import pytest
from tests.matrix.conftest import MakeHost
from tests.matrix.smallhost import SmallHost

from surfacehost_devkit.homeserver import Account
from surfacehost_devkit.matrixperson import MatrixPerson
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.provision import MARK

SPACE = {"space": {"name": "Assistant", "rooms": ["General", "Ideas"]}}


async def spaces_of(bot_made: MatrixPerson, bot: Account) -> list[str]:
    """The Spaces that invited this person."""
    return [i.room_id for i in bot_made.seen.invites.values() if i.inviter == bot.user_id and i.space]


async def rooms_in(person: MatrixPerson, space: str) -> list[dict[str, Any]]:
    """The rooms of a Space in their order, as a member of it is shown them."""
    await person.join(space)
    top, *rooms = await person.hierarchy(space)
    order = {child["state_key"]: child["content"]["order"] for child in top["children_state"]}
    assert all(child["content"]["via"] == ["localhost"] for child in top["children_state"])
    assert set(order) == {room["room_id"] for room in rooms}
    return sorted(rooms, key=lambda room: order[room["room_id"]])


async def made_by(host: SmallHost) -> list[str]:
    """Every room that carries our mark."""
    homeserver = host.surface._homeserver
    assert homeserver is not None
    joined = (await homeserver.call("GET", "joined_rooms"))["joined_rooms"]
    return [room for room in joined if await homeserver.state(room, MARK)]


async def test_a_person_gets_a_space_with_rooms_to_write_in(make: MakeHost, alice: MatrixPerson, bot: Account) -> None:
    async with make(**SPACE) as host:
        await host.online()
        await alice.create_room(direct=True, invite=[bot.user_id])
        space = (await alice.wait_invite(bot.user_id)).room_id
        await host.until(lambda: len(host.settled) == 1)
        rooms = await rooms_in(alice, space)
        assert [room["name"] for room in rooms] == ["General", "Ideas"]
        answers = []
        for room in rooms:
            await alice.join(room["room_id"])
            question = await alice.send(room["room_id"], "hello?")
            answers += await alice.replies(room["room_id"], after=question, from_=bot.user_id)
        assert [answer.body for answer in answers] == ["echo: hello?"] * 2
        general = await alice.history(rooms[0]["room_id"])
        assert "hello" in [event.body for event in general]
        parents = [e for e in general if e.type == "m.space.parent"]
        assert [(e.state_key, e.content["canonical"]) for e in parents] == [(space, True)]
    assert all(message.direct for message in host.messages)
    assert len({message.key for message in host.messages}) == 2
    assert not host.failed


async def test_a_repeated_invitation_only_joins(make: MakeHost, alice: MatrixPerson, bot: Account) -> None:
    async with make(**SPACE) as first:
        await first.online()
        await alice.create_room(direct=True, invite=[bot.user_id])
        await first.until(lambda: len(first.settled) == 1)
    async with make(first, **SPACE) as second:
        room = await alice.create_room(direct=True, invite=[bot.user_id])
        await second.until(lambda: len(second.settled) == 2)
        await alice.wait_for(lambda: any(e.state_key == bot.user_id for e in alice.seen.events[room]))
        assert (await alice.members(room))[bot.user_id] == "join"
        assert len(await made_by(second)) == 3
        assert len(await spaces_of(alice, bot)) == 1


async def test_invitations_that_race_make_one_space(make: MakeHost, alice: MatrixPerson, bot: Account) -> None:
    async with make(**SPACE) as host:
        await host.online()
        await asyncio.gather(*(alice.create_room(direct=True, invite=[bot.user_id]) for _ in range(3)))
        await host.until(lambda: len(host.settled) == 3)
        assert len(await made_by(host)) == 3
        assert [event.body for event in await everything(alice, bot)].count("hello") == 1


async def everything(person: MatrixPerson, bot: Account) -> list[Any]:
    """What was said in all of a person's rooms, those of their Space among them."""
    space = (await person.wait_invite(bot.user_id)).room_id
    for room in await rooms_in(person, space):
        await person.join(room["room_id"])
    return [event for room in await joined(person) for event in await person.history(room)]


async def joined(person: MatrixPerson) -> list[str]:
    return list((await person.api.call("GET", "joined_rooms"))["joined_rooms"])


class Crash(BaseException):
    """The process dies here."""


@pytest.mark.parametrize(
    ("step", "moment"),
    # 0: join, 1: the Space, 2 and 4: its rooms, 3 and 5: their links.
    [(0, "after"), (1, "before"), (1, "after"), (2, "after"), (3, "before"), (4, "before"), (4, "after"), (5, "after")],
)
async def test_a_crash_at_any_step_leaves_one_space(
    make: MakeHost, alice: MatrixPerson, bot: Account, monkeypatch: pytest.MonkeyPatch, step: int, moment: str
) -> None:
    """Dying before a request goes out, or after it was done and before that could be noted."""
    died = asyncio.Event()
    steps = 0
    call = Homeserver.call

    async def deadly(self: Homeserver, method: str, *path: str, **more: Any) -> dict[str, Any]:
        nonlocal steps
        if method == "GET" or not ("createRoom" in path or "m.space.child" in path or "join" in path):
            return await call(self, method, *path, **more)
        steps += 1
        if steps - 1 != step:
            return await call(self, method, *path, **more)
        if moment == "after":
            await call(self, method, *path, **more)
        died.set()
        raise asyncio.CancelledError

    monkeypatch.setattr(Homeserver, "call", deadly)
    async with make(**SPACE) as first:
        await first.online()
        await alice.create_room(direct=True, invite=[bot.user_id])
        async with asyncio.timeout(20):
            await died.wait()
    assert not first.settled
    async with make(first, **SPACE) as second:
        await second.until(lambda: len(second.settled) == 1)
        said = [event.body for event in await everything(alice, bot)]
        assert said.count("hello") == 1
        assert len(await made_by(second)) == 3
        assert len(await spaces_of(alice, bot)) == 0  # joined above, and no second one
    assert not second.failed


async def test_a_forged_mark_is_not_believed(make: MakeHost, alice: MatrixPerson, bot: Account) -> None:
    """Somebody who knows our mark invites us into a room that claims to be part of alice's Space."""
    mark = {"surface": "matrix", "person": alice.user_id, "part": "space"}
    async with make(**SPACE) as host:
        await host.online()
        forged = await alice.create_room(
            invite=[bot.user_id], options={"initial_state": [{"type": MARK, "state_key": "", "content": mark}]}
        )
        await host.until(lambda: len(host.settled) == 1)
        provisioning, homeserver = host.surface._provisioning, host.surface._homeserver
        assert provisioning is not None
        assert homeserver is not None
        assert await homeserver.state(forged, MARK) == mark
        made = (await host.memory.get(f"person:{alice.user_id}"))["rooms"]["space"]
        await host.memory.set({f"person:{alice.user_id}": None})
        host.surface._chats.learn({f"person:{alice.user_id}": None})
        assert await provisioning._find(homeserver, alice.user_id, "space") == made != forged
