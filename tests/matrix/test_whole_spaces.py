"""Whom a Matrix account follows, what it makes for them, and what an operator sees of that, in one real process."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing
from typing import Any

import pytest
import pytest_asyncio
from tests.matrix.conftest import MakePerson
from tests.matrix.smallhost import asked, direct_chat
from tests.matrix.test_files import media, upload
from tests.matrix.test_provision import rooms_in
from tests.matrix.test_upgrades import became, upgrade
from tests.matrix.test_whole_more import steps_of
from tests.matrix.wholespaces import PICTURE, SPACE, Spaces, spaces_host

from surfacehost_devkit import faults
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.matrixapi import MatrixApi
from surfacehost_devkit.matrixfaults import limit_exceeded
from surfacehost_devkit.matrixperson import MatrixError, MatrixPerson
from surfacehost_matrix.rooms import MARK

CHILD, PARENT, LEVELS = "m.space.child", "m.space.parent", "m.room.power_levels"


@pytest.fixture(scope="module")
def spaces(homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spaces]:
    with spaces_host(tmp_path_factory.mktemp("spaces") / "host", homeserver) as spaces:
        yield spaces


@pytest_asyncio.fixture
async def chief(spaces: Spaces, stack: AsyncExitStack) -> AsyncIterator[MatrixPerson]:
    yield await stack.enter_async_context(MatrixPerson(spaces.homeserver.url, spaces.chief))


async def space_of(person: MatrixPerson, bot: Account) -> tuple[str, dict[str, str]]:
    """The Space into which *bot* has *person* come who invites it, and its rooms by name, in their order."""
    rooms_of = (await person.api.call("GET", "joined_rooms"))["joined_rooms"]  # a first sync may be two minutes old
    parts = {room: (await person.state(room, MARK) or {}).get("part") for room in rooms_of}
    tops = [room for room, part in parts.items() if part == "space"]
    known = [room for room in tops if (await person.members(room)).get(bot.user_id) == "join"]
    if not known:
        await person.create_room(direct=True, invite=[bot.user_id])
    space = known[0] if known else (await person.wait_invite(bot.user_id)).room_id
    if not known:
        await person.join(space)
        await person.wait_for(lambda: sum(one.type == CHILD for one in person.seen.events[space]) >= 2)
    rooms = {room["name"]: room["room_id"] for room in await rooms_in(person, space)}
    for room in rooms.values():
        await person.join(room)
    return space, rooms


async def test_nobodys_invitation_is_followed_nor_declined_if_told_so(spaces: Spaces, alice: MatrixPerson) -> None:
    rooms = [await alice.create_room(invite=[spaces.shy.user_id], direct=direct) for direct in (True, False)]
    await asyncio.to_thread(
        spaces.process.wait_for,
        lambda _: all(f"into {room} is not followed" in spaces.process.log_text() for room in rooms),
    )
    assert [(await alice.members(room))[spaces.shy.user_id] for room in rooms] == ["invite", "invite"]


async def test_who_is_not_known_gets_a_code_for_the_operator_and_once_let_in_a_space(
    spaces: Spaces, alice: MatrixPerson
) -> None:
    gate = spaces.gate
    group = await alice.create_room(name="group", invite=[gate.user_id])
    await became("leave", group, alice, gate)
    room = await direct_chat(alice, gate)
    (said,) = alice.seen.said(room, gate.user_id)
    code = re.findall(r"\b[2-9A-HJ-NP-Z]{8}\b", said)
    unheard = await alice.send(room, "let me in")
    await spaces.process.seen(lambda status: "settled" in steps_of(status, unheard))
    assert f"{alice.user_id} of gate is let in" in (await spaces.command("pair", "approve", *code)).stdout
    assert await asked(alice, room, gate, "and now?") == "echo: and now?"
    assert len(alice.seen.messages(room, after=unheard, from_=gate.user_id)) == 1
    assert not [one for one in alice.seen.invites.values() if one.inviter == gate.user_id]
    _, rooms = await space_of(alice, gate)
    assert list(rooms) == SPACE["rooms"]


async def test_a_room_of_the_space_for_all_that_is_upgraded_is_one_of_it_and_no_other_is_made_one(
    spaces: Spaces, chief: MatrixPerson, alice: MatrixPerson, person: MakePerson
) -> None:
    """By who may do so. What others say takes its place does not; who may sends the bot nowhere else either."""
    team, bob = spaces.team, await person("bob")
    _, rooms = await space_of(alice, team)
    await space_of(chief, team)
    await chief.wait_for(lambda: rights_of(chief, rooms["Yard"]).get(chief.user_id) == 100)
    with pytest.raises(MatrixError, match="M_FORBIDDEN"):
        await upgrade(alice, rooms["Hall"])
    predecessor = {"creation_content": {"predecessor": {"room_id": rooms["Hall"], "event_id": "$x"}}}
    false = await alice.create_room(name="group", invite=[team.user_id], options=predecessor)
    await became("join", false, alice, team)
    unheard = await alice.send(false, "in the Hall?", mentions=[team.user_id])

    new = await upgrade(chief, rooms["Hall"])
    await became("join", new, chief, team)
    await alice.join(new)
    assert await asked(alice, new, team, "in the Hall?", mentions=True) == "echo: in the Hall?"
    assert not alice.seen.messages(false, after=unheard, from_=team.user_id)

    elsewhere = [await bob.create_room(options={"preset": "public_chat"}) for _ in range(2)]
    for other in elsewhere:
        await chief.set_state(rooms["Yard"], "m.room.tombstone", {"body": "moved", "replacement_room": other})
    await became("leave", elsewhere[0], bob, team)
    assert await asked(alice, rooms["Yard"], team, "and here?", mentions=True) == "echo: and here?"
    assert not any(event.state_key == team.user_id for event in bob.seen.events[elsewhere[1]])
    assert f"sends us to {elsewhere[0]}, which knows nothing of it: left" in spaces.process.log_text()


async def test_what_can_not_be_had_of_a_room_it_goes_on_in_costs_nothing_else(
    spaces: Spaces, alice: MatrixPerson
) -> None:
    """Its history is refused, or what somebody there replies to, or the homeserver stumbles over that alone."""
    team, faults_of = spaces.team, spaces.proxy.faults
    new = await upgrade(alice, await direct_chat(alice, team))
    for number in range(12):
        await alice.send(new, f"number {number}")
    refused = faults.answer(403, {"errcode": "M_FORBIDDEN", "error": "not for you"})
    faults_of.plan(f"GET *{new[1:]}/messages", refused, times=None)
    await alice.invite(new, team.user_id)
    await alice.wait_for(lambda: "number 11" in " ".join(alice.seen.said(new, team.user_id)))
    assert "number 0" not in " ".join(alice.seen.said(new, team.user_id))
    assert f"the history of {new} is closed to us" in spaces.process.log_text()

    notice = await alice.send(new, "a notice", msgtype="m.notice")
    stumbles = faults.answer(500, {"errcode": "M_UNKNOWN", "error": "Internal server error"})
    for fault, times in ((refused, 1), (stumbles, 2), (limit_exceeded(0.2), 1)):
        faults_of.plan("GET */event/*", fault, times=times)
        reply = await alice.send(new, "!demo context", reply_to=notice)
        (answer,) = await alice.replies(new, after=reply, from_=team.user_id)
        assert ("quote: a notice" in answer.body) is (fault.status == 429), answer.body
    faults_of.clear()


async def test_what_is_too_large_is_named_whoever_sends_it_and_whoever_refuses_it(
    spaces: Spaces, alice: MatrixPerson
) -> None:
    """A person's by the host's own limit; the agent's by it too, and by a gateway that refuses it while it comes."""
    team = spaces.team
    room = await direct_chat(alice, team)
    url = await upload(spaces.homeserver, alice, b"x" * 400_000)
    file = {"msgtype": "m.file", "body": "and this?", "filename": "large.bin", "url": url}
    question = await alice.send_event(room, "m.room.message", file)  # which does not say how large it is
    (answer,) = await alice.replies(room, after=question, from_=team.user_id)
    assert answer.body == "I can't take large.bin: a file may have at most 0.3 MB.\n\necho: and this?"
    assert "hello.txt: it has more than 0.3 MB" in await asked(alice, room, team, "!demo file text 400000")
    refused = faults.answer(413, "<html>413 Request Entity Too Large</html>", unread=True)
    spaces.proxy.faults.plan("POST */upload", refused, times=None)  # one that is lost with its connection comes again
    for shown in ("⚠️ hello.txt (0.2 MB) is too large for this homeserver.", "hello.txt"):
        question = await alice.send(room, "!demo file text 200000")
        said = await alice.replies(room, after=question, from_=team.user_id, count=2)
        assert [one.body for one in said] == ["Here is hello.txt.", shown]
        spaces.proxy.faults.clear()
    assert [one.status for one in spaces.proxy.of("POST */upload")][-2:] == [413, 200]


async def test_a_person_is_met_anew_when_the_operator_says_so(spaces: Spaces, stack: AsyncExitStack) -> None:
    """Also where the homeserver lets the account do nothing for a while; who is in no Space is told so."""
    gate = spaces.gate
    guest = await stack.enter_async_context(MatrixPerson(spaces.homeserver.url, spaces.guest))
    first, rooms = await space_of(guest, gate)
    reset = ("reset", "gate", "--person", guest.user_id)
    planned = await spaces.command(*reset)
    assert (planned.returncode, first in planned.stdout) == (0, True)
    assert "nothing is changed yet" in planned.stdout
    done = await spaces.command(*reset, "--yes")
    assert (done.returncode, done.stdout.endswith("forgotten\n")) == (0, True)

    old = rooms["Ideas"]
    assert await asked(guest, old, gate, "!chat name Office") == "This chat is now called Office."
    assert "StopIteration" not in spaces.process.log_text()  # at once, and not when it is tried again
    unsigned = faults.answer(403, {"errcode": "M_CONSENT_NOT_GIVEN", "error": "Sign the terms"})
    spaces.proxy.faults.plan("POST */join", unsigned)
    await guest.create_room(direct=True, invite=[gate.user_id])
    second = (await guest.wait_invite(gate.user_id)).room_id
    assert (second != first, spaces.proxy.faults.is_planned) == (True, False)
    assert await asked(guest, old, gate, "do you know me still?") == "echo: do you know me still?"
    await guest.leave(second)
    assert "no Space of your own" in await asked(guest, old, gate, "!chat new Trip")
    assert await guest.state(old, "m.room.name") == {"name": "Office"}


ANEW = {
    "name": "Helper", "topic": "All in one", "avatar_file": "smile.png",
    "rooms": [{"name": "News", "topic": "What is new"}, {"name": "Thoughts", "key": "Ideas"}, "General"],
    "power_levels": {"users": {"@bob:localhost": 50}, "invite": 50},
}  # fmt: skip
"""What the settings say of ``gate``'s Spaces later on."""


async def test_what_the_settings_say_anew_is_planned_by_the_doctor_and_mended_at_the_start(
    spaces: Spaces, chief: MatrixPerson
) -> None:
    gate = spaces.gate
    space, rooms = await space_of(chief, gate)
    assert list(rooms) == SPACE["rooms"]
    assert await picture_of(spaces, chief, space) == PICTURE
    await chief.leave(rooms["General"])
    async with aclosing(MatrixApi(spaces.homeserver.url, gate.access_token)) as api:  # a link vanishes
        await api.call("PUT", "rooms", space, "state", CHILD, rooms["Ideas"], json={})
    assert "makes another chat" in await asked(chief, rooms["Ideas"], gate, "/chat new")
    assert "Trip" in await asked(chief, rooms["Ideas"], gate, "/chat new Trip")
    trip = (await rooms_in(chief, space))[-1]["room_id"]
    await chief.join(trip)
    assert "called Rome" in await asked(chief, trip, gate, "/chat name Rome")
    team, halls = await space_of(chief, spaces.team)
    await chief.wait_for(lambda: rights_of(chief, halls["Den"]).get(chief.user_id) == 100)
    den = await upgrade(chief, halls["Den"])
    await became("join", den, chief, spaces.team)
    (spaces.process.folder / "smile.png").write_bytes(PICTURE[::-1])
    spaces.declare(ANEW)
    said = (await spaces.command("doctor")).stdout
    differs = f"the Space of {chief.user_id} differs from the settings: "
    for line in ("News: is made", "Helper: name", "Helper: topic", "Helper: power levels", "Thoughts: name",
                 "Thoughts: place in the Space", "General: place in the Space"):  # fmt: skip
        assert differs + line in said
    assert f"/_synapse/admin/v1/users/{gate.user_id}/override_ratelimit" in said
    spaces.process.kill()
    await asyncio.to_thread(spaces.process.start)
    await spaces.process.seen(lambda _: "mending what was made" in spaces.process.log_text())
    async with asyncio.timeout(20):
        while "differs" in (said := (await spaces.command("doctor")).stdout):
            pass
    assert re.search(r"the Spaces of \d people are as the settings say", said)

    now = {room["name"]: room["room_id"] for room in await rooms_in(chief, space)}
    assert list(now) == ["News", "Thoughts", "General", "Rome"]
    assert (now["Thoughts"], now["General"]) == (rooms["Ideas"], rooms["General"])
    top, news = [(await chief.hierarchy(space))[0], (await chief.hierarchy(now["News"]))[0]]
    assert (top["name"], top["topic"], news["topic"]) == ("Helper", "All in one", "What is new")
    assert await picture_of(spaces, chief, space) == PICTURE[::-1]
    levels = await chief.state(space, "m.room.power_levels") or {}
    assert (levels["users"], levels["invite"], levels["events_default"]) == ({"@bob:localhost": 50}, 50, 100)
    assert den in [room["room_id"] for room in await chief.hierarchy(team)]
    assert chief.seen.invites.keys().isdisjoint(rooms.values())  # she left it, and that is her own affair


async def test_a_space_that_is_upgraded_is_followed_and_a_chat_that_is_refused_there_is_never_made(
    spaces: Spaces, chief: MatrixPerson, stack: AsyncExitStack
) -> None:
    gate, (space, rooms) = spaces.gate, await space_of(chief, spaces.gate)
    _, chat, *_ = rooms.values()
    api = await stack.enter_async_context(aclosing(MatrixApi(spaces.homeserver.url, gate.access_token)))
    levels = await chief.state(space, LEVELS) or {}
    path = ("rooms", space, "state", LEVELS)
    await api.call("PUT", *path, json=levels | {"users": {**levels["users"], chief.user_id: 150}})
    new = await upgrade(chief, space)
    await chief.invite(new, gate.user_id)
    rule = {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": new}]}
    for room in rooms.values():
        await chief.wait_for(lambda room=room: state_of(chief, room, "m.room.join_rules") == rule)  # type: ignore[misc]
        await chief.wait_for(lambda room=room: state_of(chief, room, PARENT, new).get("canonical"))  # type: ignore[misc]
        await chief.wait_for(lambda room=room: state_of(chief, room, PARENT, space) == {})  # type: ignore[misc]

    await api.call("POST", "rooms", space, "leave", json={})  # which is no use any more
    before = await api.call("GET", "joined_rooms")
    assert "not allowed" in await asked(chief, chat, gate, "/chat new Paris")
    assert await api.call("GET", "joined_rooms") == before
    await chief.set_state(new, LEVELS, (await chief.state(new, LEVELS) or {}) | {"users": {gate.user_id: 100}})
    spaces.process.kill()
    await asyncio.to_thread(spaces.process.start)
    assert "Paris" not in (await spaces.command("doctor")).stdout
    assert "Oslo" in await asked(chief, chat, gate, "/chat new Oslo")
    again = await chief.create_room(direct=True, invite=[gate.user_id])
    await became("join", again, chief, gate)
    assert [one["name"] for one in await rooms_in(chief, new)] == [*rooms, "Oslo"]
    assert len((await api.call("GET", "joined_rooms"))["joined_rooms"]) == len(before["joined_rooms"]) + 2
    assert state_of(chief, chat, "m.room.join_rules") == rule
    assert not [one for one in chief.seen.invites.values() if one.inviter == gate.user_id]


async def test_a_space_for_all_that_is_upgraded_is_followed_and_whoever_is_met_then_comes_into_the_new_one(
    spaces: Spaces, chief: MatrixPerson, person: MakePerson, stack: AsyncExitStack
) -> None:
    """The bot has the rights there that it had before, as homeservers take them over."""
    team, (space, rooms) = spaces.team, await space_of(chief, spaces.team)
    api = await stack.enter_async_context(aclosing(MatrixApi(spaces.homeserver.url, team.access_token)))
    levels = await chief.state(space, LEVELS) or {}
    path = ("rooms", space, "state", LEVELS)
    await api.call("PUT", *path, json=levels | {"users": {**levels["users"], chief.user_id: 150}})
    new = await upgrade(chief, space)
    await chief.set_state(new, LEVELS, (await chief.state(new, LEVELS) or {}) | {"users": {team.user_id: 100}})
    await chief.invite(new, team.user_id)
    rule = {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": new}]}
    loft, bob = rooms["Loft"], await person("bob")
    await chief.wait_for(lambda: state_of(chief, loft, "m.room.join_rules") == rule)
    await chief.wait_for(lambda: state_of(chief, loft, PARENT, new).get("canonical"))
    await bob.create_room(direct=True, invite=[team.user_id])
    assert (await bob.wait_invite(team.user_id)).room_id == new
    await bob.join(new)
    assert loft in [room["room_id"] for room in await bob.hierarchy(new)]
    await bob.join(loft)
    assert await asked(bob, loft, team, "is it here?", mentions=True) == "echo: is it here?"


def state_of(person: MatrixPerson, room: str, kind: str, key: str = "") -> Mapping[str, Any]:
    """What *person* was last told of a room's state."""
    told = [one.content for one in person.seen.events[room] if (one.type, one.state_key) == (kind, key)]
    return told[-1] if told else {"never": "told"}


async def picture_of(spaces: Spaces, person: MatrixPerson, room: str) -> bytes:
    avatar = await person.state(room, "m.room.avatar") or {}
    return await asyncio.to_thread(media, spaces.homeserver, avatar["url"], person.account.access_token)


def rights_of(person: MatrixPerson, room: str) -> dict[str, int]:
    return dict(state_of(person, room, LEVELS).get("users", {}))
