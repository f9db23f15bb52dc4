"""What people's events mean, without a homeserver."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.matrix.events import ALICE, BOT, DIRECT, PLACE, event, read_message

from surfacehost import Edit, Event, Redaction
from surfacehost.events import dump_event, load_event
from surfacehost_matrix.jsonparts import storable
from surfacehost_matrix.parse import quoted, read_event, replied_to


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
        event(msgtype="m.location"),
        event(msgtype="m.key.verification.request"),
        event(msgtype=["m.text"]),
        event(7),
        event(None),
        event(**{"m.relates_to": {"rel_type": "m.replace", "event_id": "$0"}}),
        event(**{"m.relates_to": {"rel_type": "m.replace"}, "m.new_content": {"msgtype": "m.text", "body": "x"}}),
        event(**{"m.relates_to": {"rel_type": "m.replace", "event_id": "$0"}, "m.new_content": {"msgtype": ["x"]}}),
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
        ({"formatted_body": '<a href="https://matrix.to/#/#bot:ex.org">#bot:ex.org</a>'}, False),  # a room
        ({"formatted_body": f'<a href="https://matrix.to/#/!bot:ex.org?via={BOT}">x</a>'}, False),
        ({"m.mentions": {"user_ids": BOT}}, False),
        ({"m.mentions": []}, False),
    ],
)
def test_it_is_addressed_by_mention_or_pill(content: dict[str, Any], *, addressed: bool) -> None:
    message = read_message(event(**content), PLACE)
    assert message is not None
    assert message.addressed is addressed


@pytest.mark.parametrize(
    ("body", "addressed"),
    [(f"{BOT} hi", True), (f"hi {BOT}!", True), (f"hi {BOT}.uk", False), (f"x{BOT}", False), ("#bot:ex.org", False)],
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


def changed(text: Any = "new", of: Any = "$1", /, **new: Any) -> dict[str, Any]:
    content = {"msgtype": "m.text", "body": text, **new}
    return event("* new", **{"m.new_content": content, "m.relates_to": {"rel_type": "m.replace", "event_id": of}})


def test_an_edit_tells_what_of_and_the_new_text() -> None:
    edit = read_event(changed("Helper: new"), PLACE)
    assert isinstance(edit, Edit)
    assert (edit.of, edit.text, edit.sender, edit.chat) == ("$1", "new", ALICE, "!room")
    with_caption = read_event(changed("better", msgtype="m.image", filename="cat.png", url="mxc://ex.org/a"), PLACE)
    assert isinstance(with_caption, Edit)
    assert with_caption.text == "better"


@pytest.mark.parametrize(
    ("told", "of"),
    [
        ({"redacts": "$own"}, "$own"),
        ({"content": {"redacts": "$new"}}, "$new"),
        ({"redacts": "$own", "content": {"redacts": "$anothers"}}, "$own"),  # before version 11 that means nothing
        ({"redacts": 7, "content": {}}, None),
        ({"content": []}, None),
        ({"content": {"redacts": "$x"}, "state_key": ""}, None),
        ({"content": {"redacts": "$x"}, "sender": BOT}, None),
    ],
)
def test_a_redaction_tells_what_of(told: dict[str, Any], of: str | None) -> None:
    read = read_event(event() | {"type": "m.room.redaction", "content": {}} | told, PLACE)
    assert (read.of if isinstance(read, Redaction) else None) == of


def test_what_is_quoted_is_what_its_author_said_last() -> None:
    assert quoted(event("as it was")) == "as it was"
    edited = {"unsigned": {"m.relations": {"m.replace": changed("as it is")}}}
    assert quoted(event("as it was") | edited) == "as it is"
    forged = {"unsigned": {"m.relations": {"m.replace": changed("forged") | {"sender": "@bob:ex.org"}}}}
    assert quoted(event("as it was") | forged) == "as it was"
    reply = {"m.relates_to": {"m.in_reply_to": {"event_id": "$0"}}}
    assert quoted(event(f"> <{ALICE}> older\n\nmine", **reply)) == "mine"
    assert quoted(event() | {"type": "m.room.encrypted"}) == quoted({}) == ""


KEYS = st.sampled_from(
    [
        "m.relates_to",
        "rel_type",
        "event_id",
        "m.in_reply_to",
        "m.mentions",
        "user_ids",
        "formatted_body",
        "unsigned",
        "msgtype",
        "url",
        "file",
        "info",
        "size",
        "filename",
        "m.new_content",
        "redacts",
        "m.relations",
        "key",
        "key_ops",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["m.thread", "m.replace", "$x", BOT]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(
    st.sampled_from(["m.room.message", "m.sticker", "m.room.redaction"]),
    st.sampled_from(["m.text", "m.image", "m.audio"]),
    st.dictionaries(KEYS, JSON, max_size=6),
    st.text() | JSON,
)
def test_no_content_makes_the_parser_stumble(kind: str, msgtype: str, content: dict[str, Any], body: Any) -> None:
    raw = event(body, **{"msgtype": msgtype, "url": "mxc://ex.org/a"} | content) | {"type": kind}
    read: Event | None = read_event(raw, PLACE)
    assert read is None or (str(read.key) and load_event(dump_event(read)) == read)
    assert isinstance(quoted(raw | {"unsigned": content}), str)
    assert replied_to(raw) is None or str(replied_to(raw)).startswith("$")
