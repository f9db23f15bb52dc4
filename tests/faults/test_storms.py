"""Too many requests: every message arrives, and nobody is called while a pause lasts."""

import time

from tests.faults.conftest import Stage

from surfacehost_devkit.botapi import FloodLimits, faults
from surfacehost_devkit.matrixfaults import SENDS, limit_exceeded


async def test_a_storm_on_both_delays_and_loses_nothing(stage: Stage) -> None:
    talk = await stage.go()
    stage.api.flood.switch(FloodLimits(chat_per_s=0.5, chat_burst=1))
    stage.proxy.faults.plan(SENDS, limit_exceeded(1.5), times=6)
    async with talk.going(every_s=1):
        await stage.answered(within_s=30)
        stage.proxy.faults.plan(SENDS, limit_exceeded(1.5), times=6)
        await stage.answered(within_s=30)
    await talk.check()
    await talk.check_agent()
    assert stage.api.flood.refused > 0
    assert len([one for one in stage.proxy.of(SENDS) if one.status == 429]) == 12
    assert stage.api.calls.in_penalties() == []
    assert stage.proxy.in_pauses(SENDS) == []


async def test_a_storm_over_every_call_loses_nothing(stage: Stage) -> None:
    talk = await stage.go()
    async with talk.going():
        stage.api.faults.plan("*", faults.too_many(2), times=8)
        stage.proxy.faults.plan("*", limit_exceeded(2), times=5)
        await stage.seen(lambda _: not stage.api.faults.is_planned and not stage.proxy.faults.is_planned, 60)
    await talk.check()
    await talk.check_agent()
    assert stage.api.calls.in_penalties() == []


async def test_one_chats_penalty_is_no_other_chats_delay(stage: Stage) -> None:
    talk = await stage.go()
    *_, bob, cleo = talk.told
    stage.api.flood.switch(FloodLimits(chat_per_s=0.1, chat_burst=1))
    began = time.monotonic()
    await bob.say("one")
    await bob.say("two")
    await stage.host.seen(lambda _: stage.api.flood.refused > 0)
    asked = time.monotonic()
    await cleo.say("hello")
    assert await cleo.thread.heard(1, 5) == ["echo: hello"]
    assert time.monotonic() - asked < 3
    await talk.check()
    assert time.monotonic() - began > 9
    assert stage.api.calls.in_penalties() == []
