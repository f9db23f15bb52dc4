"""Where Telegram's people meet a bot and what they send it, through one real ``surfacehost run``.

What they read is in test_whole_answers.py, what goes wrong in test_whole_in_trouble.py and, call by call, in
test_whole_in_faults.py, what a bot does no more of in test_whole_within_limits.py. What takes a host of its own is in
test_process.py, tests/conversation, tests/chaos, tests/faults and tests/both.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.botapi.judge import judge_update
from tests.telegram.payloads import SUPERGROUP, membership, message
from tests.telegram.wholehost import WAIT_S, Whole, whole_host

from surfacehost_devkit.botapi import faults, media

pytestmark = pytest.mark.asyncio(loop_scope="module")

HELLO = "Hello! Write to me here"
ELSEWHERE = "(The topic was deleted or closed, so I answer here.)\n\n"
BROUGHT = {
    "photo": ("image/jpeg", "image photo.jpg (image/jpeg"),
    "animation": ("video/mp4", "video animation.bin (video/mp4"),
    "sticker": ("image/webp", "image sticker.webp (image/webp"),
    "video": ("video/mp4", "video video.bin (video/mp4"),
    "video_note": ("video/mp4", "video video_note.mp4 (video/mp4"),
    "voice": ("audio/ogg", "audio voice.ogg (audio/ogg"),
    "audio": ("audio/mpeg", "audio audio.bin (audio/mpeg"),
    "document": ("application/pdf", "document document.bin (application/pdf"),
}
"""What people send, and how the agent says that it has been told of it."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    async with whole_host(tmp_path_factory.mktemp("whole") / "host") as whole:
        yield whole


# ── groups and topics ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_in_a_group_it_answers_who_means_it_and_nobody_else(whole: Whole) -> None:
    world, bob = whole.api.world, whole.bob
    team = await whole.team("supergroup")
    first = world.write(bob, "not for you", team)
    for text in ("@other_bot and you?", "/help@other_bot"):
        world.write(bob, text, team)
    world.write(bob, "what?", team, reply_to=first)
    meant = world.write(bob, "👋🏽👋🏽 2+2, @Agent_Bot?", team)
    answer = await whole.answer(meant)
    assert (answer.text, answer.reply_to) == ("echo: 👋🏽👋🏽 2+2, @Agent_Bot?", meant)
    why = await whole.answer(world.write(bob, "why?", team, reply_to=answer))
    who = await whole.answer(world.write(bob, "/whoami@agent_bot", team))
    assert (why.text, who.text) == ("echo: why?", f"Your id here is {bob.id}.")
    assert world.replies(team, after=first) == [answer, why, who]


async def test_a_topic_and_general_are_conversations_of_their_own(whole: Whole) -> None:
    world, bob = whole.api.world, whole.bob
    forum = await whole.team("forum")
    made = whole.api.groups.open_topic(forum, whole.bot.account, "Tea")
    trap = world.write(bob, "looks like a reply to the bot that made the topic", forum, topic=made)
    inside = await whole.answer(world.write(bob, "@agent_bot within", forum, topic=made))
    assert (inside.text, inside.thread_id, inside.is_topic_message) == ("echo: within", made.thread_id, True)
    outside = await whole.answer(world.write(bob, "@agent_bot /demo memory", forum))
    assert (outside.text, outside.thread_id) == ("I remember nothing.", None)
    whole.api.groups.rename_topic(forum, bob, made, "Coffee")
    again = await whole.answer(world.write(bob, "@agent_bot /demo memory", forum, topic=made))
    assert (again.text, again.thread_id) == ("I remember:\n\n1. within", made.thread_id)
    assert world.replies(forum, after=trap) == [inside, outside, again]


async def test_topics_of_a_private_chat_are_conversations_of_their_own(whole: Whole) -> None:
    alice = whole.person()
    tea = whole.api.groups.open_topic(whole.api.world.private_chat(alice, whole.bot), alice, "Tea")
    inside = await whole.ask(alice, "within", topic=tea)
    outside = await whole.ask(alice, "/demo memory")
    assert (inside.text, inside.thread_id) == ("echo: within", tea.thread_id)
    assert (outside.text, outside.thread_id) == ("I remember nothing.", None)


async def test_where_a_topic_is_gone_or_closed_the_answer_comes_to_the_chat_and_says_so(whole: Whole) -> None:
    world, groups, bob = whole.api.world, whole.api.groups, whole.bob
    deleting, closing = await whole.team("forum"), await whole.team("forum")
    gone, closed = groups.open_topic(deleting, bob, "Gone"), groups.open_topic(closing, bob, "Closed")
    places = {deleting: gone, closing: closed}
    questions = [world.write(bob, "@agent_bot /demo slow 1.5", forum, topic=topic) for forum, topic in places.items()]
    for forum in places:
        await whole.at_work(forum)
    groups.delete_topic(deleting, gone)
    groups.close_topic(closing, bob, closed)
    for answer in await asyncio.gather(*map(whole.answer, questions)):
        assert (answer.text, answer.thread_id) == (f"{ELSEWHERE}I waited 1.5 s.", None)


async def test_so_it_does_where_a_topic_of_a_private_chat_was_deleted(whole: Whole) -> None:
    alice = whole.person()
    chat = whole.api.world.private_chat(alice, whole.bot)
    tea = whole.api.groups.open_topic(chat, alice, "Tea")
    question = whole.api.world.write(alice, "/demo slow 1.5", bot=whole.bot, topic=tea)
    await whole.at_work(alice)
    whole.api.groups.delete_topic(chat, tea)
    answer = await whole.answer(question)
    assert (answer.text, answer.thread_id) == (f"{ELSEWHERE}I waited 1.5 s.", None)
    await whole.rests()
    assert len(whole.said(question)) == 1


async def test_what_is_done_to_question_and_bot_meanwhile_costs_at_most_that_answer(whole: Whole) -> None:
    world, groups, bob = whole.api.world, whole.api.groups, whole.bob
    deleted, muted = await whole.team("supergroup"), await whole.team("supergroup")
    asked = [world.write(bob, "@agent_bot /demo slow 1.5", team) for team in (deleted, muted)]
    for team in (deleted, muted):
        await whole.at_work(team)
    world.delete(asked[0])
    with whole.host.unharmed():
        groups.set_standing(muted, bob, "restricted", whole.bot, can_send=False)
        answer = await whole.answer(asked[0])
        await whole.rests()
        groups.set_standing(muted, bob, "restricted", whole.bot)
        again = world.write(bob, "@agent_bot hello", muted)
        assert (await whole.answer(again)).text == "echo: hello"
    assert (answer.text, answer.reply_to) == ("I waited 1.5 s.", None)
    assert [one.text for one in world.replies(muted, after=asked[1])] == ["echo: hello"]
    [refused] = [one.outcome for one in whole.api.calls.of("sendMessage", chat_id=muted.id) if one.status != 200]
    assert refused == "Bad Request: not enough rights to send text messages to the chat"


async def test_a_send_tells_that_a_group_has_moved_before_its_messages_do(whole: Whole) -> None:
    world, groups, old = whole.api.world, whole.api.groups, whole.moving[0]
    [carol] = [one.account for one in old.members.values() if not one.account.is_bot]
    await world.wait_for_reply(old, timeout_s=WAIT_S)  # its greeting
    whole.clock.turn(-300)  # the host's: when it hears of the move is before Telegram says that the bot came in
    slow = world.write(carol, "@agent_bot /demo slow 1.5", old)
    await whole.at_work(old)
    new = groups.migrate(old, carol, untold=True)
    assert (await world.wait_for_reply(new, timeout_s=WAIT_S)).text == "I waited 1.5 s."
    refused = [one.outcome for one in whole.api.calls.of("sendMessage", chat_id=old.id)][1:]
    assert refused == ["Bad Request: group chat was upgraded to a supergroup chat"]
    groups.tell_joining(new, carol)
    await whole.confirmed(whole.bot)
    await whole.rests()
    groups.tell_migration(old, carol)
    for words, wanted in (
        ("@agent_bot /demo memory", "I remember:\n\n1. /demo slow 1.5"),
        ("@agent_bot /status", f"Assistant: reachable. This conversation: 1/telegram/~/{old.id}/~."),
    ):
        assert (await whole.answer(world.write(carol, words, new))).text.startswith(wanted)
    assert whole.said(slow) == []
    assert len(world.replies(new)) == 3
    whole.clock.turn(0)


async def test_whichever_sign_of_a_move_comes_first_it_is_no_invitation(whole: Whole) -> None:
    world, groups, (_, one, other) = whole.api.world, whole.api.groups, whole.moving
    [carol] = [member.account for member in one.members.values() if not member.account.is_bot]
    # Where the news that the bot came in is the first, Telegram may not even know itself, for a moment, what it means.
    whole.api.faults.plan(f"getChatMemberCount {one.id}", faults.answer(200, '{"ok": true, "result": 3}'))
    for old, signs in ((one, ("joining", "migration")), (other, ("migration", "joining"))):
        await world.wait_for_reply(old, timeout_s=WAIT_S)  # its greeting
        new = groups.migrate(old, carol, untold=True)
        for sign in signs:
            tell, chat = {"joining": (groups.tell_joining, new), "migration": (groups.tell_migration, old)}[sign]
            tell(chat, carol)
            await whole.confirmed(whole.bot)
            await whole.rests()
            status = await whole.answer(world.write(carol, "@agent_bot /status", new))
            assert f"This conversation: 1/telegram/~/{old.id}/~." in status.text, (signs, sign)
        assert len(world.replies(new)) == 2
        assert new.member(whole.bot.account).status == "member"
    asked = [one.status for one in whole.api.calls.of("getChatMemberCount", chat_id=one.id)]
    assert asked == [200, 400]


# ── who is there ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_channels_are_ignored_and_whoever_writes_in_the_name_of_one(whole: Whole) -> None:
    team = await whole.team("supergroup")
    channel: dict[str, Any] = {**SUPERGROUP, "id": -1009, "type": "channel"}
    came = membership(channel, "left", "administrator", can_post_messages=True)["my_chat_member"]
    post = message(channel, "/help")["message"]
    del post["from"]
    command = {"type": "bot_command", "offset": 0, "length": 5}
    named = message({**SUPERGROUP, "id": team.id}, "/help", sender_chat=channel, entities=[command])["message"]
    named["from"] = {"id": whole.bob.id, "is_bot": False, "first_name": "Bob"}
    with whole.host.unharmed():
        for update in ({"my_chat_member": came}, {"channel_post": post}, {"message": named}):
            judge_update({"update_id": 1, **update})
            whole.bot.queue.put_raw(update)
        assert (await whole.ask(whole.person(), "and me?")).text == "echo: and me?"
        await whole.rests()
    assert not whole.api.calls.of(chat_id=channel["id"])
    assert [one.text[: len(HELLO)] for one in whole.api.world.replies(team)] == [HELLO]


async def test_who_added_it_decides_whether_it_stays(whole: Whole) -> None:
    world, groups = whole.api.world, whole.api.groups
    carol = world.person("Carol")
    strange = groups.supergroup("Strange", carol)
    groups.add_bot(strange, carol, whole.bot)
    welcome = await whole.team("group")
    await world.wait_for(lambda: strange.member(whole.bot.account).status == "left" or None)
    assert not world.replies(strange)
    assert world.replies(welcome)[0].text.startswith(HELLO)


async def test_removed_and_added_again_it_goes_on_where_it_was(whole: Whole) -> None:
    world, groups, bob = whole.api.world, whole.api.groups, whole.bob
    team = await whole.team("supergroup")
    with whole.host.unharmed():
        world.write(bob, "@agent_bot /demo slow 1.5", team)
        await whole.at_work(team)
        groups.remove_bot(team, bob, whole.bot)
        await whole.rests()
        back = world.messages(team)[-1]
        groups.add_bot(team, bob, whole.bot)
        assert (await whole.answer(back)).text.startswith(HELLO)
        for can_send, may in ((False, "not write"), (True, "write")):
            groups.set_standing(team, bob, "restricted", whole.bot, can_send=can_send)
            await whole.logged(f"chat {team.id}: the bot is now restricted, and may {may}, by {bob.id}")
        told = await whole.answer(world.write(bob, "@agent_bot /demo memory", team))
    assert told.text == "I remember:\n\n1. /demo slow 1.5"
    assert not [one for one in world.replies(team) if "I waited" in one.text]


async def test_blocked_it_gives_the_answer_up_and_unblocked_it_answers(whole: Whole) -> None:
    world, alice = whole.api.world, whole.person()
    with whole.host.unharmed():
        asked = world.write(alice, "/demo slow 1.5", bot=whole.bot)
        await whole.at_work(alice)
        world.block(alice, whole.bot)
        await whole.rests()
        await whole.logged(f"chat {alice.id}: the bot was blocked, by {alice.id}")
        world.unblock(alice, whole.bot)
        await whole.logged(f"chat {alice.id}: the bot was unblocked, by {alice.id}")
        assert (await whole.ask(alice, "again")).text == "echo: again"
    assert [one.text for one in world.replies(alice.id, bot=whole.bot, after=asked)] == ["echo: again"]


# ── what people send ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_whatever_people_send_reaches_the_agent(whole: Whole) -> None:
    world = whole.api.world
    questions = [
        world.send_media(whole.person(), kind, bot=whole.bot, name=f"{kind}.bin", mime_type=mime_type, caption="see")
        for kind, (mime_type, _) in BROUGHT.items()
    ]
    answers = await asyncio.gather(*map(whole.answer, questions))
    for (kind, (_, told)), answer in zip(BROUGHT.items(), answers, strict=True):
        words = "see\n🎩" if kind == "sticker" else "see"
        assert answer.text == f"echo: {words}\nattachment: {told}, 5 bytes)"


async def test_what_is_no_file_is_told_as_words(whole: Whole) -> None:
    sent = {
        "geo:52.52,13.4": media.location(52.52, 13.4),
        "Café, Main Street 1\ngeo:52.52,13.4": media.venue("Café", "Main Street 1", 52.52, 13.4),
        "Bob +15550100": media.contact("Bob", "+15550100"),
        "Tea?\n\n• yes\n• no": media.poll("Tea?", "yes", "no"),
        "🎲 4": media.dice(4),
    }
    questions = [whole.api.world.send_fields(whole.person(), one, bot=whole.bot) for one in sent.values()]
    answers = await asyncio.gather(*map(whole.answer, questions))
    assert [one.text for one in answers] == [f"echo: {words}" for words in sent]


async def test_what_is_changed_while_the_agent_is_at_it_is_answered_as_it_reads_now(whole: Whole) -> None:
    alice = whole.person()
    question = whole.api.world.write(alice, "/demo silent 60 text", bot=whole.bot)
    await whole.at_work(alice)
    whole.api.world.edit(question, "hello")
    assert (await whole.answer(question)).text == "echo: hello"
    await whole.rests()
    assert whole.said(question) == ["echo: hello"]


async def test_an_album_is_one_message(whole: Whole) -> None:
    world, bob = whole.api.world, whole.bob
    team = await whole.team("supergroup")
    for caption in ("", "@agent_bot which one?", ""):
        last = world.send_media(bob, "photo", chat=team, album="7", caption=caption)
    line = "\nattachment: image photo.jpg (image/jpeg, 5 bytes)"
    assert (await whole.answer(last)).text == f"echo: which one?{line * 3}"
    await whole.rests()
    assert len(whole.said(last)) == 1


async def test_what_opens_from_a_link_goes_to_the_agent_as_it_is_and_start_alone_is_greeted(whole: Whole) -> None:
    alice = whole.person()
    assert (await whole.ask(alice, "/start")).text.startswith(HELLO)
    assert (await whole.ask(alice, "/start ref-42")).text == "echo: /start ref-42"
