"""Two troubles at once."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from tests.faults.agentprocess import AgentProcess
from tests.faults.conftest import Make, Stage
from tests.faults.talk import in_part

from surfacehost_devkit import turnedclock
from surfacehost_devkit.botapi import faults
from surfacehost_devkit.matrixfaults import SENDS, limit_exceeded

CUT = in_part("echo: number 00")


def gone(status: dict[str, Any]) -> bool:
    """Whether the host has noticed that nobody is there."""
    return all(status["ready"][name] for name in ("matrix", "telegram", "agent"))


@pytest_asyncio.fixture
async def agent(tmp_path: Path) -> AsyncIterator[AgentProcess]:
    process = AgentProcess(tmp_path)
    await process.start()
    yield process
    await process.end()


@pytest_asyncio.fixture
async def apart(make: Make, agent: AgentProcess, tmp_path: Path) -> Stage:
    """The stage with an agent of its own process and a clock that can be set."""
    stage = await make(module="surfacehost_devkit.turnedclock", environ={turnedclock.FILE: str(tmp_path / "clock")})
    stage.host.configure(stage.settings(agent=agent.settings))
    return stage


async def test_agent_and_platforms_gone_at_once(apart: Stage, agent: AgentProcess) -> None:
    talk = await apart.go()
    async with talk.going(CUT):
        await apart.answered()
        await asyncio.gather(apart.proxy.away(), apart.api.away(), agent.end(signal.SIGKILL))
        await apart.seen(gone)
        await agent.start()
        await asyncio.gather(apart.proxy.back(), apart.api.back())
        await apart.ready(60)
        await apart.answered(within_s=60)
    await talk.check(90)


async def test_answers_lost_while_a_storm_blows_and_the_clock_is_set_back(apart: Stage, tmp_path: Path) -> None:
    talk = await apart.go()
    async with talk.going():
        for seconds in (3600, -3600):
            for fault, pause in ((faults.drop_after(), 1), (faults.half(), 2)):
                apart.proxy.faults.plan(SENDS, fault)
                apart.proxy.faults.plan(SENDS, limit_exceeded(pause), times=2)
                apart.api.faults.plan("sendMessage", fault)
                apart.api.faults.plan("*", faults.too_many(pause), times=3)
            turnedclock.turn(tmp_path / "clock", seconds)
            await apart.seen(lambda _: not apart.proxy.faults.is_planned and not apart.api.faults.is_planned, 60)
    await talk.check()
    await talk.check_agent()


async def test_told_to_stop_while_agent_and_platforms_are_gone(apart: Stage, agent: AgentProcess) -> None:
    talk = await apart.go()
    await talk.say("!demo silent 60 text", in_part("This is the first half of an answer,"))
    await talk.say("behind it")
    await apart.all_asked()
    await asyncio.gather(apart.proxy.away(), apart.api.away(), agent.end(signal.SIGKILL))
    await apart.seen(gone)
    assert await asyncio.to_thread(apart.host.stop, 10) == 0
    await agent.start()
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
