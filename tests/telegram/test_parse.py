"""What updates mean: recorded payloads in, events out."""

import logging
from typing import Any

import pytest
from telegram import Update
from tests.telegram.payloads import ALICE, FORUM, GROUP, ME, PRIVATE, SUPERGROUP, Json, mark, membership, message, said

from surfacehost import Event, Invite, Message
from surfacehost_telegram.parse import parse


def event(raw: Json) -> Event | None:
    return parse(Update.de_json(raw), ME, "tg")


def heard(raw: Json) -> Message:
    found = event(raw)
    assert isinstance(found, Message)
    return found


def test_private_message() -> None:
    assert event(message(PRIVATE, "hi")) == Message(
        surface="tg",
        id="42:11",
        chat="42",
        sender="42",
        direct=True,
        sender_name="Alice Liddell",
        locale="ru",
        at=1_790_000_000.0,
        native={"message_id": 11, "thread": None},
        text="hi",
        addressed=True,
    )


def test_keys_of_conversations() -> None:
    topic: Json = {"message_thread_id": 7, "is_topic_message": True}
    chain: Json = {"message_thread_id": 7}
    assert str(heard(message(PRIVATE, "hi")).key) == "1/tg/42/42/~"
    assert str(heard(message(PRIVATE, "hi", **topic)).key) == "1/tg/42/42/7"
    assert str(heard(message(GROUP, "hi")).key) == "1/tg/~/-4001/~"
    assert str(heard(message(SUPERGROUP, "hi", **chain)).key) == "1/tg/~/-1001234567890/~"
    assert str(heard(message(FORUM, "hi")).key) == "1/tg/~/-1001234567890/~"
    assert str(heard(message(FORUM, "hi", **topic)).key) == "1/tg/~/-1001234567890/7"


def test_the_thread_to_answer_in_is_kept() -> None:
    assert heard(message(FORUM, "hi", message_thread_id=7, is_topic_message=True)).native["thread"] == 7
    assert heard(message(SUPERGROUP, "hi", message_thread_id=7)).native["thread"] is None


def test_a_caption_is_text() -> None:
    photo = {"file_id": "A", "file_unique_id": "B", "width": 1, "height": 1}
    caption = "@agent_bot what is this?"
    raw = message(GROUP, photo=[photo], caption=caption, caption_entities=[mark("mention", caption, "@agent_bot")])
    assert (heard(raw).text, heard(raw).addressed) == ("what is this?", True)


def test_no_text_is_no_event(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert event(message(PRIVATE, photo=[{"file_id": "A", "file_unique_id": "B", "width": 1, "height": 1}])) is None
    assert "has no text" in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        {"from": {"id": 5, "is_bot": True, "first_name": "Other"}},
        {"from": {"id": ME.id, "is_bot": True, "first_name": "Agent"}},
        {"sender_chat": {"id": -1009, "type": "channel", "title": "News"}},
        {"chat": {"id": -1009, "type": "channel", "title": "News"}},
    ],
)
def test_not_from_a_person(change: Json) -> None:
    raw = message(SUPERGROUP, "hi")
    raw["message"] |= change
    assert event(raw) is None


def test_channel_posts_and_edits_are_no_events() -> None:
    post = {"message_id": 1, "chat": {"id": -1009, "type": "channel", "title": "News"}, "date": 1, "text": "x"}
    edit: Any = message(PRIVATE, "hi")["message"] | {"edit_date": 1_790_000_001}
    assert event({"update_id": 1, "channel_post": post}) is None
    assert event({"update_id": 1, "edited_message": edit}) is None
    assert event({"update_id": 1, "something_new": {"of": "tomorrow"}}) is None


BOT: Json = {"id": ME.id, "is_bot": True, "first_name": "Agent"}


@pytest.mark.parametrize(
    ("raw", "addressed"),
    [
        (said(GROUP, "hi all"), False),
        (said(GROUP, "ask @agent_bot", mark("mention", "ask @agent_bot", "@agent_bot")), True),
        (said(GROUP, "ask @AGENT_BOT", mark("mention", "ask @AGENT_BOT", "@AGENT_BOT")), True),
        (said(GROUP, "🎩🎩 ask @agent_bot", mark("mention", "🎩🎩 ask @agent_bot", "@agent_bot")), True),
        (said(GROUP, "ask @agent_bot2", mark("mention", "ask @agent_bot2", "@agent_bot2")), False),
        (said(GROUP, "a@agent_bot.com", mark("email", "a@agent_bot.com", "a@agent_bot.com")), False),
        (said(GROUP, "no entity: @agent_bot"), False),
        (said(GROUP, "hey Agent", mark("text_mention", "hey Agent", "Agent", user=BOT)), True),
        (said(GROUP, "hey Alice", mark("text_mention", "hey Alice", "Alice", user=ALICE)), False),
        (said(GROUP, "/new", mark("bot_command", "/new", "/new")), True),
        (said(GROUP, "/new@Agent_bot", mark("bot_command", "/new@Agent_bot", "/new@Agent_bot")), True),
        (said(GROUP, "/new@other_bot", mark("bot_command", "/new@other_bot", "/new@other_bot")), False),
        (said(GROUP, "type /new", mark("bot_command", "type /new", "/new")), False),
    ],
)
def test_addressed_in_groups(raw: Json, addressed: bool) -> None:  # noqa: FBT001 - a column of the table
    assert heard(raw).addressed is addressed


def reply(sender: Json, **more: object) -> Json:
    return {"message_id": 7, "from": sender, "chat": FORUM, "date": 1, **more}


def test_a_reply_to_the_bot_is_addressed() -> None:
    assert heard(message(FORUM, "yes", reply_to_message=reply(BOT, text="sure?"))).addressed
    assert not heard(message(FORUM, "yes", reply_to_message=reply(ALICE, text="sure?"))).addressed


def test_a_message_in_a_topic_the_bot_made_is_no_reply_to_it() -> None:
    creation = reply(BOT, forum_topic_created={"name": "Tea", "icon_color": 7322096}, is_topic_message=True)
    topic: Json = {"message_thread_id": 7, "is_topic_message": True, "reply_to_message": creation}
    assert not heard(message(FORUM, "hi all", **topic)).addressed


@pytest.mark.parametrize(
    ("text", "kind", "part", "spoken"),
    [
        ("@agent_bot what?", "mention", "@agent_bot", "what?"),
        ("@Agent_Bot, what?", "mention", "@Agent_Bot", "what?"),
        ("@agent_bot:\nwhat?", "mention", "@agent_bot", "what?"),
        ("@agent_bot", "mention", "@agent_bot", "@agent_bot"),
        ("what, @agent_bot?", "mention", "@agent_bot", "what, @agent_bot?"),
        ("@other_bot what?", "mention", "@other_bot", "@other_bot what?"),
        ("/new@agent_bot now", "bot_command", "/new@agent_bot", "/new now"),
        ("/new now", "bot_command", "/new", "/new now"),
        ("/new@other_bot now", "bot_command", "/new@other_bot", "/new@other_bot now"),
    ],
)
def test_the_address_is_taken_off(text: str, kind: str, part: str, spoken: str) -> None:
    assert heard(said(GROUP, text, mark(kind, text, part))).text == spoken


@pytest.mark.parametrize("now", ["member", "administrator", "restricted"])
@pytest.mark.parametrize("was", ["left", "kicked"])
def test_coming_into_a_group_is_an_invite(was: str, now: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert event(membership(SUPERGROUP, was, now)) == Invite(
        surface="tg",
        id="member:901",
        chat="-1001234567890",
        sender="42",
        direct=False,
        sender_name="Alice Liddell",
        locale="ru",
        at=1_790_000_000.0,
        chat_name="Team",
    )
    assert "42 added the bot to chat -1001234567890" in caplog.text


@pytest.mark.parametrize(
    "raw",
    [
        membership(GROUP, "member", "administrator"),
        membership(GROUP, "administrator", "member"),
        membership(PRIVATE, "kicked", "member"),
        membership(SUPERGROUP, "left", "restricted", is_member=False),
        membership({"id": -1009, "type": "channel", "title": "News"}, "left", "administrator"),
    ],
)
def test_no_invite(raw: Json) -> None:
    assert event(raw) is None


@pytest.mark.parametrize(("chat", "now"), [(GROUP, "left"), (GROUP, "kicked"), (PRIVATE, "kicked")])
def test_going_is_logged(chat: Json, now: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert event(membership(chat, "member", now)) is None
    assert f"the bot is no longer in chat {chat['id']}: {now}, by 42" in caplog.text
