"""What a newly met person gets: made once, whatever happens meanwhile."""

from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
from tests.matrix.conftest import MakeHost
from tests.matrix.smallhost import SmallHost

from surfacehost import NotReady
from surfacehost_devkit.fakes import FakeMemory
from surfacehost_devkit.homeserver import Account
from surfacehost_devkit.matrixperson import MatrixPerson
from surfacehost_matrix.chats import PERSON, Chats
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.provision import Provisioning
from surfacehost_matrix.rooms import MARK, find
from surfacehost_matrix.rooms import joined as rooms_of
from surfacehost_matrix.settings import SpaceSettings

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


async def test_a_forged_mark_is_not_believed(make: MakeHost, alice: MatrixPerson, bot: Account) -> None:
    """Somebody who knows our mark invites us into a room that claims to be part of alice's Space."""
    mark = {"surface": "matrix", "person": alice.user_id, "part": "space"}
    async with make(**SPACE) as host:
        await host.online()
        forged = await alice.create_room(
            invite=[bot.user_id], options={"initial_state": [{"type": MARK, "state_key": "", "content": mark}]}
        )
        await host.until(lambda: len(host.settled) == 1)
        homeserver = host.surface._homeserver
        assert homeserver is not None
        assert await homeserver.state(forged, MARK) == mark
        made = (await host.memory.get(f"person:{alice.user_id}"))["rooms"]["space"]
        assert await find(homeserver, mark, await rooms_of(homeserver)) == made != forged


async def test_a_session_that_has_ended_is_nobodys_refusal() -> None:
    """The homeserver refuses whatever is asked: that is about the account, and all is mended on the next connection."""
    account: Any = Mock(call=AsyncMock(side_effect=Declined(401, "M_UNKNOWN_TOKEN", "logged out")))
    chats, memory = Chats("matrix", "@bot:ex.org"), FakeMemory()
    for person in ("@alice:ex.org", "@bob:ex.org"):
        note = {"rooms": {"space": "!s"}, "opening": "", "done": True, "by": "", "doubted": ["space"]}
        await memory.set({PERSON + person: note})
        chats.learn({PERSON + person: note})
    provisioning = Provisioning("matrix", SpaceSettings.model_validate(SPACE["space"]), memory, chats)
    for _ in range(2):
        with pytest.raises(NotReady, match="ended our session"):
            await provisioning.mend(account)
    assert account.call.await_count == 2  # nobody else's Space was tried
