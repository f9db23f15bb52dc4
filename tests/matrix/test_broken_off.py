"""Making a Space is broken off where test_killed.py can't: it is made once all the same."""

import asyncio
from typing import Any

import pytest
from tests.matrix.conftest import MakeHost
from tests.matrix.smallhost import SmallHost
from tests.matrix.test_provision import SPACE, made_by, rooms_in

from surfacehost_devkit.homeserver import Account
from surfacehost_devkit.matrixperson import MatrixPerson
from surfacehost_matrix.homeserver import Homeserver


@pytest.mark.parametrize("nth", [0, 1])  # the Space, a room of it
async def test_a_room_that_was_still_being_made_is_no_second_one(
    make: MakeHost, alice: MatrixPerson, bot: Account, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    """A homeserver goes on with what a dead host has asked for: here until that is asked for once more."""
    died = asyncio.Event()
    asked: list[dict[str, Any]] = []
    call = Homeserver.call

    async def slow(self: Homeserver, method: str, *path: str, **more: Any) -> dict[str, Any]:
        if "createRoom" in path:
            asked.append(more)
            if len(asked) == nth + 1:
                died.set()
                raise asyncio.CancelledError
            if len(asked) == nth + 2:
                await call(self, method, *path, **asked[nth])
        return await call(self, method, *path, **more)

    monkeypatch.setattr(Homeserver, "call", slow)
    async with make(**SPACE) as first:
        await first.online()
        await alice.create_room(direct=True, invite=[bot.user_id])
        async with asyncio.timeout(20):
            await died.wait()
    async with make(first, **SPACE) as second:
        await second.until(lambda: len(second.settled) == 1)
        assert len(await made_by(second)) == 3
        space = await second.memory.get(f"person:{alice.user_id}")
        await alice.wait_for(lambda: [i.room_id for i in alice.seen.invites.values()] == [space["rooms"]["space"]])
        assert [room["name"] for room in await rooms_in(alice, space["rooms"]["space"])] == ["General", "Ideas"]
    assert not second.failed


async def test_a_crash_while_mending_makes_no_room_twice(
    make: MakeHost, alice: MatrixPerson, bot: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with make(**SPACE) as first:
        await first.online()
        await alice.create_room(direct=True, invite=[bot.user_id])
        space = (await alice.wait_invite(bot.user_id)).room_id
        await first.until(lambda: len(first.settled) == 1)
    more = {"space": {"name": "Assistant", "rooms": ["News", "General", "Ideas"]}}
    died = asyncio.Event()
    call = Homeserver.call

    async def deadly(self: Homeserver, method: str, *path: str, **more: Any) -> dict[str, Any]:
        answer = await call(self, method, *path, **more)
        if "createRoom" in path:
            died.set()
            raise asyncio.CancelledError
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(Homeserver, "call", deadly)
        async with make(first, **more):
            async with asyncio.timeout(20):
                await died.wait()
    async with make(first, **more) as third:
        await third.online()
        await mended(third)
        assert len(await made_by(third)) == 4
        assert [room["name"] for room in await rooms_in(alice, space)] == ["News", "General", "Ideas"]


async def mended(host: SmallHost) -> None:
    """Look through everything once more, when what begins by itself is done."""
    assert host.surface._homeserver is not None
    assert host.surface._provisioning is not None
    await host.surface._provisioning.mend(host.surface._homeserver)
