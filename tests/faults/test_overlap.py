"""Two troubles at once."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.faults.conftest import Make, Stage
from tests.faults.talk import in_part

from surfacehost_devkit.agentprocess import AgentProcess
from surfacehost_devkit.botapi import faults
from surfacehost_devkit.matrixfaults import SENDS, limit_exceeded
from surfacehost_devkit.turnedclock import TurnedClock

CUT = in_part("echo: number 00")


def gone(status: dict[str, Any]) -> bool:
    """Whether the host has noticed that nobody is there."""
    return all(status["ready"][name] for name in ("matrix", "telegram", "agent"))


@pytest.fixture
def clock(tmp_path: Path) -> TurnedClock:
    return TurnedClock(tmp_path / "clock")


@pytest_asyncio.fixture
async def apart(make: Make, agent: AgentProcess, clock: TurnedClock) -> Stage:
    """The stage with an agent of its own process and a clock that can be set."""
    stage = await make(first=clock)
    stage.host.configure(stage.settings(agent=agent.settings))
    return stage


async def test_agent_and_platforms_gone_at_once(apart: Stage, agent: AgentProcess) -> None:
    talk = await apart.go()
    async with talk.going(CUT):
        await apart.answered()
        await asyncio.gather(apart.proxy.away(), apart.api.away(), asyncio.to_thread(agent.end))
        await apart.seen(gone)
        await asyncio.to_thread(agent.start)
        await asyncio.gather(apart.proxy.back(), apart.api.back())
        await apart.ready(60)
        await apart.answered(within_s=60)
    await talk.check(90)


async def test_answers_lost_while_a_storm_blows_and_the_clock_is_set_back(apart: Stage, clock: TurnedClock) -> None:
    talk = await apart.go()
    async with talk.going():
        for seconds in (3600, -3600):
            for fault, pause in ((faults.drop_after(), 1), (faults.half(), 2)):
                apart.proxy.faults.plan(SENDS, fault)
                apart.proxy.faults.plan(SENDS, limit_exceeded(pause), times=2)
                apart.api.faults.plan("sendMessage", fault)
                apart.api.faults.plan("*", faults.too_many(pause), times=3)
            clock.turn(seconds)
            await apart.seen(lambda _: not apart.proxy.faults.is_planned and not apart.api.faults.is_planned, 60)
    await talk.check()
    await talk.check_agent()


async def test_told_to_stop_while_agent_and_platforms_are_gone(apart: Stage, agent: AgentProcess) -> None:
    talk = await apart.go()
    half = "This is the first half of an answer,"
    # Told to stop before it could say so, the host asks again: then there is the whole of it.
    await talk.say("!demo silent 20 text", in_part(half), f"{half} I was silent for 20 s.")
    await talk.say("behind it")
    await apart.all_asked()
    await asyncio.gather(apart.proxy.away(), apart.api.away(), asyncio.to_thread(agent.end))
    await apart.seen(gone)
    assert await asyncio.to_thread(apart.host.stop, 10) == 0
    await asyncio.to_thread(agent.start)
    await asyncio.gather(apart.proxy.back(), apart.api.back())
    await apart.start()
    await talk.check()


async def test_frozen_while_answers_get_lost(apart: Stage) -> None:
    talk = await apart.go()
    async with talk.going():
        for _ in range(3):
            apart.proxy.faults.plan(SENDS, faults.hang(acts=True), times=2)
            apart.api.faults.plan("sendMessage", faults.hang(acts=True), times=2)
            await apart.seen(lambda _: apart.proxy.faults.hanging == 2 and apart.api.faults.hanging == 2)
            apart.host.send_signal(signal.SIGSTOP)
            for one in (apart.proxy, apart.api):
                await one.away()
                await one.back()
            apart.host.send_signal(signal.SIGCONT)
            await apart.answered(within_s=40)
    await talk.check()
    await talk.check_agent()
