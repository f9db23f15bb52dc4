"""What a bot does no more of than it may, and what it lets nobody have, through one real ``surfacehost run``."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import pytest_asyncio
from tests.host.test_files import website
from tests.telegram.hurriedhost import Hurried, hurried_host
from tests.telegram.wholehost import WAIT_S

from surfacehost_devkit.botapi import FloodLimits, faults
from surfacehost_telegram.bot import MAX_CALLS, MAX_UPLOADS

pytestmark = pytest.mark.asyncio(loop_scope="module")

LARGE = 40_000_000
"""Bytes of a file that a bot on Telegram's own server could not send or fetch."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hurried(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hurried]:
    folder = tmp_path_factory.mktemp("limits")
    # Files that are held up on purpose are not given up meanwhile, however busy the machine is.
    async with hurried_host(folder, folder / "var", upload_s=60.0) as hurried:
        yield hurried


async def test_no_more_than_eight_calls_are_under_way_and_no_second_has_too_many(hurried: Hurried) -> None:
    """Under the limits that Telegram names, also where it is slow; and what only shows that answers grow gives way."""
    hurried.api.flood.switch(FloodLimits())
    growing = [hurried.api.world.write(hurried.person(), "/demo stream 40 0.1", bot=hurried.bot) for _ in range(20)]
    await hurried.api.world.wait_for(lambda: len(hurried.api.calls.of("sendMessageDraft")) > 20 or None)
    people = [hurried.person() for _ in range(70)]
    for alice in people[:16]:  # what comes meanwhile queues up, and these are counted when they have taken their time
        hurried.api.faults.plan(f"sendMessage {alice.id}", faults.delay(0.8))
    await asyncio.gather(*(hurried.ask(alice, "hello") for alice in people))
    calls = [one for one in hurried.api.calls.of() if one.bot_id == hurried.bot.id and one.method != "getUpdates"]
    under_way = [sum(other.started <= one.started < other.ended for other in calls) for one in calls]
    assert max(under_way) == 8
    told = [one for one in calls if one.chat_id]
    assert max(sum(one.started - 1 < other.started <= one.started for other in told) for one in told) <= 30
    answers = [one.started for one in told if one.chat_id in {str(alice.id) for alice in people}]
    drafts = [one.started for one in told if one.method == "sendMessageDraft"]
    assert not [at for at in drafts if answers[8] < at < answers[-10]]  # as long as one waits for its turn
    assert [len(await hurried.replies(question, 1)) for question in growing] == [1] * len(growing)
    assert hurried.api.flood.refused == 0
    hurried.api.flood.switch(None)


async def test_a_tap_is_answered_within_a_second_while_as_many_calls_as_may_be_are_under_way(hurried: Hurried) -> None:
    world, calls, alice = hurried.api.world, hurried.api.calls, hurried.person()
    prompt = await hurried.ask(alice, "/demo approve")
    rows: Any = (prompt.content.markup or {})["inline_keyboard"]
    people = [hurried.person() for _ in range(MAX_CALLS)]
    for carol in people:
        hurried.api.faults.plan(f"sendMessage {carol.id}", faults.delay(2))
    asked = [world.write(carol, "hello", bot=hurried.bot) for carol in people]

    def under_way() -> bool | None:
        sent = [one for carol in people for one in calls.of("sendMessage", chat_id=carol.id)]
        return [one.status for one in sent].count(None) == MAX_CALLS or None

    await world.wait_for(under_way)
    tap, at = world.tap(alice, prompt, rows[0][0]["callback_data"]), monotonic()
    await world.wait_for(lambda: tap.answered or None)
    assert monotonic() - at < 1
    assert under_way()
    await hurried.answer(prompt)
    await hurried.rests()
    assert [hurried.said(question) for question in asked] == [["echo: hello"]] * MAX_CALLS


async def test_what_shows_that_answers_are_coming_leaves_a_group_room_for_them(hurried: Hurried) -> None:
    world, groups, bob = hurried.api.world, hurried.api.groups, hurried.bob
    team = groups.forum("Team", bob)
    groups.add_bot(team, bob, hurried.bot)
    await world.wait_for_reply(team)
    topics = [groups.open_topic(team, bob, f"Topic {number}") for number in range(8)]
    last = [world.write(bob, "@probe_bot /demo stream 20 0.1", team, topic=topic) for topic in topics][-1]

    def answered() -> bool | None:
        return [one.text.endswith("word20") for one in world.replies(team, after=last)].count(True) == 8 or None

    await world.wait_for(answered, timeout_s=WAIT_S)  # and not in the next minute
    await world.wait_for(
        lambda: None if any(one.reactions.get(hurried.bot.id) for one in world.messages(team)) else True
    )
    calls = hurried.api.calls.of(chat_id=team.id)
    marks = [json.loads(one.params.get("reaction", "[]")) for one in calls if one.method == "setMessageReaction"]
    assert marks.count([]) * 2 == len(marks) <= 8
    assert len(calls) <= 18


async def test_while_large_files_are_on_their_way_others_are_answered(hurried: Hurried) -> None:
    world, people = hurried.api.world, [hurried.person() for _ in range(MAX_CALLS)]
    for alice in people:
        hurried.api.faults.plan(f"sendDocument {alice.id}", faults.hang())
    asked = [world.write(alice, "/demo file text", bot=hurried.bot) for alice in people]
    await hurried.until(lambda _: hurried.api.faults.hanging == MAX_UPLOADS)
    assert (await hurried.ask(hurried.person(), "hello")).text == "echo: hello"
    assert hurried.api.faults.hanging == MAX_UPLOADS
    hurried.api.faults.clear()
    hurried.api.faults.release()
    for question in asked:
        await world.wait_for(lambda question=question: hurried.file(question), timeout_s=20)  # type: ignore[misc]


async def test_a_draft_stays_while_the_agent_is_silent(hurried: Hurried) -> None:
    alice = hurried.person()
    question = hurried.api.world.write(alice, "/demo silent 60 text", bot=hurried.bot)
    half = "This is the first half of an answer,"

    def drawn() -> bool | None:
        calls = hurried.api.calls.of("sendMessageDraft", chat_id=alice.id)
        return [one.params.get("text") for one in calls].count(half) >= 3 or None

    await hurried.api.world.wait_for(drawn)
    [draft] = hurried.api.world.drafts(alice.id, bot=hurried.bot)
    assert draft.text == half
    hurried.api.world.stop_draft(alice, bot=hurried.bot)
    assert (await hurried.answer(question)).text == f"{half}\n\n⏹ stopped"


async def test_a_penalty_on_a_draft_ends_and_is_no_reason_to_edit(hurried: Hurried) -> None:
    world, calls, alice = hurried.api.world, hurried.api.calls, hurried.person()
    hurried.api.faults.plan(f"sendMessageDraft {alice.id}", faults.too_many(1))
    question = world.write(alice, "/demo stream 25 0.1", bot=hurried.bot)
    await world.wait_for(lambda: any(text.endswith("word25") for text in hurried.said(question)) or None)
    refused, *later = calls.of("sendMessageDraft", chat_id=alice.id)
    assert later[0].started > refused.ended + 1
    assert [len(one.versions) for one in await hurried.replies(question, 1)] == [1]
    assert not [one for one in calls.of(chat_id=alice.id, after=refused.number) if one.started < refused.ended + 1]


async def test_typing_goes_on_until_the_answer_is_there_whatever_becomes_of_a_call(hurried: Hurried) -> None:
    alice = hurried.person()
    hurried.api.faults.plan(f"sendChatAction {alice.id}", faults.reset())
    told = await hurried.ask(alice, "/demo slow 4", bot=hurried.edits)
    assert told.text == "I waited 4 s."
    shown = hurried.api.calls.of("sendChatAction", chat_id=alice.id)
    assert len(shown) >= 3
    await hurried.rests()
    *_, answered = [one for one in hurried.api.calls.of(chat_id=alice.id) if one.method != "sendChatAction"]
    assert hurried.api.calls.of("sendChatAction", chat_id=alice.id, after=answered.number) == []


async def test_a_preview_that_can_be_edited_no_more_goes_if_telegram_lets_it(hurried: Hurried) -> None:
    world, people = hurried.api.world, [hurried.person(), hurried.person()]
    for alice in people:
        fault = faults.error(400, "Bad Request: message can't be edited")
        hurried.api.faults.plan(f"editMessageText {alice.id}", fault, times=None)
    old = "Bad Request: message can't be deleted"  # so it says of what is older than 48 hours (Bot API, deleteMessage)
    hurried.api.faults.plan(f"deleteMessage {people[1].id}", faults.error(400, old))
    with hurried.host.unharmed():
        asked = [world.write(alice, "/demo stream 40 0.1", bot=hurried.edits) for alice in people]
        await asyncio.gather(*(hurried.calls("deleteMessage", alice.id, 1) for alice in people))
        await hurried.rests()
    for alice in people:
        hurried.api.faults.clear(f"editMessageText {alice.id}")
    gone, stays = map(hurried.said, asked)
    assert (len(gone), len(stays)) == (1, 2)
    assert gone[0] == stays[1] != stays[0]


async def test_a_file_that_is_too_large_is_not_fetched_and_that_is_said(hurried: Hurried) -> None:
    asked = hurried.api.world.send_file(hurried.person(), bytes(46_000_000), "film.mkv", bot=hurried.bot, caption="see")
    answer = await hurried.answer(asked)
    # Not 45: Telegram's own server would give a bot no film of 30 MB either.
    assert answer.text == "I can't take film.mkv: a file may have at most 20 MB.\n\necho: see"
    assert asked.content.document is not None
    file_id = asked.content.document.file_id
    assert not [one for one in hurried.api.calls.of("getFile") if one.params["file_id"] == file_id]


async def test_a_file_whose_size_nobody_told_is_read_as_far_as_it_may_be(hurried: Hurried, tmp_path: Path) -> None:
    there = tmp_path / "film.mkv"
    with there.open("wb") as file:
        file.truncate(200_000_000)
    cloud = hurried.api.state.store_file("film.mkv", "video/x-matroska", bytes(21_000_000))  # more than bots get
    result = {"file_id": "F", "file_unique_id": "U", "file_path": str(there)}
    hurried.api.faults.plan("getFile", faults.answer(200, {"ok": True, "result": result}))
    for bot, file_id, most in ((hurried.local, "F", 45), (hurried.bot, cloud.file_id, 20)):
        alice, document = hurried.person(), {"file_id": file_id, "file_unique_id": "U", "file_name": "film.mkv"}
        before = hurried.api.world.write(alice, "/whoami", bot=bot)
        await hurried.answer(before, bot=bot)
        already = written(hurried)
        with hurried.host.in_little_memory():
            hurried.brings(bot, alice, before.id + 5, document=document, caption="see")
            _, told = await hurried.replies(before, 2)
        assert told.text == f"I can't take film.mkv: a file may have at most {most} MB.\n\necho: see"
        assert written(hurried) < already + 60_000_000


def written(hurried: Hurried) -> int:
    """Bytes that the host has written so far: proc(5), ``io``."""
    told = Path("/proc", str(hurried.host.pid), "io").read_text()
    return int(dict(line.split(": ") for line in told.splitlines())["wchar"])


async def test_what_people_send_is_fetched_in_little_memory(hurried: Hurried) -> None:
    film, alice = bytes(19_000_000), hurried.person()
    with hurried.host.in_little_memory():
        came = await hurried.answer(hurried.api.world.send_file(alice, film, "film.mkv", bot=hurried.bot))
    assert came.text == "echo:\nattachment: document film.mkv (application/octet-stream, 19000000 bytes)"


async def test_no_path_and_no_address_of_the_agents_is_read_or_given_to_telegram(hurried: Hurried) -> None:
    secret = hurried.host.folder / "secret.txt"
    secret.write_text("hush")
    stored = hurried.api.state.store_file("theirs.txt", "text/plain", b"hush")
    there = [str(secret), f"file://{secret}", f"attach://{secret}", stored.file_id, "http://127.0.0.1:9/secret.txt"]
    asked = [hurried.api.world.write(hurried.person(), f"/demo named {one}", bot=hurried.bot) for one in there]
    await asyncio.gather(*(hurried.answer(question) for question in asked))
    await hurried.rests()
    untold = "Here it is.\n\n(a file, notes.txt: this chat can't show it yet)"
    assert [hurried.said(question) for question in asked] == [[untold]] * 4 + [["Here it is.\n\nnotes.txt"]]
    for question in asked:
        calls = hurried.api.calls.of(chat_id=question.chat.id)
        assert {one.method for one in calls} <= {"sendMessage", "sendChatAction", "sendMessageDraft"}
        assert "hush" not in json.dumps([dict(one.params) for one in calls])


async def test_a_server_of_ones_own_takes_and_gives_large_files_in_little_memory(
    hurried: Hurried, tmp_path: Path
) -> None:
    world, local = hurried.api.world, hurried.local
    there = tmp_path / "film.mkv"
    there.write_bytes(bytes(LARGE))
    with website({"/film.mkv": (200, {"Content-Type": "video/x-matroska"}, there.read_bytes())}) as site:
        question = world.write(hurried.person(), f"/demo named {site}/film.mkv", bot=local)
        with hurried.host.in_little_memory():
            sent = await world.wait_for(lambda: hurried.file(question), timeout_s=30)
        assert sent.content.document is not None
        assert len(sent.content.document.data) == LARGE
        question = world.write(hurried.person(), f"/demo named {site}/film.mkv", bot=hurried.bot)
        told = await hurried.replies(question, 2)
        assert told[1].text.startswith("⚠️ notes.txt (40.0 MB) is too large for Telegram.")
    result = {"file_id": "F", "file_unique_id": "U", "file_path": str(there)}
    hurried.api.faults.plan("getFile", faults.answer(200, {"ok": True, "result": result}))
    with hurried.host.in_little_memory():
        came = await hurried.answer(world.send_file(hurried.person(), b"small", "film.mkv", bot=local), bot=local)
    assert came.text == f"echo:\nattachment: document film.mkv (application/octet-stream, {LARGE} bytes)"


async def test_what_an_older_server_does_not_know_is_done_without(hurried: Hurried) -> None:
    world, calls = hurried.api.world, hurried.api.calls
    alice, bob = hurried.person(), hurried.person()
    hurried.api.faults.plan(f"sendMessageDraft {alice.id}", faults.error(400, "Bad Request: can_stop is not known"))
    await hurried.ask(alice, "/demo stream 20 0.1", bot=hurried.local)
    first, *later = calls.of("sendMessageDraft", chat_id=alice.id)
    assert first.params["can_stop"] == "true"
    assert later
    assert not [draft for draft in later if "can_stop" in draft.params]
    hurried.api.faults.plan(f"sendMessageDraft {bob.id}", faults.error(404, "Not Found: method not found"))
    question = world.write(bob, "/demo stream 25 0.1", bot=hurried.local)
    await world.wait_for(
        lambda: (hurried.said(question)[-1:] and hurried.said(question)[-1].endswith("word25")) or None
    )
    [grown] = await hurried.replies(question, 1)
    assert grown.versions[1:]
    assert len(calls.of("sendMessageDraft", chat_id=bob.id)) == 1


async def test_how_an_answer_grows_can_be_chosen(hurried: Hurried) -> None:
    world, calls = hurried.api.world, hurried.api.calls
    alice, bob = hurried.person(), hurried.person()
    world.private_chat(bob, hurried.drafts).takes_drafts = False
    questions = {
        bot: world.write(person, "/demo stream 25 0.1", bot=bot)
        for bot, person in ((hurried.edits, alice), (hurried.drafts, bob))
    }
    for question in questions.values():
        await world.wait_for(
            lambda question=question: any(text.endswith("word25") for text in hurried.said(question)) or None,  # type: ignore[misc]
            timeout_s=20,
        )
    [grown], [whole] = [await hurried.replies(question, 1) for question in questions.values()]
    assert grown.versions[1:]
    assert not calls.of("sendMessageDraft", chat_id=alice.id)
    assert not whole.versions[1:]
    assert not calls.of("editMessageText", chat_id=bob.id)
