"""What becomes of every call that goes wrong on its way, through one real ``surfacehost run``."""

import asyncio
from typing import Any

import pytest
from tests.telegram.endings import (
    ALBUM,
    ALBUMS,
    DOWNLOADS,
    ENDINGS,
    FILES,
    GOING_BYTES,
    HEARD,
    IN_TOPICS,
    UNHEARD,
    UNPARSED,
)
from tests.telegram.hurriedhost import DELIVERIES, Hurried
from tests.telegram.shown import SHOWN
from tests.telegram.wholehost import WAIT_S

from surfacehost_devkit.botapi import Bot, Fault, faults
from surfacehost_devkit.botapi import Message as Sent
from surfacehost_devkit.smalldisk import SmallDisk

pytestmark = pytest.mark.asyncio(loop_scope="module")


def ask_all(hurried: Hurried, bot: Bot) -> dict[str, Sent]:
    """By what is to become of the first call: what a person of its own asks *bot*."""
    asked = {}
    for name, (fault, _) in ENDINGS.items():
        alice = hurried.person()
        hurried.api.faults.plan(f"sendMessage {alice.id}", fault)
        asked[name] = hurried.api.world.write(alice, name, bot=bot)
    return asked


async def all_settled(hurried: Hurried, asked: dict[str, Sent]) -> None:
    """Wait until each has led to a call at least, and nothing is open any more."""
    sent = hurried.api.calls.of
    for question in asked.values():
        await hurried.api.world.wait_for(lambda q=question: sent("sendMessage", chat_id=q.chat.id) or None)  # type: ignore[misc]
    await hurried.rests()


async def test_what_becomes_of_a_send(hurried: Hurried) -> None:
    ways = {**hurried.deliveries, "webhook": hurried.brought}
    asked = {way: ask_all(hurried, bot) for way, bot in ways.items()}
    await asyncio.gather(*(all_settled(hurried, one) for one in asked.values()))
    said: Any = {way: {name: hurried.said(question) for name, question in asked[way].items()} for way in ways}
    placeholder = {name: ["…"] for name, (_, done) in ENDINGS.items() if done == UNHEARD}
    for way in ways:
        delivery = way if way in DELIVERIES else "probe"
        extra = placeholder if delivery == "edit" else {}
        assert said[way] == {
            name: extra.get(name, []) + [f"echo: {name}"] * HEARD[delivery][done] for name, (_, done) in ENDINGS.items()
        }, way
    hurried.api.faults.release()


async def test_a_look_that_is_refused_in_unknown_words_costs_no_answer(hurried: Hurried) -> None:
    alice = hurried.person()
    hurried.api.faults.plan(f"sendMessage {alice.id}", faults.drop_after())
    strange = faults.error(400, "Bad Request: MESSAGE_OF_THE_DAY")
    hurried.api.faults.plan(f"editMessageReplyMarkup {alice.id}", strange, times=None)
    question = hurried.api.world.write(alice, "hello", bot=hurried.bot)
    await hurried.replies(question, 2)
    await hurried.rests()
    assert hurried.said(question) == ["echo: hello"] * 2
    await hurried.logged("can't be told: Message_of_the_day")
    hurried.api.faults.clear(f"editMessageReplyMarkup {alice.id}")


async def test_a_look_in_a_chat_that_is_not_there_is_one_call(hurried: Hurried) -> None:
    alice = hurried.person()
    hurried.api.faults.plan(f"sendMessage {alice.id}", faults.drop_after())
    gone = faults.error(400, "Bad Request: chat not found")
    hurried.api.faults.plan(f"editMessageReplyMarkup {alice.id}", gone, times=None)
    question = hurried.api.world.write(alice, "hello", bot=hurried.bot)
    await hurried.calls("editMessageReplyMarkup", alice.id, 1)
    await hurried.rests()
    assert len(hurried.api.calls.of("editMessageReplyMarkup", chat_id=alice.id)) == 1
    assert hurried.said(question) == ["echo: hello"]
    hurried.api.faults.clear(f"editMessageReplyMarkup {alice.id}")


async def test_what_becomes_of_a_file(hurried: Hurried, disk: SmallDisk) -> None:
    asked: dict[str, Sent] = {}
    for name, (command, method, fault, _) in FILES.items():
        alice = hurried.person()
        hurried.api.faults.plan(f"{method} {alice.id}", fault)
        asked[name] = hurried.api.world.write(alice, command, bot=hurried.bot)
    await hurried.calls("sendDocument", asked["gone from the disk"].chat.id, 1)
    [file] = [one for one in (disk.path / "var" / "media").iterdir() if one.stat().st_size == GOING_BYTES]
    file.unlink()
    await asyncio.gather(*(hurried.replies(question, 2) for question in asked.values()))
    await hurried.rests()
    for name, question in asked.items():
        _, told = hurried.api.world.replies(question.chat, after=question)
        assert (told.content.shown_as if told.content.document else told.text) == FILES[name][3], name


async def test_what_becomes_of_fetching_a_file(hurried: Hurried) -> None:
    world, asked = hurried.api.world, {}
    for name, fault in DOWNLOADS.items():
        called = "__notes__.txt" if name == "gone" else "notes.txt"
        asked[name] = world.send_file(hurried.person(), b"notes", called, bot=hurried.bot, caption=name)
        file = asked[name].content.document
        assert file is not None
        hurried.api.faults.plan(f"download {file.path}", fault)
    answers = dict(zip(asked, await asyncio.gather(*map(hurried.answer, asked.values())), strict=True))
    await hurried.rests()
    came = "\nattachment: document notes.txt (application/octet-stream, 5 bytes)"
    gone = "I couldn't get __notes__.txt: it is gone or damaged.\n\necho: gone"
    assert {name: one.text for name, one in answers.items()} == {
        name: gone if name == "gone" else f"echo: {name}{came}" for name in DOWNLOADS
    }
    assert [len(hurried.said(question)) for question in asked.values()] == [1] * len(DOWNLOADS)


async def test_formatting_that_is_refused_when_an_answer_takes_its_place_comes_as_plain_text(hurried: Hurried) -> None:
    alice = hurried.person()
    hurried.api.faults.plan(f"editMessageText {alice.id}", faults.error(400, UNPARSED))
    question = hurried.api.world.write(alice, "**bold**", bot=hurried.deliveries["edit"])
    await hurried.calls("editMessageText", alice.id, 2)
    await hurried.rests()
    [said] = hurried.api.world.replies(question.chat, after=question)
    assert [(one.text, one.entities) for one in said.versions] == [("…", ()), ("echo: bold", ())]


async def test_a_preview_that_is_refused_is_not_looked_for(hurried: Hurried) -> None:
    asked = []
    for fault in (faults.error(400, UNPARSED), faults.too_many(1)):
        alice = hurried.person()
        hurried.api.faults.plan(f"sendMessage {alice.id}", fault)
        asked.append(hurried.api.world.write(alice, "/demo stream 12 0.1", bot=hurried.edits))
    await asyncio.gather(*(hurried.answer(question, bot=hurried.edits) for question in asked))
    await hurried.rests()
    for question in asked:
        assert len(hurried.said(question)) == 1
        assert hurried.api.calls.of("sendMessage", chat_id=question.chat.id)[0].status in (400, 429)
        assert hurried.api.calls.of("editMessageReplyMarkup", chat_id=question.chat.id) == []


async def ask_in_topic(hurried: Hurried, fault: Fault) -> Sent:
    """Ask for an album in a topic of a group, where the call that brings it will go wrong."""
    team = await hurried.team("forum")
    topic = hurried.api.groups.open_topic(team, hurried.bob, "Pictures")
    hurried.api.faults.plan(f"sendMediaGroup {team.id}", fault)
    return hurried.api.world.write(hurried.bob, f"@probe_bot {ALBUM}", team, topic=topic)


async def test_what_becomes_of_an_album(hurried: Hurried) -> None:
    asked = {name: await ask_in_topic(hurried, ENDINGS[name][0]) for name in IN_TOPICS}
    in_topics = [*asked.values()]
    for name in ALBUMS:
        alice = hurried.person()
        hurried.api.faults.plan(f"sendMediaGroup {alice.id}", ENDINGS[name][0])
        asked[f"{name}, alone"] = hurried.api.world.write(alice, ALBUM, bot=hurried.bot)
    for question in asked.values():
        await hurried.answer(question)
    await hurried.rests()
    shown = {name: tuple(hurried.shown(question)) for name, question in asked.items()}
    assert shown == {name: ALBUMS[name.removesuffix(", alone")] for name in asked}
    for question in in_topics:
        said = hurried.api.world.replies(question.chat, after=question)
        assert {one.thread_id for one in said} == {question.thread_id}


async def test_killed_while_an_album_is_under_way(hurried: Hurried, disk: SmallDisk) -> None:
    faulty, world = hurried.api.faults, hurried.api.world
    asked: dict[str, tuple[Sent, list[str]]] = {}
    for name, command, method, fault, shown in (
        ("before", ALBUM, "sendMediaGroup", faults.hang(), ["photo+photo+video"]),
        ("after", ALBUM, "sendMediaGroup", faults.hang(acts=True), ["photo+photo+video"]),
        ("one by one", "/demo shown 0 2 1", "sendDocument", faults.hang(acts=True), ["photo", "document", "photo"]),
        ("behind an album", "/demo shown 1 0 6", "sendVoice", faults.hang(acts=True), ["photo+photo", "voice"]),
        ("one is gone", "/demo shown 9 8 9", "sendMediaGroup", faults.hang(), ["document+document"]),
        ("another one", "/demo shown 9 10 9", "sendMediaGroup", faults.hang(), ["document+document"]),
    ):
        alice = hurried.person()
        faulty.plan(f"{method} {alice.id}", fault)
        if name == "another one":  # whose caption Telegram will not take as it is formatted
            faulty.plan(f"{method} {alice.id}", faults.error(400, UNPARSED))
        asked[name] = world.write(alice, command, bot=hurried.bot), shown
    await world.wait_for(lambda: faulty.hanging == len(asked) or None, timeout_s=WAIT_S)
    await asyncio.to_thread(hurried.host.kill)
    for gone in (disk.path / "var" / "media").iterdir():
        if gone.read_bytes() in (SHOWN[8][2], SHOWN[10][2]):
            gone.unlink()
    await asyncio.to_thread(hurried.host.start)
    await asyncio.gather(
        *(hurried.answer(world.write(one.sender, "and?", bot=hurried.bot)) for one, _ in asked.values())
    )
    await hurried.rests()
    for name, (question, shown) in asked.items():
        assert hurried.shown(question) == shown, name
        assert hurried.said(question)[-1] == "echo: and?", name
    for name, file in (("one is gone", "ab.pdf"), ("another one", "the **last** one.pdf")):
        _, told, *_ = world.replies(asked[name][0].chat, after=asked[name][0])
        caption = "the last one\n\n" if name == "another one" else ""
        assert (told.text, told.entities) == (f"{caption}(a file, {file}: it is not kept any more)", ())
    faulty.release()


async def test_no_token_is_in_any_file_or_log(hurried: Hurried, disk: SmallDisk) -> None:
    assert await hurried.leaks(disk.path) == {"settings.toml"}
