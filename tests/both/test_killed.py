"""Killed at any moment: what was said is answered, and answered once, on both surfaces."""

import asyncio

import pytest

from .conftest import Scene


async def settled(scene: Scene, events: set[str]) -> None:
    await scene.seen(lambda status: not status["inbox"] and not events - {way["event"] for way in status["ways"]})


@pytest.mark.parametrize("step", ["stored", "asked", "answered", "sent"])
async def test_killed_between_receiving_and_answering_it_is_answered_once(running: Scene, step: str) -> None:
    text = "!demo slow 1" if step == "asked" else "hello"
    asked = await running.alice.send(running.room, text)
    said = running.api.world.write(running.ann, text)
    await running.seen(lambda status: any(name == step for way in status["ways"][:2] for name, _ in way["steps"]))
    running.host.kill()
    later = await running.alice.send(running.room, "while it was away")
    running.api.world.write(running.ann, "while it was away")
    await running.start()
    await running.ready()
    wanted = "I waited 1 s." if step == "asked" else "echo: hello"
    replies = await running.alice.replies(running.room, after=asked, from_=running.bot.user_id, count=2, timeout_s=40)
    await running.api.world.wait_for_reply(
        running.ann.id, after=said, timeout_s=40, where=lambda one: one.content.text == "echo: while it was away"
    )
    assert [reply.body for reply in replies] == [wanted, "echo: while it was away"]
    await settled(running, {later})
    heard = [message.content.text for message in running.api.world.replies(running.ann.id, after=said)]
    assert heard == [wanted, "echo: while it was away"]
    whole = [event.body for event in await running.alice.history(running.room) if event.sender == running.bot.user_id]
    assert whole.count(wanted) == 1


async def test_killed_again_and_again_under_load(running: Scene) -> None:
    numbers: list[int] = []
    for round_ in range(4):
        for number in range(round_ * 5, round_ * 5 + 5):
            await running.alice.send(running.room, f"number {number}")
            running.api.world.write(running.ann, f"number {number}")
            numbers.append(number)
        await running.seen(lambda status: any(way["steps"][-1][0] == "settled" for way in status["ways"]))
        running.host.kill()
        await running.start()
    await running.ready()
    last = f"echo: number {numbers[-1]}"
    await running.api.world.wait_for_reply(running.ann.id, timeout_s=60, where=lambda one: one.content.text == last)
    await running.alice.wait_for(lambda: any(event.body == last for event in running.events), timeout_s=60)
    await running.seen(lambda status: not status["inbox"])
    wanted = [f"echo: number {number}" for number in numbers]
    on_matrix = [
        event.body for event in await running.alice.history(running.room) if event.sender == running.bot.user_id
    ]
    assert [text for text in on_matrix if text in wanted] == wanted
    on_telegram = [message.content.text for message in running.api.world.replies(running.ann.id)]
    assert [text for text in on_telegram if text in wanted] == wanted


async def test_a_gap_longer_than_one_page_is_filled(running: Scene) -> None:
    await asyncio.to_thread(running.host.stop)
    for number in range(130):
        await running.alice.send(running.room, f"number {number}")
    await running.start()
    last = "echo: number 129"
    await running.alice.wait_for(lambda: any(event.body == last for event in running.events), timeout_s=90)
    said = [event.body for event in await running.alice.history(running.room) if event.sender == running.bot.user_id]
    assert [text for text in said if text.startswith("echo: number")] == [f"echo: number {n}" for n in range(130)]
