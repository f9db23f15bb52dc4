"""What events mean, without a homeserver."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surfacehost_matrix.parse import (
    Place,
    after_arrival,
    direct_rooms,
    may_begin_earlier,
    read_invite,
    read_message,
    replied_to,
    storable,
)

BOT, ALICE = "@bot:ex.org", "@alice:ex.org"
PLACE = Place(surface="matrix", chat="!room", me=BOT, my_name="Helper", names={ALICE: "Alice"})
DIRECT = Place(surface="matrix", chat="!room", me=BOT, direct_with=frozenset([ALICE]))


def event(body: Any = "hi", sender: str = ALICE, /, **content: Any) -> dict[str, Any]:
    return {
        "type": "m.room.message",
        "event_id": "$1",
        "sender": sender,
        "origin_server_ts": 1500,
        "content": {"msgtype": "m.text", "body": body, **content},
    }


def test_a_text_is_a_message() -> None:
    message = read_message(event(), PLACE)
    assert message is not None
    assert (message.id, message.chat, message.sender, message.text) == ("$1", "!room", ALICE, "hi")
    assert (message.sender_name, message.at, message.topic, message.locale) == ("Alice", 1.5, "", "")
    assert (message.direct, message.addressed) == (False, False)


@pytest.mark.parametrize(
    "odd",
    [
        event("hi", BOT),
        event(msgtype="m.notice"),
        event(msgtype="m.image"),
        event(msgtype=["m.text"]),
        event(7),
        event(None),
        event(**{"m.relates_to": {"rel_type": "m.replace", "event_id": "$0"}}),
        event() | {"state_key": ""},
        event() | {"type": "m.room.encrypted"},
        event() | {"content": []},
        event() | {"content": {}},
        event() | {"sender": 1},
        event() | {"event_id": None},
        {},
    ],
)
def test_anything_else_is_not(odd: dict[str, Any]) -> None:
    assert read_message(odd, PLACE) is None


@pytest.mark.parametrize(
    ("content", "addressed"),
    [
        ({"m.mentions": {"user_ids": [BOT]}}, True),
        ({"m.mentions": {"user_ids": ["@bob:ex.org"]}}, False),
        ({"m.mentions": {}, "formatted_body": f'<a href="https://matrix.to/#/{BOT}">x</a>'}, False),
        ({"formatted_body": f'<a href="https://matrix.to/#/{BOT}">Helper</a>'}, True),
        ({"formatted_body": '<a href="https://matrix.to/#/%40bot%3Aex.org">Helper</a>'}, True),
        ({"formatted_body": f'<a href="https://matrix.to/#/{BOT}.evil">Helper</a>'}, False),
        ({"m.mentions": {"user_ids": BOT}}, False),
        ({"m.mentions": []}, False),
    ],
)
def test_it_is_addressed_by_mention_or_pill(content: dict[str, Any], *, addressed: bool) -> None:
    message = read_message(event(**content), PLACE)
    assert message is not None
    assert message.addressed is addressed


@pytest.mark.parametrize(
    ("body", "addressed"), [(f"{BOT} hi", True), (f"hi {BOT}!", True), (f"hi {BOT}.uk", False), (f"x{BOT}", False)]
)
def test_old_clients_write_the_user_id(body: str, *, addressed: bool) -> None:
    message = read_message(event(body), PLACE)
    assert message is not None
    assert message.addressed is addressed


@pytest.mark.parametrize(
    ("body", "mentioned", "text"),
    [
        ("Helper: hello", True, "hello"),
        ("Helper, hello", False, "hello"),
        ("helper hello", True, "hello"),
        ("helper hello", False, "helper hello"),
        ("@bot: hello", True, "hello"),
        (f"{BOT} hello", True, "hello"),
        ("Helpers: hello", True, "Helpers: hello"),
        ("Helper's hat", True, "Helper's hat"),
        ("Helper:", True, "Helper:"),
        ("hello Helper", True, "hello Helper"),
    ],
)
def test_its_own_name_in_front_is_no_part_of_the_text(body: str, text: str, *, mentioned: bool) -> None:
    message = read_message(event(body, **({"m.mentions": {"user_ids": [BOT]}} if mentioned else {})), PLACE)
    assert message is not None
    assert message.text == text


def test_a_thread_is_the_topic_and_no_reply() -> None:
    relation = {"rel_type": "m.thread", "event_id": "$root", "is_falling_back": True}
    raw = event(**{"m.relates_to": {**relation, "m.in_reply_to": {"event_id": "$last"}}})
    message = read_message(raw, PLACE)
    assert message is not None
    assert message.topic == "$root"
    assert replied_to(raw) is None
    assert replied_to(event(**{"m.relates_to": {**relation, "is_falling_back": False}})) is None


@pytest.mark.parametrize("root", ["", 7, None, "$" + "x" * 300, "$a b", "$\ud800", "no dollar", ["$x"]])
def test_a_thread_root_that_can_not_be_one_is_left_out(root: Any) -> None:
    message = read_message(event(**{"m.relates_to": {"rel_type": "m.thread", "event_id": root}}), PLACE)
    assert message is not None
    assert message.topic == ""
    assert str(message.key)


def test_a_reply_loses_the_quote_that_older_clients_add() -> None:
    relation = {"m.relates_to": {"m.in_reply_to": {"event_id": "$0"}}}
    raw = event(f"> <{ALICE}> first\n> second\n>\n> third\n\nanswer\n> kept", **relation)
    message = read_message(raw, PLACE)
    assert message is not None
    assert message.text == "answer\n> kept"
    assert replied_to(raw) == "$0"
    quoting = read_message(event("> a quote\n\nof mine", **relation), PLACE)
    assert quoting is not None
    assert quoting.text == "> a quote\n\nof mine"


def test_direct_is_who_the_chat_is_direct_with() -> None:
    message = read_message(event(), DIRECT)
    assert message is not None
    assert (message.direct, message.addressed) == (True, True)
    third = read_message(event("hi", "@bob:ex.org"), DIRECT)
    assert third is not None
    assert (third.direct, third.addressed) == (False, False)


def test_what_no_database_takes_is_replaced() -> None:
    assert storable("a\ud800b\0c") == "a\ufffdb\ufffdc"
    assert storable("ok 🙂") == "ok 🙂"
    message = read_message(event("x\udfff"), PLACE)
    assert message is not None
    assert message.text.encode()


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


KEYS = st.sampled_from(
    ["m.relates_to", "rel_type", "event_id", "m.in_reply_to", "m.mentions", "user_ids", "formatted_body", "unsigned"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["m.thread", "m.replace", "$x", BOT]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, JSON, max_size=6), st.text())
def test_no_content_makes_the_parser_stumble(content: dict[str, Any], body: str) -> None:
    raw = event(body, **content)
    message = read_message(raw, PLACE)
    assert message is None or (str(message.key) and message.text.encode() is not None)
    assert replied_to(raw) is None or str(replied_to(raw)).startswith("$")
