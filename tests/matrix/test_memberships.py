"""How the bot comes into rooms and where its time there begins, without a homeserver."""

from typing import Any

import pytest
from tests.matrix.events import ALICE, BOT, event

from surfacehost_matrix.memberships import (
    after_arrival,
    direct_rooms,
    may_begin_earlier,
    read_invite,
    replacement,
    replaces,
)


def member(membership: str, before: str | None = None, user: str = BOT, **content: Any) -> dict[str, Any]:
    unsigned = {"unsigned": {"prev_content": {"membership": before}}} if before else {}
    return {
        "type": "m.room.member",
        "state_key": user,
        "sender": ALICE,
        "content": {"membership": membership, **content},
        **unsigned,
    }


TALK = event()


@pytest.mark.parametrize(
    ("events", "begin"),
    [
        ([TALK, member("invite"), TALK, member("join", "invite"), TALK], 2),
        ([TALK, member("join"), TALK], 2),
        ([TALK, member("join", "join"), TALK], None),
        ([TALK, member("invite", user=ALICE), TALK], None),
        ([member("invite"), member("join", "invite"), member("leave", "join"), TALK, member("join", "leave"), TALK], 5),
        (
            [
                member("invite"),
                member("join", "invite"),
                TALK,
                member("ban"),
                member("invite"),
                member("join", "invite"),
            ],
            5,
        ),
        ([member("invite"), TALK, member("join", "invite"), member("join", "join"), TALK], 1),
        ([], None),
    ],
)
def test_our_time_in_a_room_begins_with_the_invitation(events: list[dict[str, Any]], begin: int | None) -> None:
    assert after_arrival(events, BOT) == begin


def test_an_invitation_may_lie_further_back() -> None:
    assert may_begin_earlier([TALK], BOT)
    assert may_begin_earlier([TALK, member("join", "invite")], BOT)
    assert not may_begin_earlier([member("invite"), TALK, member("join", "invite")], BOT)
    assert not may_begin_earlier([member("join", "leave"), TALK], BOT)


def test_an_invitation_is_read() -> None:
    state = [
        {"type": "m.room.name", "state_key": "", "sender": ALICE, "content": {"name": "Tea"}},
        member("join", user=ALICE),
        member("invite", is_direct=True),
    ]
    invite = read_invite("!r", state, surface="matrix", me=BOT)
    assert invite is not None
    assert (invite.chat, invite.sender, invite.direct, invite.chat_name) == ("!r", ALICE, True, "Tea")
    older = [state[0], state[1], state[2] | {"unsigned": {"age": 5}}]
    again = read_invite("!r", older, surface="matrix", me=BOT)
    assert again is not None
    assert again.id == invite.id
    assert read_invite("!r", state[:2], surface="matrix", me=BOT) is None


@pytest.mark.parametrize("odd", [None, [], {ALICE: 1}, {ALICE: [1, None]}])
def test_direct_rooms_survive_odd_account_data(odd: Any) -> None:
    assert direct_rooms(odd) in ({}, {ALICE: []})


def test_an_upgrade_is_what_both_rooms_say() -> None:
    tombstone = {"type": "m.room.tombstone", "state_key": "", "content": {"replacement_room": "!new"}}
    assert replacement(tombstone, "!room") == "!new"
    odd: Any
    for odd in ({"replacement_room": "!room"}, {"replacement_room": "#alias:ex.org"}, {"replacement_room": 7}, {}, []):
        assert replacement(tombstone | {"content": odd}, "!room") == ""
    assert replacement(tombstone | {"state_key": "x"}, "!room") == ""
    assert replacement({"type": "m.room.tombstone", "content": tombstone["content"]}, "!room") == ""
    assert replaces({"predecessor": {"room_id": "!room"}}) == "!room"
    assert replaces({"predecessor": []}) == replaces({}) == ""
