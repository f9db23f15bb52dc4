"""The main job: both surfaces from one process, and neither able to hurt the other."""

import asyncio
from pathlib import Path
from typing import Any

from surfacehost_devkit.agentprocess import AgentProcess
from surfacehost_devkit.botapi import BotApi
from surfacehost_devkit.homeserver import Homeserver
from surfacehost_devkit.matrixperson import MatrixPerson

from .conftest import Scene, account

KINDS = {
    "unreachable": "can't reach", "timeout": "took too long", "lost": "connection broke", "auth": "isn't set up",
    "model": "chosen model", "quota": "out of credit", "rate_limited": "in 7 s", "overloaded": "overloaded",
    "content_refused": "declined", "too_large": "too large", "context_full": "too long", "protocol": "couldn't read",
    "cancelled": "Stopped", "internal": "Something went wrong",
}  # fmt: skip


async def test_text_both_ways_on_both_at_once_each_in_its_own_thread(running: Scene) -> None:
    assert await running.both("hello") == ("echo: hello", "echo: hello")
    await asyncio.gather(running.matrix("only on Matrix"), running.telegram("only on Telegram"))
    on_matrix, on_telegram = await running.both("!demo memory")
    assert "only on Matrix" in on_matrix
    assert "only on Matrix" not in on_telegram
    assert "only on Telegram" not in on_matrix
    status = await running.seen(lambda status: len({way["surface"] for way in status["ways"]}) == 2)
    threads = {way["thread"] for way in status["ways"]}
    assert f"1/telegram/{running.ann.id}/{running.ann.id}/~" in threads
    assert f"1/matrix/{running.alice.user_id}/{running.room}/~" in threads
    last = running.api.world.replies(running.ann.id)[-1].id
    for thread in threads:
        sent = await asyncio.to_thread(running.host.command, "send", "--to", thread, f"unasked, to {thread}")
        assert sent.returncode == 0, sent.stderr
    assert await running.telegram_answer(last) == f"unasked, to 1/telegram/{running.ann.id}/{running.ann.id}/~"
    unasked = f"unasked, to 1/matrix/{running.alice.user_id}/{running.room}/~"
    await running.alice.wait_for(lambda: any(event.body == unasked for event in running.events))


async def test_formatting_arrives_on_both(running: Scene) -> None:
    await running.both("!demo markdown")
    html = [event.content["formatted_body"] for event in running.events if "formatted_body" in event.content][-1]
    assert "<strong>" in html
    assert "<pre><code" in html
    message = running.api.world.replies(running.ann.id)[-1]
    assert {"bold", "pre", "text_link"} <= {entity.type for entity in message.content.entities}


async def test_a_long_answer_arrives_whole(running: Scene) -> None:
    asked = running.api.world.write(running.ann, "/demo long 12000")
    on_matrix = await running.matrix("!demo long 12000")

    def whole() -> list[str] | None:
        texts = [message.content.text for message in running.api.world.replies(running.ann.id, after=asked)]
        return texts if sum(map(len, texts)) > 11_900 else None

    texts = await running.api.world.wait_for(whole, timeout_s=30)
    assert len(texts) >= 3
    assert all(len(text) <= 4096 for text in texts)
    lines = [line for text in texts for line in text.splitlines() if line]
    assert lines[:2] == ["Line 1 of a long answer.", "Line 2 of a long answer."]
    assert on_matrix.startswith("\n".join(lines[:2]))


async def test_every_kind_of_error_is_a_sentence_on_both(running: Scene) -> None:
    for kind, sentence in KINDS.items():
        for heard in await running.both(f"!demo error {kind} 7"):
            assert sentence in heard
            assert "provider text" not in heard
    assert running.host.is_alive
    assert await running.both("still there?") == ("echo: still there?", "echo: still there?")


async def test_a_group_and_its_topics_are_threads_of_their_own(scene: Scene) -> None:
    scene.host.configure(scene.settings(defaults='dm_policy = "open"\ngroup_policy = "open"'))
    await scene.start()
    await scene.ready()
    forum = scene.api.groups.forum("Office", scene.ann)
    scene.api.groups.add_bot(forum, scene.ann)
    greeting = await scene.api.world.wait_for_reply(forum)
    assert "Hello!" in greeting.content.text
    topic = scene.api.groups.open_topic(forum, scene.ann, "Plans")
    for theme in (None, topic):
        asked = scene.api.world.write(scene.ann, "@agent_bot hello", forum, topic=theme)
        answer = await scene.api.world.wait_for_reply(forum, after=asked)
        assert answer.content.text == "echo: hello"
        assert answer.thread_id == (topic.thread_id if theme else None)
    scene.api.world.write(scene.ann, "not for the bot", forum)
    status = await scene.seen(lambda status: len({way["thread"] for way in status["ways"]}) >= 2)
    threads = {way["thread"] for way in status["ways"]}
    assert {f"1/telegram/~/{forum.id}/~", f"1/telegram/~/{forum.id}/{topic.thread_id}"} <= threads
    assert all("not for the bot" not in message.content.text for message in scene.api.world.replies(forum))
    last = scene.api.world.replies(forum)[-1].id
    to = f"1/telegram/~/{forum.id}/{topic.thread_id}"
    await asyncio.to_thread(scene.host.command, "send", "--to", to, "unasked")
    unasked = await scene.api.world.wait_for_reply(forum, after=last)
    assert (unasked.content.text, unasked.thread_id) == ("unasked", topic.thread_id)


async def test_the_agent_away_is_a_sentence_and_it_recovers_by_itself(scene: Scene, tmp_path: Path) -> None:
    agent = AgentProcess(tmp_path)
    scene.host.configure(scene.settings(agent=agent.settings))
    await scene.start()
    await scene.seen(lambda status: not status["ready"]["matrix"] and not status["ready"]["telegram"])
    await scene.meet()
    sentence = "I can't reach the assistant right now. Please try again in a minute."
    assert await scene.both("anyone?") == (sentence, sentence)
    code, text = scene.host.readiness()
    assert (code, f"127.0.0.1:{agent.port}" in text) == (503, True)
    await asyncio.to_thread(agent.start)
    await scene.ready()
    assert await scene.both("anyone?") == ("echo: anyone?", "echo: anyone?")
    await asyncio.to_thread(agent.end)
    assert scene.host.is_alive


async def test_the_homeserver_dies_and_telegram_answers_then_it_is_back(
    tmp_path: Path, own_homeserver: Homeserver
) -> None:
    async with BotApi.serve() as api:
        scene = Scene(tmp_path, own_homeserver, api)
        try:
            async with MatrixPerson(own_homeserver.url, account(own_homeserver, "alice")) as scene.alice:
                await scene.start()
                await scene.ready()
                await scene.meet()
                own_homeserver.kill()
                assert await scene.telegram("hello") == "echo: hello"
                await scene.seen(lambda status: "matrix" in status["ready"] and status["ready"]["matrix"] != "")
                assert await scene.telegram("still there?") == "echo: still there?"
                await asyncio.to_thread(own_homeserver.start)
                await scene.ready(60)
                assert await scene.both("both?") == ("echo: both?", "echo: both?")
        finally:
            scene.host.close()


async def test_a_homeserver_that_is_away_at_the_start_is_waited_for(tmp_path: Path, own_homeserver: Homeserver) -> None:
    async with BotApi.serve() as api:
        scene = Scene(tmp_path, own_homeserver, api)
        alice = account(own_homeserver, "alice")
        await asyncio.to_thread(own_homeserver.stop)
        try:
            await scene.start()
            assert await scene.telegram("hello") == "echo: hello"
            await asyncio.to_thread(own_homeserver.start)
            await scene.ready(60)
            async with MatrixPerson(own_homeserver.url, alice) as scene.alice:
                await scene.meet()
                assert await scene.matrix("hello") == "echo: hello"
        finally:
            scene.host.close()


async def test_a_wrong_token_parks_telegram_by_name_and_matrix_answers(scene: Scene) -> None:
    scene.host.configure(scene.settings(token="123456789:AAF-a-token-that-nobody-gave-out"))
    await scene.start()
    await scene.seen(lambda status: "parked" in status["ready"]["telegram"] and not status["ready"]["matrix"])
    await scene.meet()
    assert await scene.matrix("hello") == "echo: hello"
    code, text = scene.host.readiness()
    assert code == 503
    assert "telegram: parked:" in text
    assert "matrix: ok" in text
    assert "AAF-a-token" not in text + scene.host.log_text()


async def test_a_wrong_password_parks_matrix_by_name_and_telegram_answers(scene: Scene) -> None:
    scene.host.configure(scene.settings().replace("correct-horse-battery", "wrong-horse-battery"))
    await scene.start()
    await scene.seen(lambda status: "parked" in status["ready"]["matrix"] and not status["ready"]["telegram"])
    assert await scene.telegram("hello") == "echo: hello"
    assert "wrong-horse" not in scene.host.log_text() + scene.host.readiness()[1]


def settled_invites(status: dict[str, Any]) -> list[str]:
    ways = [way for way in status["ways"] if way["steps"][-1][0] == "settled"]
    return [way["event"] for way in ways if way["event"].startswith("invite:")]


async def test_a_space_is_made_once_and_its_rooms_answer(scene: Scene) -> None:
    table = '[surfaces.matrix.space]\nname = "Assistant"\nrooms = ["General", "Ideas"]'
    scene.host.configure(scene.settings(matrix=table))
    await scene.start()
    await scene.ready()
    await scene.alice.create_room(direct=True, invite=[scene.bot.user_id])
    space = (await scene.alice.wait_invite(scene.bot.user_id)).room_id
    await scene.alice.join(space)
    await scene.seen(lambda status: any(way["steps"][-1][0] == "settled" for way in status["ways"]))
    rooms = [room for room in await scene.alice.hierarchy(space) if room["room_id"] != space]
    assert {room["name"] for room in rooms} == {"General", "Ideas"}
    for room in rooms:
        scene.room = await scene.alice.join(room["room_id"])
        assert await scene.matrix("hello") == "echo: hello"
    again = await scene.alice.create_room(direct=True, invite=[scene.bot.user_id])
    await scene.alice.wait_for(
        lambda: any(event.state_key == scene.bot.user_id for event in scene.alice.seen.events[again])
    )
    await scene.seen(lambda status: len(settled_invites(status)) == 2)
    assert await scene.matrix("hello again") == "echo: hello again"  # by then she has been told of every invitation
    assert [one for one in scene.alice.seen.invites.values() if one.space] == []
