"""What updates mean: recorded payloads in, events out."""

import logging
from typing import Any

import pytest
from telegram import Update
from tests.botapi.judge import judge_update
from tests.telegram.payloads import ALICE, FORUM, GROUP, ME, PRIVATE, SUPERGROUP, Json, mark, membership, message, said

from surfacehost import Attachment, Edit, Event, Invite, Message
from surfacehost_telegram.parse import Moved, parse


def event(raw: Json) -> Event | Moved | None:
    judge_update(raw)
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


def test_what_says_nothing_is_no_event(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert event(message(SUPERGROUP, new_chat_title="Team")) is None
    assert "has nothing to say" in caplog.text


FILE: Json = {"file_id": "A", "file_unique_id": "B"}
SIZED: Json = {**FILE, "width": 2, "height": 2}
TIMED: Json = {**FILE, "duration": 1}
STICKER: Json = {**SIZED, "type": "regular", "is_animated": False, "is_video": False, "emoji": "🎩", "file_size": 7}


@pytest.mark.parametrize(
    ("raw", "name", "mime_type", "size", "kind"),
    [
        (
            {"photo": [{**SIZED, "file_size": 9}, {**SIZED, "file_id": "small", "width": 1}]},
            *("photo.jpg", "image/jpeg", 9, "image"),
        ),
        ({"document": FILE}, "file", "application/octet-stream", 0, "file"),
        (
            {"document": {**FILE, "file_name": "a/../b.PDF", "mime_type": "application/pdf"}},
            *("b.PDF", "application/pdf", 0, "file"),
        ),
        (
            {"document": {**FILE, "file_name": "C:\\tea.png", "mime_type": "image/png"}},
            "tea.png",
            "image/png",
            0,
            "image",
        ),
        ({"voice": {**TIMED, "mime_type": "audio/ogg", "file_size": 5}}, "voice.ogg", "audio/ogg", 5, "voice"),
        ({"audio": {**TIMED, "file_name": "song.mp3"}}, "song.mp3", "audio/mpeg", 0, "audio"),
        ({"video": {**SIZED, **TIMED}}, "video.mp4", "video/mp4", 0, "video"),
        ({"video_note": {**TIMED, "length": 1}}, "video_note.mp4", "video/mp4", 0, "video"),
        (
            {"animation": {**SIZED, **TIMED, "file_name": "cat.mp4"}, "document": FILE},
            *("cat.mp4", "video/mp4", 0, "video"),
        ),
        ({"sticker": STICKER}, "sticker.webp", "image/webp", 7, "sticker"),
        ({"sticker": {**STICKER, "is_animated": True}}, "sticker.tgs", "application/x-tgsticker", 7, "sticker"),
        ({"sticker": {**STICKER, "is_video": True}}, "sticker.webm", "video/webm", 7, "sticker"),
    ],
)
def test_files_are_attachments(raw: Json, name: str, mime_type: str, size: int, kind: Any) -> None:
    found = heard(message(PRIVATE, **raw))
    assert found.attachments == (
        Attachment(name=name, mime_type=mime_type, size=size, kind=kind, source={"file_id": "A"}),
    )
    assert found.text == ("🎩" if "sticker" in raw else "")


POLL: Json = {
    "id": "5",
    "question": "Tea?",
    "options": [{"text": text, "voter_count": 0, "persistent_id": text} for text in ("yes", "no")],
    "total_voter_count": 0,
    "is_closed": False,
    "is_anonymous": True,
    "type": "regular",
    "allows_multiple_answers": False,
    "allows_revoting": False,
    "members_only": False,
}
PLACE: Json = {"latitude": 52.520008, "longitude": -13.404954}


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ({"location": PLACE}, "geo:52.520008,-13.404954"),
        (
            {"location": PLACE, "venue": {"location": PLACE, "title": "Tower", "address": "Square 1"}},
            "Tower, Square 1\ngeo:52.520008,-13.404954",
        ),
        ({"contact": {"first_name": "Bob", "phone_number": "+4930123"}}, "Bob +4930123"),
        ({"poll": POLL}, "Tea?\n- yes\n- no"),
        ({"dice": {"emoji": "🎲", "value": 4}}, "🎲 4"),
    ],
)
def test_what_can_be_said_in_words_is_text(raw: Json, text: str) -> None:
    assert heard(message(PRIVATE, **raw)).text == text


def test_an_album_is_a_bundle() -> None:
    assert heard(message(PRIVATE, photo=[SIZED], media_group_id="77")).bundle == "77"


def test_what_is_replied_to_is_quoted() -> None:
    asked = reply(ALICE, text="to be or not to be")
    assert heard(message(FORUM, "yes", reply_to_message=asked)).quote == "to be or not to be"
    part: Json = {"text": "not to be", "position": 9}
    assert heard(message(FORUM, "yes", reply_to_message=asked, quote=part)).quote == "not to be"
    assert heard(message(FORUM, "yes", reply_to_message=reply(ALICE, caption="tea", photo=[SIZED]))).quote == "tea"
    topic: Json = {"forum_topic_created": {"name": "Tea", "icon_color": 7322096}, "is_topic_message": True}
    assert heard(message(FORUM, "yes", reply_to_message=reply(BOT, **topic))).quote == ""


def test_a_changed_message() -> None:
    body: Any = message(GROUP, "/new@agent_bot now", edit_date=1_790_000_001)["message"]
    body["entities"] = [mark("bot_command", "/new@agent_bot now", "/new@agent_bot")]
    assert event({"update_id": 7, "edited_message": body}) == Edit(
        surface="tg",
        id="-4001:11:edit:7",
        of="-4001:11",
        chat="-4001",
        sender="42",
        direct=False,
        sender_name="Alice Liddell",
        locale="ru",
        at=1_790_000_001.0,
        native={"message_id": 11, "thread": None},
        text="/new now",
    )
    assert event({"update_id": 7, "edited_message": body | {"sender_chat": SUPERGROUP}}) is None


def test_a_tap_on_a_button_is_a_choice() -> None:
    prompt = reply(BOT, text="sure?", message_thread_id=3, is_topic_message=True)
    tap: Json = {"id": "99", "from": ALICE, "chat_instance": "1", "data": "yes", "message": prompt}
    found = heard({"update_id": 8, "callback_query": tap})
    assert (found.choice, found.text, found.addressed, found.id) == ("yes", "", True, "tap:99")
    assert str(found.key) == "1/tg/~/-1001234567890/3"
    assert found.native == {"callback_query_id": "99", "message_id": 7, "thread": 3}
    old: Json = {"chat": PRIVATE, "message_id": 5, "date": 0}
    assert str(heard({"update_id": 8, "callback_query": tap | {"message": old}}).key) == "1/tg/42/42/~"
    assert event({"update_id": 8, "callback_query": {**tap, "data": None, "game_short_name": "x"}}) is None
    assert event({"update_id": 8, "callback_query": {**tap, "message": None, "inline_message_id": "x"}}) is None


def test_the_stop_button_of_a_draft_says_stop() -> None:
    found = heard(
        {"update_id": 9, "stopped_message_generation": {"chat": PRIVATE, "draft_id": 1, "message_thread_id": 7}}
    )
    assert (found.text, str(found.key), found.id) == ("/stop", "1/tg/42/42/7", "42:stop:9")


@pytest.mark.parametrize(
    "raw", [message(GROUP, migrate_to_chat_id=-1001234567890), message(SUPERGROUP, migrate_from_chat_id=-4001)]
)
def test_a_group_that_became_a_supergroup(raw: Json) -> None:
    assert event(raw) == Moved("-4001", "-1001234567890", 1_790_000_000.0)


def test_what_opened_the_chat_is_kept() -> None:
    assert heard(said(PRIVATE, "/start abc_1", mark("bot_command", "/start abc_1", "/start"))).text == "/start abc_1"


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


def test_channel_posts_are_no_events() -> None:
    post = {"message_id": 1, "chat": {"id": -1009, "type": "channel", "title": "News"}, "date": 1, "text": "x"}
    assert event({"update_id": 1, "channel_post": post}) is None
    assert parse(Update.de_json({"update_id": 1, "something_new": {"of": "tomorrow"}}), ME, "tg") is None


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


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (membership(GROUP, "member", "left"), "chat -4001: the bot is no longer in it (left), by 42"),
        (membership(GROUP, "member", "kicked"), "chat -4001: the bot is no longer in it (kicked), by 42"),
        (membership(GROUP, "left", "kicked"), "chat -4001: the bot is still not in it (kicked), by 42"),
        (membership(PRIVATE, "member", "kicked"), "chat 42: the bot was blocked, by 42"),
        (membership(PRIVATE, "kicked", "member"), "chat 42: the bot was unblocked, by 42"),
        (membership(GROUP, "member", "restricted"), "chat -4001: the bot is now restricted, and may not write, by 42"),
        (membership(GROUP, "restricted", "member"), "chat -4001: the bot is now member, and may write, by 42"),
        (
            membership(SUPERGROUP, "member", "administrator", can_manage_topics=True),
            "chat -1001234567890: the bot is now administrator, and may write and make topics, by 42",
        ),
    ],
)
def test_other_changes_are_logged(raw: Json, line: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert event(raw) is None
    assert line in caplog.text
