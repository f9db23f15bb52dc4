"""What costs a bot of a real ``surfacehost run`` its connection or its patience, and no other bot or chat anything.

These tests come one after the other: each bot whose trouble stays is left alone by the next.
"""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from tests.botapi.judge import judge_call
from tests.telegram.wholehost import WAIT_S, Whole, whole_host

from surfacehost_devkit.botapi import CallRecord, Chat, faults
from surfacehost_devkit.hostprocess import surface_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

ELSEWHERE = "https://bot.example.org/somebody"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    async with whole_host(tmp_path_factory.mktemp("trouble") / "host") as whole:
        yield whole


def names(chat: Chat) -> list[str]:
    return [topic.name for topic in chat.topics.values() if not topic.deleted]


def made(whole: Whole, **which: int) -> list[CallRecord]:
    """The calls that made a topic."""
    return [one for one in whole.api.calls.of("createForumTopic", **which) if one.status == 200]


def notes(whole: Whole) -> dict[str, Any]:
    """What the surfaces have noted."""
    with closing(sqlite3.connect(whole.host.folder / "var" / "surfacehost.db")) as store:
        return {key: json.loads(value) for key, value in store.execute("select key, value from note")}


async def nothing() -> None:
    """Do nothing meanwhile."""


async def goes_on(whole: Whole) -> None:
    """See that the first bot answers."""
    assert (await whole.ask(whole.person(), "and you?")).text == "echo: and you?"


async def test_topics_are_made_once_the_bot_may_although_answers_are_lost_and_it_is_killed(whole: Whole) -> None:
    tried = partial(whole.api.calls.of, "createForumTopic", chat_id=whole.late.id)
    await whole.api.world.wait_for(lambda: [one for one in tried() if one.status == 400] or None)
    assert names(whole.late) == []
    await whole.logged(f"chat {whole.late.id} gets no topic 'Ideas': Not enough rights to create a topic")
    for fault in (faults.drop_after(), faults.hang(acts=True)):
        whole.api.faults.plan(f"createForumTopic {whole.late.id}", fault)
    whole.api.groups.set_standing(whole.late, whole.bob, "administrator", whole.shared, can_manage_topics=True)
    await whole.api.world.wait_for(lambda: whole.api.faults.hanging or None)
    whole.host.kill()
    await asyncio.to_thread(whole.host.start)
    known = [f"topic:{whole.late.id}:{key}" for key in ("ideas", "tea")]
    await whole.until(lambda _: all("id" in notes(whole).get(key, {}) for key in known))
    assert names(whole.late) == ["Ideas", "Tea"]
    assert [one.fault for one in tried()] == ["", "drop_after", "hang"]


async def test_menu_and_topics_are_made_once_and_kept_in_step_and_it_starts_offline(whole: Whole) -> None:
    api, world, commands = whole.api, whole.api.world, whole.bot.commands
    alice = whole.person()
    chat = world.private_chat(alice, whole.shared)
    await whole.ask(alice, "hi", bot=whole.shared)
    for place in (chat, whole.forum):
        await world.wait_for(lambda place=place: names(place) == ["Ideas", "Tea"] or None)  # type: ignore[misc]
    await world.wait_for(lambda: all(len(bot.commands) == 4 for bot in api.state.bots.values()) or None)
    wanted = {one: list(told) for one, told in commands.items()}
    assert {*wanted} == {(f"all_{kind}_chats", code) for kind in ("private", "group") for code in ("", "ru")}
    english, russian = (wanted["all_private_chats", code] for code in ("", "ru"))
    assert {"command": "new", "description": "start a fresh conversation"} in english
    assert [one["command"] for one in russian] == [one["command"] for one in english]
    assert russian != english
    commands["all_group_chats", "ru"] = [{"command": "old", "description": "of another program"}]
    before = api.calls.of()[-1].number
    await whole.restart(instead={'"Ideas"': '"Plans"'}, meanwhile=api.away)
    await whole.until(lambda status: "can't be reached" in surface_in(status, "telegram")["reason"])
    await api.back()
    await asyncio.to_thread(whole.host.wait_ready)
    await world.wait_for(lambda: commands == wanted or None)
    for place in (chat, whole.forum):
        await world.wait_for(lambda place=place: names(place) == ["Plans", "Tea"] or None, timeout_s=WAIT_S)  # type: ignore[misc]
    assert (await whole.ask(alice, "hi again", bot=whole.shared)).text == "echo: hi again"
    assert made(whole, after=before) == []
    again = [one.params for one in api.calls.of("setMyCommands", after=before)]
    assert [(json.loads(one["scope"])["type"], one["language_code"]) for one in again] == [("all_group_chats", "ru")]


async def test_what_people_do_to_its_topics_stays_so(whole: Whole) -> None:
    api, groups, bob, late = whole.api, whole.api.groups, whole.bob, whole.late
    deleted, (plans, tea) = next(iter(whole.forum.topics.values())), late.topics.values()
    await api.world.wait_for(lambda: names(late) == ["Plans", "Tea"] or None)
    groups.delete_topic(whole.forum, deleted)
    groups.close_topic(late, bob, plans)
    groups.rename_topic(late, bob, tea, "Coffee")
    before = api.calls.of()[-1].number
    api.faults.plan(f"editForumTopic {late.id}", faults.drop_after())  # so it is called that already, and not noted
    await whole.restart(instead={'"Plans"': '"Deeds"'}, meanwhile=nothing)
    gone, renamed = (f"topic:{chat.id}:ideas" for chat in (whole.forum, late))
    await whole.until(lambda _: "gone" in notes(whole)[gone] and notes(whole)[renamed]["name"] == "Deeds")
    assert (names(whole.forum), names(late)) == (["Tea"], ["Deeds", "Coffee"])
    asked = api.world.write(bob, "@shared_bot /demo slow 1.5", late, topic=tea)
    await whole.at_work(late)
    groups.disable_topics(late)
    answer = await whole.answer(asked, bot=whole.shared)
    assert (answer.text, answer.is_topic_message) == ("I waited 1.5 s.", False)
    assert (await whole.answer(api.world.write(bob, "@shared_bot hi", late))).text == "echo: hi"
    groups.enable_topics(late)
    inside = await whole.answer(api.world.write(bob, "@shared_bot /demo memory", late, topic=tea))
    assert (inside.text, inside.thread_id) == ("I remember:\n\n1. /demo slow 1.5", tea.thread_id)
    assert made(whole, after=before) == []


async def test_a_group_that_gets_topics_later_gets_the_bots_then(whole: Whole) -> None:
    groups, bob = whole.api.groups, whole.bob
    other = groups.forum("Other", bob)
    groups.add_bot(other, bob, whole.shared, as_admin=True, can_manage_topics=True)
    team = groups.migrate(whole.small, bob)  # what asks for topics in it does that first
    groups.enable_topics(team)
    for text in ("hi", "@shared_bot hi again"):
        for chat in (team, other):
            last = whole.api.world.write(bob, text, chat)
    await whole.answer(last, bot=whole.shared)
    await whole.api.world.wait_for(lambda: names(team) == ["Deeds", "Tea"] or None)
    await whole.rests()
    assert len(made(whole, chat_id=team.id)) == 2
    assert names(other) == []


async def test_where_a_chat_is_shut_its_topics_wait_and_those_of_others_do_not(whole: Whole) -> None:
    longer, shorter, never = (whole.api.world.private_chat(whole.person(), whole.shared) for _ in range(3))
    for chat, seconds in ((longer, 90), (shorter, 1)):
        whole.api.faults.plan(f"createForumTopic {chat.id}", faults.too_many(seconds))
    for chat in (longer, shorter, never):
        await whole.ask(chat.id, "hi", bot=whole.shared)
    for chat in (never, shorter):
        await whole.api.world.wait_for(lambda chat=chat: names(chat) == ["Deeds", "Tea"] or None)  # type: ignore[misc]
    assert names(longer) == []
    assert len(whole.api.calls.of("createForumTopic", chat_id=longer.id)) == 1


async def test_a_penalty_shuts_one_chat_and_no_other(whole: Whole) -> None:
    alice = whole.person()
    whole.api.faults.plan("sendMessage", faults.too_many(3))
    late = whole.api.world.write(alice, "late", bot=whole.bot)
    [refused] = await whole.calls("sendMessage", alice.id, 1)
    await goes_on(whole)
    assert not whole.said(late)
    assert (await whole.answer(late)).text == "echo: late"
    inside = [
        one for one in whole.api.calls.of(chat_id=alice.id, after=refused.number) if one.started < refused.ended + 3
    ]
    assert not inside
    assert whole.said(late) == ["echo: late"]


async def test_a_penalty_outlives_the_process_and_moves_with_its_group(whole: Whole) -> None:
    groups, bob, notes_of = whole.api.groups, whole.bob, partial(notes, whole)
    told, untold = await whole.team("group"), await whole.team("group")
    shut = [whole.api.world.private_chat(whole.person(), whole.bot), told, untold]
    asked = {}
    for chat in shut:
        whole.api.faults.plan(f"sendMessage {chat.id}", faults.too_many(10))
        who, where = (chat.id, None) if chat.kind == "private" else (bob, chat)
        asked[chat.id] = whole.api.world.write(who, "@agent_bot late", where, bot=whole.bot)
    await whole.until(lambda _: all(f"shut:{chat.id}" in notes_of() for chat in shut))
    ended = {chat.id: whole.api.calls.of("sendMessage", chat_id=chat.id)[-1] for chat in shut}
    moved = {told.id: groups.migrate(told, bob)}
    await whole.until(lambda _: f"shut:{moved[told.id].id}" in notes_of() and f"shut:{told.id}" not in notes_of())
    whole.host.kill()
    moved[untold.id] = groups.migrate(untold, bob)  # which is told to the next process alone
    await asyncio.to_thread(whole.host.start)
    await goes_on(whole)
    for chat in shut:
        now, refused = moved.get(chat.id, chat), ended[chat.id]
        after = asked[chat.id] if now is chat else 0
        answer = await whole.api.world.wait_for_reply(now, after=after, timeout_s=WAIT_S)
        assert answer.text.endswith("late")
        again = [one for where in (chat, now) for one in whole.api.calls.of(chat_id=where.id, after=refused.number)]
        assert min(one.started for one in again) > refused.ended + 10
        assert len(whole.api.world.replies(now, after=after)) == 1


async def test_an_album_is_one_message_whichever_of_it_says_for_whom_it_is_and_when(whole: Whole) -> None:
    world, bob = whole.api.world, whole.bob
    team = await whole.team("supergroup")
    first = world.send_media(bob, "photo", chat=team, album="7")
    world.send_media(bob, "photo", chat=team, album="8")
    await whole.confirmed(whole.bot)
    whole.host.kill()
    whole.clock.turn(3600)  # it is away for longer than pieces are kept
    await asyncio.to_thread(whole.host.start)
    world.send_media(bob, "photo", chat=team, album="7", caption="@agent_bot which one?")
    await whole.confirmed(whole.bot)
    last = world.send_media(bob, "photo", chat=team, album="7")
    line = "\nattachment: image photo.jpg (image/jpeg, 5 bytes)"
    assert (await whole.answer(last)).text == f"echo: which one?{line * 3}"
    await whole.rests()
    assert len(whole.said(first)) == 1
    whole.clock.turn(0)


async def test_numbers_that_begin_again_lower_are_followed(whole: Whole) -> None:
    bot, queue = whole.taken, whole.taken.queue
    assert (await whole.ask(whole.person(), "before", bot=bot)).text == "echo: before"
    await whole.confirmed(bot)
    polls = partial(whole.api.calls.of, "getUpdates")
    before = polls()[-1].number
    queue.renumber(5_000)
    asked = [whole.api.world.write(whole.person(), text, bot=bot) for text in ("one", "two", "three")]
    for question in asked:
        assert (await whole.answer(question, bot=bot)).text == f"echo: {question.text}"
    await whole.rests()
    assert [len(whole.said(question)) for question in asked] == [1, 1, 1]
    followed = [int(one.params["offset"]) for one in polls(after=before) if one.bot_id == bot.id]
    assert followed[-1] == 5_003


@pytest.mark.parametrize(("code", "words"), [(401, "Unauthorized"), (404, "Not Found")])
async def test_a_stray_refusal_of_the_token_parks_nobody(whole: Whole, code: int, words: str) -> None:
    whole.api.faults.plan("getUpdates", faults.error(code, words))
    await goes_on(whole)  # which ends a poll: the next one is refused
    calls, wait_for = whole.api.calls.of, whole.api.world.wait_for
    [refused] = await wait_for(lambda: [one for one in calls("getUpdates") if one.status == code] or None)
    again = partial(calls, "getMe", after=refused.number)
    await wait_for(lambda: [one for one in again() if one.bot_id == refused.bot_id] or None)
    await goes_on(whole)
    status = await asyncio.to_thread(whole.host.status)
    assert "parked" not in {one["state"] for one in status["surfaces"]}
    await asyncio.to_thread(whole.host.wait_ready)  # whose poll it was asks again after a while


async def test_an_update_that_nobody_can_read_is_laid_aside_alone(whole: Whole) -> None:
    whole.bot.queue.put_raw({"message": 5})
    await goes_on(whole)
    await whole.until(lambda status: status["inbox"]["telegram"]["parked"] == 1)
    await asyncio.to_thread(whole.host.wait_ready)  # the others may still come back from what was before
    code, told = await asyncio.to_thread(whole.host.readiness)
    assert (code, told.splitlines()[0]) == (200, "telegram: ok, 1 parked: surfacehost inbox list")


async def test_a_token_that_is_no_more_parks_its_bot_alone(whole: Whole) -> None:
    del whole.api.state.bots[whole.gone.token]
    whole.gone.queue.put_raw({})  # the waiting poll ends, and the next one is refused
    status = await whole.until(lambda status: surface_in(status, "gone")["state"] == "parked")
    assert "Telegram does not accept the token (Unauthorized)" in surface_in(status, "gone")["reason"]
    assert {surface_in(status, name)["state"] for name in ("telegram", "shared", "taken")} == {"up"}
    code, told = await asyncio.to_thread(whole.host.readiness)
    assert code == 503
    assert "gone: parked: Telegram does not accept the token" in told
    await goes_on(whole)


async def test_a_second_poller_is_named(whole: Whole) -> None:
    poll = asyncio.create_task(whole.call(whole.shared, "getUpdates", timeout=1))
    await whole.until(lambda _: "shared: waiting: another process takes this bot's" in whole.host.readiness()[1])
    await poll
    await goes_on(whole)


async def test_somebody_elses_webhook_is_named_and_left_alone(whole: Whole) -> None:
    await whole.call(whole.taken, "setWebhook", url=ELSEWHERE)
    named = f"taken: waiting: a webhook takes this bot's messages at {ELSEWHERE}"
    await whole.until(lambda _: named in whole.host.readiness()[1])
    await goes_on(whole)
    assert whole.api.state.webhooks[whole.taken.id].settings.url == ELSEWHERE
    assert not [one for one in whole.api.calls.of("deleteWebhook") if one.bot_id == whole.taken.id]


async def test_every_poll_says_all_that_it_wants(whole: Whole) -> None:
    polls = [one.params for one in whole.api.calls.of("getUpdates") if one.bot_id == whole.bot.id]
    [wanted] = {one["allowed_updates"] for one in polls}
    kinds = {"message", "edited_message", "callback_query", "my_chat_member", "stopped_message_generation"}
    assert {*json.loads(wanted)} == kinds
    offsets = [int(one["offset"]) for one in polls]
    assert offsets == sorted(offsets)


async def test_a_penalty_of_minutes_is_kept_also_over_a_kill_and_ends(whole: Whole) -> None:
    alice = whole.person()
    whole.api.faults.plan(f"sendMessage {alice.id}", faults.too_many(90))
    late = whole.api.world.write(alice, "late", bot=whole.bot)
    await whole.until(lambda _: f"shut:{alice.id}" in notes(whole))
    refused = whole.api.calls.of("sendMessage", chat_id=alice.id)[-1]
    await goes_on(whole)
    whole.host.kill()
    await asyncio.to_thread(whole.host.start)
    tea = whole.api.groups.open_topic(whole.api.world.private_chat(alice, whole.bot), alice, "Tea")
    whole.api.world.write(alice, "in a conversation of its own", bot=whole.bot, topic=tea)
    await goes_on(whole)
    await whole.logged(f"1/telegram/{alice.id}/{alice.id}/{tea.thread_id} waits")
    assert whole.api.calls.of(chat_id=alice.id, after=refused.number) == []
    whole.clock.turn(91)
    whole.host.kill()
    await asyncio.to_thread(whole.host.start)
    await whole.replies(late, 2)
    assert {*whole.said(late)} == {"echo: late", "echo: in a conversation of its own"}


async def test_every_call_is_one_that_the_bot_api_has(whole: Whole) -> None:
    """As another client's authors read the Bot API, with what the host has said to Telegram by now."""
    calls = whole.api.calls.of()
    for call in calls:
        judge_call(call)
    assert {call.method for call in calls} >= {"createForumTopic", "editForumTopic"}


async def test_no_token_is_in_any_file_or_log(whole: Whole) -> None:
    await whole.team("group")
    await whole.logged("has nothing to say")  # which is told at debug level alone
    assert await whole.leaks() == {"settings.toml"}
