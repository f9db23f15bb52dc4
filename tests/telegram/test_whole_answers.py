"""What people read and press, through one real ``surfacehost run``: text, answers that grow, files, buttons."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.botapi.judge import judge_call
from tests.telegram.shown import SHOWN
from tests.telegram.wholehost import WAIT_S, Whole, part, whole_host

from platform_agent.showcase import long_text
from surfacehost_devkit.botapi import Account, Chat, faults, news
from surfacehost_devkit.botapi import Message as Sent
from surfacehost_render.telegram.entities import units

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLOW_S = 20.0

GROWN = " ".join(f"word{number}" for number in range(1, 31))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    async with whole_host(tmp_path_factory.mktemp("whole") / "host") as whole:
        yield whole


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def slow(whole: Whole) -> list[Sent]:
    """What a bot of its own is asked before all else, and answers by calls that take long.

    One does at once what it shall and says so late, one does it late.
    """
    asked = []
    for acts in (True, False):
        alice = whole.person()
        whole.api.faults.plan(f"sendMessage {alice.id}", faults.delay(SLOW_S, acts=acts))
        asked.append(whole.api.world.write(alice, "hello", bot=whole.gone))
    return asked


async def test_markdown_arrives_as_entities(whole: Whole) -> None:
    told = await whole.ask(whole.person(), "/demo markdown")
    kinds = {mark.type for mark in told.entities}
    assert kinds >= {"bold", "italic", "strikethrough", "code", "text_link", "blockquote", "pre"}
    [code] = [mark for mark in told.entities if mark.type == "pre" and mark.argument == "python"]
    assert 'return f"<b>{name}</b> & friends"  # not a *heading*' in part(told, code)
    [table] = [mark for mark in told.entities if mark.type == "pre" and mark.argument != "python"]
    assert "Telegram" in part(told, table)
    assert "<b>HTML is text here</b>, русский текст, 中文, العربية." in told.text
    assert "**" not in told.text


async def test_what_telegram_has_no_form_for_is_text(whole: Whole) -> None:
    words = "||hid|| $x^2 \\leq 4$ [no](javascript:alert(1)) 👩‍👩‍👧 **שלום**\n- a\n  - b"
    told = await whole.ask(whole.person(), words)
    assert told.text == "echo: hid x² ≤ 4 no (javascript:alert(1)) 👩‍👩‍👧 שלום\n\n• a\n  • b"
    marks = [(mark.type, part(told, mark)) for mark in told.entities]
    assert marks == [("spoiler", "hid"), ("code", "x² ≤ 4"), ("bold", "שלום")]


async def test_what_is_too_much_for_one_message_goes_on_in_the_next(whole: Whole) -> None:
    people = [whole.person(), whole.person()]
    code, bold = (
        whole.api.world.write(*one, bot=whole.bot)
        for one in zip(people, ("/demo long 9000 code", "**a** " * 150), strict=True)
    )
    pieces = [*await whole.replies(code, 3), *await whole.replies(bold, 2)]
    for piece in pieces[:3]:
        [mark] = piece.entities
        assert (mark.type, mark.argument, part(piece, mark)) == ("pre", "python", piece.text)
        assert units(piece.text) <= 4096
    lines = [int(number) for piece in pieces[:3] for number in re.findall(r"line\((\d+),", piece.text)]
    assert lines == [*range(1, len(lines) + 1)]
    assert [len(piece.entities) for piece in pieces[3:]] == [100, 50]


async def test_a_very_long_answer_is_its_beginning_and_a_document(whole: Whole) -> None:
    world, alice = whole.api.world, whole.person()
    question = world.write(alice, "/demo long 60000", bot=whole.bot)
    whole_text = await world.wait_for_reply(
        alice.id, bot=whole.bot, after=question, timeout_s=WAIT_S, where=lambda one: one.content.document is not None
    )
    *head, last = world.replies(alice.id, bot=whole.bot, after=question)
    assert last is whole_text
    document = whole_text.content.document
    assert document is not None
    assert (document.name, document.data.decode()) == ("answer.md", long_text(60_000, code=False))
    assert len(head) == 4
    shown = [int(number) for one in head for number in re.findall(r"Line (\d+) of", one.text)]
    assert shown == [*range(1, len(shown) + 1)]
    assert "parse_mode" not in {name for call in whole.api.calls.of("") for name in call.params}


async def test_formatting_that_is_refused_comes_as_plain_text(whole: Whole) -> None:
    whole.api.faults.plan("sendMessage", faults.error(400, "Bad Request: can't parse entities: no such thing"))
    said = await whole.ask(whole.person(), "**bold**")
    assert (said.text, said.entities) == ("echo: bold", ())


async def test_a_text_that_telegram_finds_too_long_comes_as_a_document(whole: Whole) -> None:
    alice, carol = whole.person(), whole.person()
    fault = faults.error(400, "Bad Request: message is too long")
    whole.api.faults.plan(f"sendMessage {alice.id}", fault)
    whole.api.world.private_chat(carol, whole.bot).takes_drafts = False
    question = whole.api.world.write(carol, "/demo stream 12 0.1", bot=whole.bot)
    await whole.answer(question)
    for method in ("editMessageText", "sendMessage"):
        whole.api.faults.plan(f"{method} {carol.id}", fault, times=None)
    told = [(await whole.ask(alice, "hello")), await whole.api.world.wait_for(lambda: whole.file(question))]
    await whole.rests(beside="gone")
    texts = [one.content.document.data.decode() for one in told if one.content.document]
    assert texts == ["echo: hello", " ".join(f"word{number}" for number in range(1, 13))]
    assert whole.api.world.replies(question.chat, after=question) == [told[1]]


async def test_an_answer_grows_as_a_draft_where_it_can_and_else_by_edits(whole: Whole) -> None:
    world = whole.api.world
    alice, carol = whole.person(), world.person("Carol")
    world.private_chat(carol, whole.bot).takes_drafts = False
    team = await whole.team("group")
    words = "/demo stream 30 0.1"
    places: list[tuple[Account, str, Chat | None]] = [
        *((alice, words, None), (carol, words, None), (whole.bob, f"@agent_bot {words}", team))
    ]  # fmt: skip
    questions = [world.write(who, text, chat, bot=whole.bot) for who, text, chat in places]
    for one in questions:
        await world.wait_for(lambda one=one: whole.said(one)[-1:] == [GROWN] or None, timeout_s=WAIT_S)  # type: ignore[misc]
    assert [whole.said(one) for one in questions] == [[GROWN]] * 3
    drafted, *edited = [world.replies(one.chat, after=one)[0] for one in questions]
    drafts = [call.params.get("text", "") for call in whole.api.calls.of("sendMessageDraft", chat_id=alice.id)]
    assert len(drafts) > 2
    assert len(drafted.versions) == 1
    assert drafts == sorted(drafts, key=len)
    for one in edited:
        grown = [version.text for version in one.versions]
        assert 1 < len(grown) < 12
        assert all(GROWN.startswith(text) for text in grown)
    assert not whole.api.calls.of("sendMessageDraft", chat_id=team.id)
    assert world.drafts(alice.id, bot=whole.bot) == []


async def test_the_button_beside_a_draft_stops_the_answer(whole: Whole) -> None:
    world, alice = whole.api.world, whole.person()
    question = world.write(alice, "/demo stream 900 0.1", bot=whole.bot)
    shown = await world.wait_for(
        lambda: next((one for one in world.drafts(alice.id, bot=whole.bot) if "word5" in one.text), None)
    )
    assert shown.can_stop
    world.stop_draft(alice, bot=whole.bot)
    assert (await whole.answer(question)).text.endswith("⏹ stopped")


async def test_files_of_the_agents_are_shown_as_what_they_are(whole: Whole) -> None:
    world = whole.api.world
    questions = [world.write(whole.person(), f"/demo shown {one}", bot=whole.bot) for one in range(len(SHOWN))]
    for question, (name, mime_type, content, shown) in zip(questions, SHOWN, strict=True):
        sent = await world.wait_for(lambda question=question: whole.file(question), timeout_s=WAIT_S)  # type: ignore[misc]
        stored = sent.content.document
        assert stored is not None
        assert (sent.content.shown_as, stored.data, stored.mime_type) == (shown, content, mime_type.partition(";")[0])
        assert stored.name == ("ab.pdf" if "/" in name else name)


async def test_files_of_one_answer_are_albums_as_far_as_they_go_together(whole: Whole) -> None:
    world, team = whole.api.world, await whole.team("forum")
    topic = whole.api.groups.open_topic(team, whole.bob, "Pictures")
    alone = world.write(whole.person(), "/demo shown 0 5 1 6 8 9 7 7 4", bot=whole.bot)
    in_topic = world.write(whole.bob, "@agent_bot /demo shown 0 1 5", team, topic=topic)
    many = world.write(whole.person(), f"/demo shown {'1 ' * 11}", bot=whole.bot)
    one_is_none = world.write(whole.person(), "/demo shown 0 2 1", bot=whole.bot)
    wanted = {
        alone: ["photo+video+photo", "voice", "document+document", "audio+audio", "animation"],
        in_topic: ["photo+photo+video"],
        many: ["+".join(["photo"] * 10), "photo"],
        one_is_none: ["photo", "document", "photo"],  # too long for a photo, and Telegram takes all or none
    }
    for question, albums in wanted.items():
        await world.wait_for(
            lambda question=question, last=albums[-1]: whole.shown(question)[-1:] == [last] or None,  # type: ignore[misc]
            timeout_s=WAIT_S,
        )
    await whole.rests(beside="gone")
    assert [whole.shown(question) for question in wanted] == [*wanted.values()]
    words, *files = world.replies(team, after=in_topic)
    assert words.reply_to is in_topic
    assert {one.thread_id for one in files} == {topic.thread_id}


async def test_a_tap_is_answered_at_once_also_while_the_agent_is_at_something_else(whole: Whole) -> None:
    world, alice = whole.api.world, whole.person()
    prompt = await whole.ask(alice, "/demo approve")
    rows: Any = (prompt.content.markup or {})["inline_keyboard"]
    yes, no = (button["callback_data"] for button in rows[0])
    expired = "Bad Request: query is too old and response timeout expired or query ID is invalid"
    whole.api.faults.plan("answerCallbackQuery", faults.error(400, expired))  # nothing to worry about
    world.tap(alice, prompt, yes)
    await whole.answer(prompt)
    question = world.write(alice, "/demo stream 900 0.1", bot=whole.bot)
    await world.wait_for(lambda: any("word5" in one.text for one in world.drafts(alice.id, bot=whole.bot)) or None)
    tap = news.tell_tap(whole.api.state, prompt, alice, no)
    await world.wait_for(lambda: tap.answered or None)
    assert not whole.said(question)
    world.stop_draft(alice, bot=whole.bot)
    await world.wait_for(lambda: any(text.endswith("⏹ stopped") for text in whole.said(question)) or None)


async def test_in_a_group_somebody_elses_tap_decides_nothing(whole: Whole) -> None:
    world, alice, team = whole.api.world, whole.person(), await whole.team("group")
    whole.api.groups.join(team, alice)
    prompt = await whole.answer(world.write(whole.bob, "@agent_bot /demo approve", team))
    rows: Any = (prompt.content.markup or {})["inline_keyboard"]
    yes, no = (button["callback_data"] for button in rows[0])
    tap = world.tap(alice, prompt, yes)
    await world.wait_for(lambda: tap.answered or None)
    world.tap(whole.bob, prompt, no)
    assert (await whole.answer(prompt)).text == "Denied: notes.txt is kept."
    assert prompt.text.endswith("❌ Deny · Bob")


async def test_a_question_has_buttons_shows_what_it_came_to_and_tells_who_comes_late(whole: Whole) -> None:
    world, alice = whole.api.world, whole.person()
    prompt = await whole.ask(alice, "/demo approve")
    rows: Any = (prompt.content.markup or {})["inline_keyboard"]
    yes, no = (button["callback_data"] for button in rows[0])
    assert {len(yes), len(no)} == {10}
    taps = [world.tap(alice, prompt, yes)]
    assert (await whole.answer(prompt)).text == "Deleted notes.txt."
    assert (prompt.text, prompt.content.markup) == ("Delete notes.txt?\n\n✅ Approve · Alice", None)
    taps.append(news.tell_tap(whole.api.state, prompt, alice, no))  # as shown on a phone that was away
    await world.wait_for(lambda: whole.said(prompt)[1:] or None)
    assert whole.said(prompt)[1].startswith("There is nothing to decide any more")
    await world.wait_for(lambda: all(tap.answered for tap in taps) or None)  # beside everything else


async def test_a_call_that_takes_nearly_half_a_minute_is_not_made_again(whole: Whole, slow: list[Sent]) -> None:
    for question in slow:
        await whole.api.world.wait_for_reply(question.chat, bot=whole.gone, timeout_s=SLOW_S + WAIT_S)
    await whole.rests()
    for question in slow:
        [call] = whole.api.calls.of("sendMessage", chat_id=question.chat.id)
        assert (call.status, call.ended - call.started > SLOW_S - 1) == (200, True)
        assert not whole.api.calls.of("editMessageReplyMarkup", chat_id=question.chat.id)  # nor looked for
    assert [whole.said(question) for question in slow] == [["echo: hello"]] * 2


async def test_every_call_is_one_that_the_bot_api_has(whole: Whole) -> None:
    """As another client's authors read the Bot API, with what the host has said to Telegram by now."""
    calls = whole.api.calls.of()
    for call in calls:
        judge_call(call)
    assert {call.method for call in calls} >= {
        *("getMe", "getUpdates", "getMyCommands", "setMyCommands", "sendMessage", "sendMessageDraft", "sendChatAction"),
        *("editMessageText", "answerCallbackQuery", "setMessageReaction", "sendPhoto", "sendDocument", "sendVoice"),
        *("sendAudio", "sendVideo", "sendAnimation", "sendMediaGroup"),
    }
