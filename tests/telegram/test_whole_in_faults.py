"""What becomes of every call and every update that goes wrong on its way, through one real ``surfacehost run``."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from tests.telegram.endings import (
    ALBUM,
    ALBUMS,
    BRINGING,
    DOWNLOADS,
    ENDINGS,
    FILES,
    GOING_BYTES,
    HEARD,
    IN_TOPICS,
    LISTENING,
    UNHEARD,
    UNPARSED,
)
from tests.telegram.hurriedhost import DELIVERIES, Hurried, hurried_host
from tests.telegram.test_files import SHOWN
from tests.telegram.wholehost import WAIT_S

from surfacehost_devkit.botapi import Bot, Fault, faults
from surfacehost_devkit.botapi import Message as Sent
from surfacehost_devkit.hostprocess import surface_in
from surfacehost_devkit.smalldisk import SmallDisk

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    """Of the host's data."""
    with SmallDisk(tmp_path_factory.mktemp("disk"), megabytes=32) as disk:
        yield disk


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hurried(disk: SmallDisk, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hurried]:
    async with hurried_host(tmp_path_factory.mktemp("faults"), disk.path / "var") as hurried:
        yield hurried


# ── what comes in ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_cannot_be_stored_is_brought_again(hurried: Hurried, disk: SmallDisk) -> None:
    world, alice = hurried.api.world, hurried.person()
    before = await hurried.ask(alice, "before", bot=hurried.brought)
    disk.fill()
    for text in ("one", "two"):
        world.write(alice, text, bot=hurried.brought)
    webhook = hurried.api.state.webhooks[hurried.brought.id]
    await world.wait_for(lambda: "503" in webhook.last_error_message or None, timeout_s=WAIT_S)
    assert hurried.said(before) == []
    disk.free()
    await hurried.replies(before, 2)
    await hurried.rests()
    assert hurried.said(before) == ["echo: one", "echo: two"]


async def test_what_is_brought_out_of_order_or_twice_is_answered_in_order_and_once(hurried: Hurried) -> None:
    alice = hurried.person()
    first = await hurried.ask(alice, "before", bot=hurried.brought)
    hurried.brought.last_message_id += 5  # of those that are brought by hand

    async def bring(number: int) -> int:
        return await hurried.bring(alice, first.id + 1 + number, str(number))

    assert await bring(0) == 200
    came = await asyncio.gather(*map(bring, (4, 3, 1, 2, 2, 4)))
    assert {*came, await bring(0), await bring(3)} == {200}
    await hurried.replies(first, 5)
    await hurried.rests()
    assert hurried.said(first) == [f"echo: {number}" for number in range(5)]


async def test_what_is_to_be_brought_again_comes_before_what_was_behind_it(hurried: Hurried, disk: SmallDisk) -> None:
    alice = hurried.person()
    first = await hurried.ask(alice, "before", bot=hurried.brought)
    hurried.brought.last_message_id += 4  # of those that are brought by hand

    async def bring(number: int) -> int:
        return await hurried.bring(alice, first.id + 1 + number, str(number))

    assert await bring(0) == 200
    for lost in (1, 3):
        disk.fill()
        assert await bring(lost) == 503
        disk.free()
        behind = asyncio.create_task(bring(lost + 1))
        assert (await asyncio.wait([behind], timeout=1.5))[0] == set()  # longer than for any other gap
        if lost == 1:
            assert await bring(lost) == 200
        assert await behind == 200  # but not for ever
    await hurried.replies(first, 4)
    await hurried.rests()
    assert hurried.said(first) == [f"echo: {number}" for number in (0, 1, 2, 4)]


async def test_an_album_that_is_brought_is_one_message_whichever_of_it_says_for_whom_it_is(hurried: Hurried) -> None:
    bot, bob, world = hurried.brought, hurried.bob, hurried.api.world
    bot.can_read_all_group_messages = True
    team = hurried.api.groups.supergroup("Team", bob)
    hurried.api.groups.add_bot(team, bob, bot)
    await world.wait_for_reply(team, timeout_s=WAIT_S)
    for caption in ("", "", "@brought_bot which one?", ""):
        last = world.send_media(bob, "photo", chat=team, album="7", caption=caption)
    line = "\nattachment: image photo.jpg (image/jpeg, 5 bytes)"
    assert (await hurried.answer(last, bot=bot)).text == f"echo: which one?{line * 4}"
    await hurried.rests()
    assert len(hurried.said(last)) == 1


async def test_whatever_becomes_of_bringing_it_is_answered_once(hurried: Hurried) -> None:
    faulty = hurried.proxy.faults
    for fault in BRINGING.values():
        faulty.plan("POST */webhook/brought/", fault)
    asked = [hurried.api.world.write(hurried.person(), name, bot=hurried.brought) for name in BRINGING]
    await hurried.until(lambda _: faulty.hanging == 2 and not faulty.is_planned)
    await hurried.proxy.away()
    await hurried.proxy.back()
    await asyncio.gather(*(hurried.answer(question) for question in asked))
    await hurried.rests()
    assert [hurried.said(question) for question in asked] == [[f"echo: {name}"] for name in BRINGING]


async def test_what_is_not_brought_whole_or_not_by_telegram_costs_no_answer(hurried: Hurried) -> None:
    alice = hurried.person()
    first = await hurried.ask(alice, "before", bot=hurried.brought)
    hurried.brought.last_message_id += 1  # that is brought by hand
    wanted = hurried.delivery(alice, first.id + 1, "one")
    await hurried.deliver_half(wanted)
    told = [await hurried.deliver(wanted, secret=secret) for secret in ("", "guess")]
    told += [await hurried.deliver(one) for one in (b"[" * 1_000_001, wanted[:-9], b"\xff", wanted, wanted)]
    assert told == [403, 403, 413, 200, 200, 200, 200]  # refused, what can't be read would come for ever
    asked = hurried.api.world.write(alice, "two", bot=hurried.brought)
    await hurried.answer(asked, bot=hurried.brought)
    await hurried.rests()
    assert hurried.said(first) == ["echo: one", "echo: two"]
    await hurried.until(lambda status: status["inbox"]["brought"]["parked"] == 2)


async def test_whatever_becomes_of_polls_that_carry_something_it_is_answered_once(hurried: Hurried) -> None:
    """Each bot's message is in the answer to a poll that goes wrong, and would be in those that follow."""
    faulty, bots, asked = hurried.api.faults, [*hurried.deliveries.values()], {}
    for number, fault in enumerate(LISTENING.values()):
        faulty.plan(f"getUpdates {bots[number % len(bots)].id}", fault)
    for bot in bots:
        await hurried.api.world.wait_for(lambda bot=bot: waits_in_vain(hurried, bot))  # type: ignore[misc]
        asked[bot] = hurried.api.world.write(hurried.person(), "hello", bot=bot)
    await hurried.until(lambda _: not faulty.is_planned)
    await asyncio.gather(*(hurried.answer(question, bot=bot) for bot, question in asked.items()))
    await hurried.rests()
    assert [hurried.said(question) for question in asked.values()] == [["echo: hello"]] * len(bots)
    faulty.release()


def waits_in_vain(hurried: Hurried, bot: Bot) -> bool | None:
    """Whether a poll of *bot* waits for something to bring, and will go wrong."""
    polls = hurried.api.calls.of("getUpdates")
    is_struck = any(one.bot_id == bot.id and one.fault and one.status is None for one in polls)
    return (is_struck and bot.queue.waiting) or None


async def test_what_a_second_poller_got_and_did_not_confirm_is_answered_once(hurried: Hurried) -> None:
    bot = hurried.deliveries["probe"]
    other = asyncio.create_task(hurried.call(bot, "getUpdates", timeout=9, allowed_updates=["message"]))
    calls = partial(hurried.api.calls.of, "getUpdates")
    await hurried.api.world.wait_for(lambda: [one for one in calls() if one.status == 409] or None)
    asked = hurried.api.world.write(hurried.person(), "hello", bot=bot)
    assert await other == 200
    assert (await hurried.answer(asked, bot=bot)).text == "echo: hello"
    await asyncio.to_thread(hurried.host.wait_ready)
    assert hurried.said(asked) == ["echo: hello"]


async def test_of_two_lost_in_one_chat_each_comes_once_in_its_topic(hurried: Hurried) -> None:
    api, bob, bot = hurried.api, hurried.bob, hurried.deliveries["probe"]
    for came, lost in ((faults.drop_after(), faults.reset()), (faults.reset(), faults.drop_after())):
        forum = api.groups.forum("Forum", bob)
        api.groups.add_bot(forum, bob, bot)
        await api.world.wait_for_reply(forum, timeout_s=WAIT_S)  # its greeting
        await hurried.rests()
        for fault in (came, lost):
            api.faults.plan(f"sendMessage {forum.id}", fault)
        topics = {name: api.groups.open_topic(forum, bob, name) for name in ("one", "two")}
        first, _ = [api.world.write(bob, f"@probe_bot {name}", forum, topic=topics[name]) for name in topics]
        await hurried.replies(first, 2)
        await hurried.rests()
        said = {(one.thread_id, one.text) for one in api.world.replies(forum, after=first)}
        assert said == {(topic.thread_id, f"echo: {name}") for name, topic in topics.items()}


async def test_whatever_becomes_of_a_look_at_the_webhook_it_goes_on(hurried: Hurried) -> None:
    before = len(hurried.api.calls.of("setWebhook"))
    for name in ("ok: false", "a hang"):  # the host waits longer each time
        hurried.api.faults.plan("getWebhookInfo", LISTENING[name])
        await hurried.until(lambda status: surface_in(status, "brought")["state"] != "up")
        assert (await hurried.ask(hurried.person(), name, bot=hurried.brought)).text == f"echo: {name}"
        await asyncio.to_thread(hurried.host.wait_ready)
    assert len(hurried.api.calls.of("setWebhook")) == before
    hurried.api.faults.release()


async def test_who_polls_beside_a_webhook_is_refused_and_who_removes_it_is_named(hurried: Hurried) -> None:
    alice = hurried.person()
    with hurried.host.unharmed():
        assert await hurried.call(hurried.brought, "getUpdates") == 409
        assert (await hurried.ask(alice, "one", bot=hurried.brought)).text == "echo: one"
    assert await hurried.call(hurried.brought, "deleteWebhook") == 200
    named = "brought: waiting: another process takes this bot's messages, one that has removed our webhook"
    await hurried.until(lambda _: named in hurried.host.readiness()[1])
    assert (await hurried.ask(alice, "two", bot=hurried.brought)).text == "echo: two"


# ── what goes out ───────────────────────────────────────────────────────────────────────────────────────────────────


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
