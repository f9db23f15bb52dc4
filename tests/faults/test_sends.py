"""What becomes of a send on its way: whatever it is, the message is there once."""

import asyncio

from tests.faults.conftest import Stage

from platform_agent.showcase import long_text
from surfacehost_devkit.botapi import faults
from surfacehost_devkit.faults import Fault
from surfacehost_devkit.matrixfaults import HISTORY, SENDS, SYNC

ENDINGS: dict[str, Fault] = {
    "the connection breaks before it acts": faults.reset(),
    "the connection breaks after it has acted": faults.drop_after(),
    "half an answer comes": faults.half(),
    "a gateway fails before it acts": faults.bad_gateway(),
    "a gateway fails after it has acted": faults.bad_gateway(acts=True),
    "garbage comes back": faults.garbage(acts=True),
    "the answer comes late": faults.delay(2, acts=True),
}


async def test_whatever_becomes_of_sends_each_answer_comes_once(stage: Stage) -> None:
    talk = await stage.go()
    async with talk.going(every_s=3):  # looking for one that was lost takes a chat a quarter of a minute
        for fault in ENDINGS.values():
            stage.proxy.faults.plan(SENDS, fault, times=2)
            stage.api.faults.plan("sendMessage", fault, times=2)
            await stage.answered(within_s=30)
    await talk.check(120)
    await talk.check_agent()
    assert sum(bool(one.fault) for one in stage.proxy.of(SENDS)) == 2 * len(ENDINGS)
    assert sum(bool(one.fault) for one in stage.api.calls.of("sendMessage")) == 2 * len(ENDINGS)


async def test_whatever_becomes_of_listening_nothing_is_lost(stage: Stage) -> None:
    talk = await stage.go()
    async with talk.going():
        for fault in ENDINGS.values():
            stage.proxy.faults.plan(SYNC, fault)
            stage.api.faults.plan("getUpdates", fault)
            await stage.answered(within_s=60)
    await talk.check()
    await talk.check_agent()


async def test_a_gap_is_filled_although_reading_history_fails(stage: Stage) -> None:
    talk = await stage.go()
    await asyncio.to_thread(stage.host.stop)
    told = talk.told[0]
    for number in range(25):  # the first sync of a host brings ten
        await told.say(f"number {number}")
    for fault in (faults.drop_after(), faults.half(), faults.bad_gateway(acts=True)):
        stage.proxy.faults.plan(HISTORY, fault)
    await stage.start()
    await talk.check()
    assert [one.fault for one in stage.proxy.of(HISTORY)][:3] == ["drop_after", "half", "answer"]


async def test_a_long_answer_comes_whole_whatever_becomes_of_its_parts(stage: Stage) -> None:
    talk = await stage.go()
    room, _, chat, _ = talk.told
    for fault in (faults.drop_after(), faults.half(), faults.bad_gateway(acts=True), faults.reset()):
        stage.proxy.faults.plan(SENDS, fault)
        stage.api.faults.plan("sendMessage", fault)
    for told in (room, chat):
        await told.thread.say("!demo long 18500")
    lines = [line for line in long_text(18_500, code=False).splitlines() if line]
    for told, parts in ((room, 2), (chat, 5)):
        heard = await told.thread.heard(parts, 60)
        await stage.at_rest()
        heard = await told.thread.heard(parts, 5)
        assert [line for part in heard for line in part.splitlines() if line] == lines
    assert not stage.proxy.faults.is_planned
    assert not stage.api.faults.is_planned


async def test_whatever_becomes_of_its_calls_a_space_is_made_once(stage: Stage) -> None:
    stage.host.configure(stage.settings(matrix='[surfaces.matrix.space]\nname = "Assistant"\nrooms = ["General"]'))
    await stage.start()
    await stage.ready()
    stage.proxy.faults.plan("POST */join", faults.half())
    stage.proxy.faults.plan("POST */createRoom", faults.drop_after())
    stage.proxy.faults.plan("POST */createRoom", faults.bad_gateway(acts=True))
    stage.proxy.faults.plan("PUT */state/*", faults.drop_after())
    stage.proxy.faults.plan(SENDS, faults.drop_after())
    room = await stage.alice.create_room(direct=True, invite=[stage.bot.user_id])
    space = (await stage.alice.wait_invite(stage.bot.user_id)).room_id
    await stage.alice.join(space)
    await stage.at_rest()
    assert not stage.proxy.faults.is_planned
    (inside,) = [one for one in await stage.alice.hierarchy(space) if one["room_id"] != space]
    await stage.alice.join(inside["room_id"])
    greetings = [event for event in await stage.alice.history(inside["room_id"]) if event.body]
    assert len(greetings) == 1
    others = set(stage.alice.seen.invites) - {space, inside["room_id"], room}
    assert others == set()
