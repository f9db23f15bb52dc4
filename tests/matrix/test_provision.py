"""What a newly met person gets: made once, whatever happens meanwhile."""

import asyncio
from pathlib import Path
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


def tree(folder: Path, **more: Any) -> dict[str, Any]:
    """The Space of the settings after they have been changed."""
    levels = {"users": {"@bob:localhost": 50}, "invite": 50}
    rooms = [{"name": "News", "topic": "What is new"}, {"name": "Thoughts", "key": "Ideas"}, "General"]
    space = {"name": "Helper", "topic": "All in one", "rooms": rooms, "avatar_file": folder / "face.png"}
    return {"space": space | {"power_levels": levels} | more}


async def test_what_the_settings_say_anew_is_mended_at_the_start(
    make: MakeHost, alice: MatrixPerson, bot: Account, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="surfacehost_matrix")
    (tmp_path / "face.png").write_bytes(b"\x89PNG and so on")
    async with make(**SPACE) as first:
        await first.online()
        await alice.create_room(direct=True, invite=[bot.user_id])
        space = (await alice.wait_invite(bot.user_id)).room_id
        await first.until(lambda: len(first.settled) == 1)
        general, ideas = [room["room_id"] for room in await rooms_in(alice, space)]
        await alice.join(general)
        await alice.leave(general)
        homeserver = first.surface._homeserver
        assert homeserver is not None
        await homeserver.call("PUT", "rooms", space, "state", "m.space.child", ideas, body={})  # a link vanishes
    async with make(first, **tree(tmp_path)) as second:
        await second.online()
        await mended(second)
        assert caplog.text.count("Helper: avatar") == 1
    rooms = await rooms_in(alice, space)
    assert [room["name"] for room in rooms] == ["News", "Thoughts", "General"]
    assert [room["room_id"] for room in rooms][1:] == [ideas, general]
    assert rooms[0]["topic"] == "What is new"
    top = (await alice.hierarchy(space))[0]
    assert (top["name"], top["topic"]) == ("Helper", "All in one")
    assert top["avatar_url"].startswith("mxc://localhost/")
    levels = await alice.state(space, "m.room.power_levels") or {}
    assert levels["users"] == {"@bob:localhost": 50}
    assert (levels["invite"], levels["events_default"], levels["events"]["m.room.name"]) == (50, 100, 50)
    assert (await alice.state(space, "m.room.member", alice.user_id) or {})["membership"] == "join"
    assert general not in await joined(alice)  # she left it, and that is her own affair
    await alice.leave(space)
    caplog.clear()
    async with make(first, **tree(tmp_path, rooms=["More"])) as third:
        await third.online()
        await mended(third)
        assert len(await made_by(third)) == 4
    assert "mending" not in caplog.text


async def mended(host: SmallHost) -> None:
    """Look through everything once more, when what begins by itself is done."""
    assert host.surface._homeserver is not None
    assert host.surface._provisioning is not None
    await host.surface._provisioning.mend(host.surface._homeserver)


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


async def test_a_person_adds_and_names_chats(make: MakeHost, alice: MatrixPerson, bot: Account) -> None:
    async with make(**SPACE) as first:
        await first.online()
        await alice.create_room(direct=True, invite=[bot.user_id])
        space = (await alice.wait_invite(bot.user_id)).room_id
        await first.until(lambda: len(first.settled) == 1)
        general = (await rooms_in(alice, space))[0]["room_id"]
        await alice.join(general)
        said = await asked(alice, general, bot, "!chat new Trip *to* Rome")
        room = (await rooms_in(alice, space))[-1]
        assert room["name"] == "Trip *to* Rome"
        assert room["room_id"] in said
        await alice.join(room["room_id"])
        assert await asked(alice, room["room_id"], bot, "hello?") == "echo: hello?"
        assert "called Talk" in await asked(alice, general, bot, "/chat name Talk")
        assert "makes another chat" in await asked(alice, general, bot, "/chat new")
        assert await asked(alice, general, bot, "/chatter") == "echo: /chatter"
        for message in first.messages[:2]:  # told again after a crash: nothing is made twice
            await first.surface.on_message(message, first.client)
    async with make(first, **SPACE) as second:
        await second.online()
        await mended(second)
        names = [room["name"] for room in await rooms_in(alice, space)]
        assert names == ["Talk", "Ideas", "Trip *to* Rome"]  # the settings don't change back what a person chose


async def asked(person: MatrixPerson, room: str, bot: Account, text: str) -> str:
    question = await person.send(room, text)
    (answer,) = await person.replies(room, after=question, from_=bot.user_id)
    return answer.body
