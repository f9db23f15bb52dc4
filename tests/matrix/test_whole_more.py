"""What else a Matrix surface promises, line by line, through one real ``surfacehost run`` with accounts of every kind.

The homeserver is this file's own, because it is stopped now and then.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import pytest_asyncio
from tests.matrix.conftest import MakePerson
from tests.matrix.smallhost import asked, direct_chat
from tests.matrix.test_provision import rooms_in
from tests.matrix.test_upgrades import became
from tests.matrix.wholemore import NOWHERE, QUICK, SPACE, More, call_direct, more_host, take_apart

from surfacehost_devkit import faults
from surfacehost_devkit.faultproxy import Passage
from surfacehost_devkit.homeserver import Homeserver
from surfacehost_devkit.matrixapi import MatrixApi
from surfacehost_devkit.matrixfaults import SENDS, limit_exceeded
from surfacehost_devkit.matrixperson import MatrixError, MatrixPerson

COUNTED = (SENDS, "PUT */typing/*", "POST */receipt/*", "POST */upload")
"""What a homeserver, or a proxy before it, may count."""
PAUSE_S = 1.2

pytestmark = pytest.mark.timeout(300)  # the first one waits for a homeserver and for five accounts to come


@pytest.fixture(scope="module")
def homeserver(synapse_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    with Homeserver(tmp_path_factory.mktemp("own"), synapse=synapse_cache) as server:
        yield server


@pytest.fixture(scope="module")
def more(homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[More]:
    with more_host(tmp_path_factory.mktemp("more") / "host", homeserver) as more:
        yield more


@pytest_asyncio.fixture
async def friend(more: More, stack: AsyncExitStack) -> AsyncIterator[MatrixPerson]:
    yield await stack.enter_async_context(MatrixPerson(more.homeserver.url, more.friend))


async def test_a_strangers_invitation_is_declined_a_friends_is_followed(
    more: More, friend: MatrixPerson, alice: MatrixPerson
) -> None:
    picky = more.accounts["picky"]  # which got in by an access token
    for options in ({"direct": True}, {"name": "group"}):
        room = await alice.create_room(invite=[picky.user_id], **options)
        await became("leave", room, alice, picky)
    room = await direct_chat(friend, picky)
    assert await asked(friend, room, picky, "hello?") == "echo: hello?"


async def test_it_is_found_by_its_servers_name(more: More, alice: MatrixPerson) -> None:
    named = more.accounts["named"]
    assert await asked(alice, await direct_chat(alice, named), named, "hello?") == "echo: hello?"


async def test_a_name_without_an_address_is_told_and_harms_nobody_else(more: More) -> None:
    lost = await more.until_state("lost", "waiting")
    assert f"{NOWHERE} can't be reached" in lost["reason"]
    code, text = await asyncio.to_thread(more.process.readiness)
    assert code == 503
    assert "lost: waiting: " in text
    assert "picky: ok" in text


async def test_one_shared_space_for_all_in_whose_rooms_it_answers_and_in_nobody_elses(
    more: More, alice: MatrixPerson, person: MakePerson
) -> None:
    team, bob = more.accounts["team"], await person("bob")
    group = await alice.create_room(name="group", invite=[team.user_id])
    await became("join", group, alice, team)
    unheard = await alice.send(group, "hello?", mentions=[team.user_id])
    for one in (alice, bob):
        await one.create_room(direct=True, invite=[team.user_id])
    spaces = {(await one.wait_invite(team.user_id)).room_id for one in (alice, bob)}
    assert len(spaces) == 1
    (space,) = spaces
    (hall,) = await rooms_in(alice, space)
    await alice.join(hall["room_id"])
    for place in (space, hall["room_id"]):  # who comes in is answered, so only the bot decides who does
        with pytest.raises(MatrixError, match="M_FORBIDDEN"):
            await alice.invite(place, more.accounts["picky"].user_id)
    await alice.send(hall["room_id"], "not for you")
    assert await asked(alice, hall["room_id"], team, "hello?", mentions=True) == "echo: hello?"
    held = await alice.history(hall["room_id"])
    assert [event.body for event in held if event.sender == team.user_id and event.body] == ["echo: hello?"]
    assert not alice.seen.messages(group, after=unheard, from_=team.user_id)


async def test_the_account_of_an_administrator_is_without_limit_and_signed_with_the_key_of_another_client(
    more: More, alice: MatrixPerson
) -> None:
    chief = more.accounts["chief"]

    async def devices() -> list[str]:
        async with aclosing(MatrixApi(more.homeserver.url, chief.access_token)) as api:
            return [one["device_id"] for one in (await api.call("GET", "devices"))["devices"]]

    before = await devices()

    def doctor() -> str:
        return more.process.command("doctor").stdout

    async with asyncio.timeout(30):
        while "is signed by its account" not in (said := await asyncio.to_thread(doctor)):
            pass
    assert "the account may send without limit" in said
    assert "others can encrypt for our device" in said
    assert "files of up to 50 MiB can be sent" in said
    assert await devices() == before  # nobody has logged in to look
    answer = await alice.api.call("POST", "keys", "query", json={"device_keys": {chief.user_id: []}})
    assert list(answer["master_keys"][chief.user_id]["keys"].values()) == [more.master]


@pytest.mark.parametrize("status", [413, 403])
async def test_a_refused_send_is_named_to_the_operator(more: More, friend: MatrixPerson, status: int) -> None:
    picky = more.accounts["picky"]
    room = await direct_chat(friend, picky)
    errcode = {413: "M_TOO_LARGE", 403: "M_FORBIDDEN"}[status]
    refused = faults.answer(status, {"errcode": errcode, "error": "not here"})
    more.proxy.faults.plan(f"PUT *{room[1:]}/send/m.room.message/*", refused)
    question = await friend.send(room, "refused")
    await asyncio.to_thread(
        more.process.wait_for,
        lambda _: f"{room} does not take the message: {status} {errcode}: not here" in more.process.log_text(),
    )
    assert await asked(friend, room, picky, "and now?") == "echo: and now?"
    said = friend.seen.messages(room, after=question, from_=picky.user_id)
    assert [one.body for one in said] == ["echo: and now?"]


async def test_a_reaction_in_another_room_decides_nothing(more: More, friend: MatrixPerson) -> None:
    """Synapse takes none; another homeserver may bring one."""
    picky = more.accounts["picky"]
    room, other = await direct_chat(friend, picky), await direct_chat(friend, picky)
    question = await friend.send(room, "!demo approve")
    [prompt] = await friend.replies(room, after=question, from_=picky.user_id)
    yes = {"m.relates_to": {"rel_type": "m.annotation", "event_id": prompt.event_id, "key": "✅"}}
    with pytest.raises(MatrixError) as refused:
        await friend.send_event(other, "m.reaction", yes)
    assert refused.value.status == 400
    more.bring(other, friend, ("m.reaction", yes), ("m.room.message", {"msgtype": "m.text", "body": "beside it"}))
    await friend.wait_for(lambda: "echo: beside it" in friend.seen.said(other, picky.user_id))
    assert friend.seen.said(other, picky.user_id)[1:] == ["echo: beside it"]
    more.bring(room, friend, ("m.reaction", yes))
    await friend.wait_for(lambda: friend.seen.said(room, picky.user_id)[-1] == "Deleted notes.txt.")


async def test_while_a_file_is_on_its_way_up_another_conversation_is_answered(more: More, friend: MatrixPerson) -> None:
    picky = more.accounts["picky"]
    room, other = await direct_chat(friend, picky), await direct_chat(friend, picky)
    more.proxy.faults.plan("POST */upload", faults.hang())
    question = await friend.send(room, "!demo file image")
    await more.process.seen(lambda _: bool(more.proxy.faults.hanging))
    assert await asked(friend, other, picky, "meanwhile") == "echo: meanwhile"
    assert more.proxy.faults.hanging
    more.beside.call(more.proxy.faults.release)
    await friend.replies(room, after=question, from_=picky.user_id)


async def test_a_homeserver_that_is_stopped_and_goes_on_costs_no_answer(more: More, friend: MatrixPerson) -> None:
    picky = more.accounts["picky"]
    room = await direct_chat(friend, picky)
    question = await friend.send(room, "!demo slow 1")
    await friend.wait_for(lambda: question in friend.seen.receipts[room][picky.user_id])
    more.homeserver.pause()
    try:
        await more.process.seen(lambda status: "answered" in steps_of(status, question))
        assert "does not answer in time" in (await more.until_state("picky", "waiting"))["reason"]
        code, text = await asyncio.to_thread(more.process.readiness)
        assert (code, "picky: waiting: " in text) == (503, True)
    finally:
        more.homeserver.resume()
    await more.until_state("picky", "up")
    answer = await friend.replies(room, after=question, from_=picky.user_id)
    assert await asked(friend, room, picky, "still there?") == "echo: still there?"
    assert len(friend.seen.messages(room, after=question, from_=picky.user_id)) == len(answer) + 1 == 2


def steps_of(status: dict[str, Any], question: str) -> list[str]:
    return [step for way in status["ways"] if way["event"] == question for step, _ in way["steps"]]


async def test_it_types_all_through_a_long_run_and_shows_its_answer_in_few_edits(
    more: More, friend: MatrixPerson
) -> None:
    """A notice lasts for 30 s and is renewed after 20 s; each edit is waited for longer than the one before."""
    picky, (room, _) = more.accounts["picky"], more.running

    def notices() -> list[Passage]:
        return more.proxy.of(f"PUT *{room[1:]}/typing/*")

    await friend.wait_for(lambda: any("word210" in said for said in friend.seen.said(room, picky.user_id)), 40)
    begun, renewed, *_ = notices()
    assert 15 < renewed.started - begun.started < 30
    said = [event for event in await friend.history(room) if event.sender == picky.user_id and event.body]
    *shown, whole = [event for event in said if event.replaces or "word1" in event.body]
    assert len(shown) == QUICK.most == 8
    waited = [(then.at_ms - one.at_ms) / 1000 for one, then in pairwise(shown)]
    least = [*QUICK.intervals_s, *[QUICK.intervals_s[-1]] * len(waited)]
    assert all(seconds > due * 0.6 for seconds, due in zip(waited, least, strict=False)), waited
    assert {one.replaces for one in (*shown[1:], whole)} == {shown[0].event_id}
    new, words = whole.content["m.new_content"], [f"word{number}" for number in range(1, 211)]
    assert new["body"] == " ".join(f"**{word}**" for word in words)
    assert new["formatted_body"] == f"<p>{' '.join(f'<strong>{word}</strong>' for word in words)}</p>"


async def test_whatever_is_limited_nothing_of_all_that_is_asked_before_the_time_it_told(
    more: More, friend: MatrixPerson
) -> None:
    picky = more.accounts["picky"]
    room, other = await direct_chat(friend, picky), await direct_chat(friend, picky)
    for refused in COUNTED:
        more.proxy.faults.plan(refused, limit_exceeded(PAUSE_S))
        questions = {room: await friend.send(room, "!demo file text 40")}
        await more.process.seen(partial(has_met, more, refused))
        questions[other] = await friend.send(other, "!demo file text 40")
        for one, question in questions.items():
            await friend.replies(one, after=question, from_=picky.user_id, count=2)
        [limit] = limits(more, refused)
        made = [one for one in more.proxy.of(*COUNTED) if other[1:] in one.name and one.started > limit.ended]
        assert len(made) >= 4, refused
        assert min(one.started for one in made) >= limit.ended + PAUSE_S, refused
    assert more.proxy.in_pauses(*COUNTED) == []
    await friend.wait_for(lambda: not friend.seen.typing[room] | friend.seen.typing[other])


def limits(more: More, name: str) -> list[Passage]:
    """The calls of this *name* that were refused because they were too many."""
    return [one for one in more.proxy.of(name) if one.pause_s]


def has_met(more: More, name: str, _status: object) -> bool:
    return bool(limits(more, name))


async def test_it_asks_for_what_it_uses_alone(more: More) -> None:
    wanted = [json.loads(parse_qs(one.query)["filter"][0]) for one in more.proxy.of("GET */sync")]
    assert wanted
    for one in wanted:
        assert one["room"]["state"]["lazy_load_members"] is one["room"]["timeline"]["lazy_load_members"] is True
        assert one["presence"] == one["room"]["ephemeral"] == {"types": []}
        state, timeline = one["room"]["state"]["types"], one["room"]["timeline"]["types"]
        assert {*state} == {
            f"m.room.{kind}" for kind in ("canonical_alias", "create", "encryption", "member", "tombstone")
        }
        assert not [kind for kind in timeline if kind.startswith(("m.space.", "m.typing"))]


async def test_after_a_restart_a_direct_chat_is_one_however_many_are_in_it_and_the_space_is_as_the_settings_say(
    more: More, alice: MatrixPerson, person: MakePerson
) -> None:
    named, team, bob = more.accounts["named"], more.accounts["team"], await person("bob")
    chat = await direct_chat(alice, named)
    await alice.invite(chat, bob.user_id)
    await bob.join(chat)
    pair, listed, late = groups = [await alice.create_room(name="group", invite=[named.user_id]) for _ in range(3)]
    await alice.wait_for(lambda: all(alice.seen.said(group, named.user_id) for group in groups))
    await call_direct(more, alice, listed)
    assert await asked(alice, listed, named, "and now?") == "echo: and now?"
    await alice.create_room(direct=True, invite=[team.user_id])
    space = (await alice.wait_invite(team.user_id)).room_id
    (hall,) = await rooms_in(alice, space)
    await take_apart(more, space, hall["room_id"])
    more.process.kill()
    await call_direct(more, alice, listed, late)
    missed = await alice.send(late, "and while you were away?")
    more.configure(SPACE.replace("Team", "Crew").replace('"]', '", { name = "News", topic = "What is new" }]'))
    await asyncio.to_thread(more.process.start)
    await more.until_state("named", "up")
    assert (await alice.replies(late, after=missed, from_=named.user_id))[0].body == "echo: and while you were away?"
    assert await asked(alice, listed, named, "and then?") == "echo: and then?"
    for room, one in ((pair, alice), (chat, bob)):
        silent = await one.send(room, "not for you")
        answer = await asked(alice, room, named, "and me?", mentions=room == pair)
        said = alice.seen.messages(room, after=silent, from_=named.user_id)
        assert [event.body for event in said] == [answer] == ["echo: and me?"]
    await alice.wait_for(
        lambda: any(e.type == "m.room.name" and e.content["name"] == "Crew" for e in alice.seen.events[space])
    )
    async with asyncio.timeout(20):
        while len(rooms := await rooms_in(alice, space)) < 2:
            pass
    assert [one["name"] for one in rooms] == ["Hall", "News"]
    assert (rooms[0]["room_id"], rooms[1]["topic"]) == (hall["room_id"], "What is new")
    top = (await alice.hierarchy(space))[0]
    assert (top["topic"], top["avatar_url"]) == ("All of us", "mxc://localhost/face")
    async with aclosing(MatrixApi(more.homeserver.url, team.access_token)) as api:
        parent = await api.call("GET", "rooms", hall["room_id"], "state", "m.space.parent", space)
    assert parent == {"via": ["localhost"], "canonical": True}
