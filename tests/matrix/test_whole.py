"""What a Matrix surface promises, line by line, through one real ``surfacehost run`` with several accounts.

The people are clients of their own: plain HTTP, and nio for encrypted rooms. What takes a host of its own (kills,
faults, ways in) is in test_killed.py, tests/chaos, tests/faults and test_ways_in.py.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Iterator
from html.parser import HTMLParser

import pytest
from tests.matrix.conftest import MakePerson
from tests.matrix.smallhost import answer_to, direct_chat
from tests.matrix.test_poison import POISON, STATE
from tests.matrix.test_provision import rooms_in
from tests.matrix.test_upgrades import became, invited_to_write, upgrade
from tests.matrix.wholehost import (
    LONG,
    Whole,
    deactivate,
    numbers_in,
    whole_host,
)

from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import surface_in
from surfacehost_devkit.matrixperson import MatrixError, MatrixPerson

ALLOWED = re.compile(
    "del|h[1-6]|blockquote|p|a|ul|ol|sup|sub|li|b|i|u|strong|em|s|code|hr|br|div|table|thead|tbody|tr|th|td|caption|pre|"
    "span|details|summary"
)
"""Client-server specification, "m.room.message msgtypes": what formatted_body may hold, pictures left out."""


@pytest.fixture(scope="module")
def whole(homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with whole_host(tmp_path_factory.mktemp("whole") / "host", homeserver) as whole:
        yield whole


@pytest.fixture
def bot(whole: Whole) -> Account:
    return whole.bot


@pytest.mark.parametrize("version", ["11", "12"])
async def test_invited_into_a_room_of_either_version_it_comes_greets_and_answers_what_is_no_notice(
    bot: Account, alice: MatrixPerson, version: str
) -> None:
    room = await direct_chat(alice, bot, room_version=version)
    answer = await answer_to(alice, room, bot, "say **this**")
    assert (answer.content["msgtype"], answer.body) == ("m.text", "echo: say **this**")
    assert answer.content["m.mentions"] == {}
    await alice.send(room, "a notice", msgtype="m.notice")
    assert (await answer_to(alice, room, bot, "waves", msgtype="m.emote")).body == "echo: waves"
    assert len(alice.seen.said(room, bot.user_id)) == 3


async def test_a_thread_is_a_conversation_of_its_own_and_answered_in_the_thread(
    bot: Account, alice: MatrixPerson
) -> None:
    room = await direct_chat(alice, bot)
    root = await alice.send(room, "a topic")
    await alice.replies(room, after=root, from_=bot.user_id)
    inside = await alice.send(room, "within", thread=root)
    (answer,) = await alice.replies(room, after=inside, from_=bot.user_id)
    assert answer.content["m.relates_to"] == {
        "rel_type": "m.thread",
        "event_id": root,
        "is_falling_back": True,
        "m.in_reply_to": {"event_id": inside},
    }
    await alice.wait_for(lambda: inside in alice.seen.receipts[room][bot.user_id])
    assert (await answer_to(alice, room, bot, "!demo memory", thread=root)).body == "I remember:\n1. within"
    assert (await answer_to(alice, room, bot, "!demo memory")).body == "I remember:\n1. a topic"


async def test_in_a_group_it_answers_who_means_it_and_nobody_else(
    whole: Whole, bot: Account, person: MakePerson
) -> None:
    bob = await person("bob")
    await bob.join(whole.group)
    silent = [await bob.send(whole.group, "not for you")]
    silent += [await bob.send(whole.group, "a bot's", msgtype="m.notice", mentions=[bot.user_id])]
    meant = await bob.send(whole.group, "and this?", mentions=[bot.user_id])
    (answer,) = await bob.replies(whole.group, after=meant, from_=bot.user_id)
    assert (answer.body, answer.content["m.mentions"]) == ("echo: and this?", {"user_ids": [bob.user_id]})
    assert answer.content["m.relates_to"] == {"m.in_reply_to": {"event_id": meant}}
    why = await answer_to(bob, whole.group, bot, "why?", reply_to=answer.event_id)
    assert why.body.endswith("why?")
    said = bob.seen.messages(whole.group, after=silent[0], from_=bot.user_id)
    assert [one.event_id for one in said] == [answer.event_id, why.event_id]


async def test_it_reads_at_once_and_types_until_the_answer_is_there(bot: Account, alice: MatrixPerson) -> None:
    room = await direct_chat(alice, bot)
    question = await alice.send(room, "!demo slow 1")
    await alice.wait_for(lambda: question in alice.seen.receipts[room][bot.user_id])
    await alice.wait_for(lambda: bot.user_id in alice.seen.typing[room])
    assert not alice.seen.messages(room, after=question, from_=bot.user_id)
    await alice.replies(room, after=question, from_=bot.user_id)
    await alice.wait_for(lambda: not alice.seen.typing[room])


class Tags(HTMLParser):
    """What a client would make of a formatted_body."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


async def test_what_is_formatted_holds_nothing_but_what_clients_allow(bot: Account, alice: MatrixPerson) -> None:
    room = await direct_chat(alice, bot)
    hostile = (
        "<script>alert(1)</script> <img src=x onerror=alert(1)> <b onclick=x>bold</b> <a href='javascript:x'>no</a> "
        "[no](javascript:alert(1)) [no](data:text/html,x) [yes](https://example.org/?a=1&b=2) **strong**"
    )
    answers = [await answer_to(alice, room, bot, hostile), await answer_to(alice, room, bot, "!demo markdown")]
    for answer in answers:
        found = Tags(answer.content["formatted_body"]).found
        assert all(ALLOWED.fullmatch(tag) for tag, _ in found)
        assert all(set(attributes) <= {"href", "class", "start"} for _, attributes in found)
    links = [attributes["href"] for tag, attributes in Tags(answers[0].content["formatted_body"]).found if tag == "a"]
    assert links == ["https://example.org/?a=1&b=2"]
    assert "<strong>strong</strong>" in answers[0].content["formatted_body"]


async def test_a_long_text_comes_whole_in_several_messages(bot: Account, alice: MatrixPerson) -> None:
    room = await direct_chat(alice, bot)
    await alice.send(room, "!demo long 60000")
    await alice.wait_for(lambda: numbers_in(alice.seen.said(room, bot.user_id))[-1:] == LONG[-1:])
    said = alice.seen.said(room, bot.user_id)[1:]
    assert len(said) > 3
    assert numbers_in(said) == LONG


async def test_put_out_and_invited_again_it_answers_from_then_on_and_banned_nobody_else_is_hurt(
    whole: Whole, bot: Account, alice: MatrixPerson, owner: MatrixPerson
) -> None:
    room = whole.other_group
    await owner.kick(room, bot.user_id)
    await owner.send(room, "behind its back", mentions=[bot.user_id])
    await owner.invite(room, bot.user_id)
    await became("join", room, owner, bot)
    back = await owner.send(room, "welcome back", mentions=[bot.user_id])
    await owner.replies(room, after=back, from_=bot.user_id)
    assert not [text for text in owner.seen.said(room, bot.user_id) if "behind" in text]
    with whole.process.unharmed():
        await owner.api.call("POST", "rooms", room, "ban", json={"user_id": bot.user_id})
        await owner.send(room, "and now?", mentions=[bot.user_id])
        await answer_to(alice, await direct_chat(alice, bot), bot, "are you there?")


@pytest.fixture
async def owner(whole: Whole) -> AsyncIterator[MatrixPerson]:
    async with MatrixPerson(whole.homeserver.url, whole.owner) as owner:
        yield owner


async def test_an_upgraded_room_is_followed_and_stays_what_it_was(bot: Account, alice: MatrixPerson) -> None:
    room = await direct_chat(alice, bot, room_version="11")
    await answer_to(alice, room, bot, "remember me")
    new = await upgrade(alice, room)
    await alice.invite(new, bot.user_id)
    await invited_to_write(new, alice, bot)
    remembered = await answer_to(alice, new, bot, "!demo memory")
    assert remembered.body == "I remember:\n1. remember me\n2. are you here?"
    assert alice.seen.said(new, bot.user_id)[0] == "echo: are you here?"  # and no greeting: they have met


async def test_what_was_written_while_it_was_away_is_answered_and_what_is_older_than_its_coming_is_not(
    whole: Whole, bot: Account, alice: MatrixPerson
) -> None:
    known = await direct_chat(alice, bot)
    whole.process.kill()
    new = await alice.create_room(direct=True, options={"initial_state": [SHARED]})
    await alice.send(new, "before your time")
    await alice.set_state(new, "m.room.member", {"membership": "invite", "is_direct": True}, bot.user_id)
    await asyncio.gather(*(alice.send(known, f"number {number}") for number in range(12)))  # a first sync brings ten
    await asyncio.to_thread(whole.process.start)
    await became("join", new, alice, bot)
    await alice.send(new, "are you here?")
    await alice.wait_for(lambda: "echo: are you here?" in alice.seen.said(new, bot.user_id))
    assert not [text for text in alice.seen.said(new, bot.user_id) if "before your time" in text]
    await alice.wait_for(lambda: len(alice.seen.said(known, bot.user_id)) > 12)
    assert sorted(alice.seen.said(known, bot.user_id)[1:]) == sorted(f"echo: number {number}" for number in range(12))


async def test_invitations_that_race_make_one_space_and_a_chat_can_be_added_to_it(
    whole: Whole, alice: MatrixPerson
) -> None:
    guide = whole.guide
    invited = await asyncio.gather(*(alice.create_room(direct=True, invite=[guide.user_id]) for _ in range(2)))
    for room in invited:
        await became("join", room, alice, guide)
    space = (await alice.wait_invite(guide.user_id)).room_id
    await alice.join(space)
    await alice.wait_for(lambda: sum(one.type == "m.space.child" for one in alice.seen.events[space]) == 2)
    general, ideas = [one["room_id"] for one in await rooms_in(alice, space)]
    for room in (general, ideas):
        await alice.join(room)
    for room, kind, content in (
        (space, "m.room.name", {"name": "Assistant"}),
        (space, "m.room.topic", {"topic": "All in one"}),
        (ideas, "m.room.topic", {"topic": "Half-baked is fine"}),
        (ideas, "m.room.avatar", {"url": "mxc://localhost/abc"}),
    ):
        state = await alice.state(room, kind)
        assert state is not None
        assert content.items() <= state.items()
    rights, rule = await alice.state(space, "m.room.power_levels"), await alice.state(general, "m.room.join_rules")
    assert rights is not None
    assert rights["invite"] == 50
    assert rule == {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": space}]}
    assert await alice.state(ideas, "m.space.parent", space)
    assert (await answer_to(alice, general, guide, "in general")).body == "echo: in general"
    assert (await answer_to(alice, ideas, guide, "!demo memory")).body == "I remember nothing."
    made = await answer_to(alice, ideas, guide, "/chat new Trip")
    repeated = await alice.create_room(direct=True, invite=[guide.user_id])
    await became("join", repeated, alice, guide)
    assert (await answer_to(alice, repeated, guide, "another one?")).body == "echo: another one?"
    assert [one["name"] for one in (await alice.hierarchy(space))[1:]] == ["General", "Ideas", "Trip"], made.body
    assert not [one for one in alice.seen.invites.values() if one.inviter == guide.user_id]


async def test_another_bot_that_answers_whatever_is_said_is_not_answered_for_ever(
    whole: Whole, alice: MatrixPerson, bot: Account
) -> None:
    room = await alice.create_room(direct=True, invite=[whole.guide.user_id])
    await became("join", room, alice, whole.guide)
    for number in range(3):
        await answer_to(alice, room, whole.guide, f"answer {number}")
    ignored = await alice.send(room, "answer 3")
    await asyncio.to_thread(
        whole.process.wait_for,
        lambda _: f"{alice.user_id} in chat {room} of guide answers faster" in whole.process.log_text(),
    )
    assert (await answer_to(alice, await direct_chat(alice, bot), bot, "and you?")).body == "echo: and you?"
    assert not alice.seen.messages(room, after=ignored, from_=whole.guide.user_id)


async def test_nobody_puts_words_into_anothers_mouth(whole: Whole, bot: Account, person: MakePerson) -> None:
    """What others send as a replacement of what bob wrote, while that waits to be answered."""
    bob, mallory = await person("bob"), await person("alice")
    for member in (bob, mallory):
        await member.join(whole.group)
    await bob.send(whole.group, "!demo slow 1", mentions=[bot.user_id])
    waits = await bob.send(whole.group, "what I said", mentions=[bot.user_id])
    await mallory.edit(whole.group, waits, "what I did not say")
    _, answer = await bob.replies(whole.group, after=waits, from_=bot.user_id, count=2)
    assert answer.body == "echo: what I said"
    last = await answer_to(bob, whole.group, bot, "!demo memory", mentions=[bot.user_id])
    assert "what I said" in last.body
    assert "did not say" not in last.body


async def test_no_event_ends_it_or_keeps_it_from_others(whole: Whole, bot: Account, alice: MatrixPerson) -> None:
    room, elsewhere = await direct_chat(alice, bot), await direct_chat(alice, bot)
    huge = [("m.room.message", {"msgtype": "m.text", "body": "long " * 12_000})]
    huge += [("m.room.message", {"msgtype": "m.text", "body": "deep", "x": json.loads("[" * 200 + "]" * 200)})]
    with whole.process.unharmed():
        for kind, content in POISON + STATE + huge:
            with contextlib.suppress(MatrixError):  # this homeserver spares us some of them
                await (alice.set_state if (kind, content) in STATE else alice.send_event)(room, kind, content)
        assert (await answer_to(alice, elsewhere, bot, "and here?")).body == "echo: and here?"
        await alice.send(room, "still there?")  # which is read as the end of the very long one
        await alice.wait_for(lambda: "still there?" in alice.seen.said(room, bot.user_id)[-1])


async def test_an_account_that_is_no_more_is_told_and_the_others_go_on(
    whole: Whole, bot: Account, alice: MatrixPerson
) -> None:
    room = await direct_chat(alice, bot)
    await deactivate(whole.homeserver, whole.gone)
    status = await asyncio.to_thread(
        whole.process.wait_for, lambda status: surface_in(status, "gone")["state"] == "parked"
    )
    assert "deactivated?" in surface_in(status, "gone")["reason"]
    assert {surface_in(status, name)["state"] for name in ("matrix", "guide")} == {"up"}
    assert (await answer_to(alice, room, bot, "and you?")).body == "echo: and you?"


SHARED = {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "shared"}}
