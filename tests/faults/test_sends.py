"""What becomes of a send on its way: whatever it is, the message is there once."""

from tests.faults.conftest import Stage

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
    async with talk.going():
        for fault in ENDINGS.values():
            stage.proxy.faults.plan(SENDS, fault, times=2)
            stage.api.faults.plan("sendMessage", fault, times=2)
            await stage.answered(within_s=30)
    await talk.check()
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
    await stage.proxy.away()
    told = talk.told[0]
    for number in range(110):
        await told.say(f"number {number}")
    for fault in (faults.drop_after(), faults.half(), faults.bad_gateway(acts=True)):
        stage.proxy.faults.plan(HISTORY, fault)
    await stage.proxy.back()
    await talk.check(timeout_s=90)
    assert [one.fault for one in stage.proxy.of(HISTORY)][:3] == ["drop_after", "half", "answer"]
