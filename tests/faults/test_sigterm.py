"""SIGTERM while everybody is at work: it ends within ten seconds, and the next start finishes what was open, once."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.conftest import Make, Stage

from surfacehost_devkit.agentprocess import AgentProcess
from surfacehost_devkit.botapi import faults
from surfacehost_devkit.matrixfaults import SENDS, SYNC


def answers_come_late(stage: Stage) -> None:
    """Sends in flight: carried out at once, answered three seconds later."""
    stage.proxy.faults.plan(SENDS, faults.delay(3, acts=True), times=None)
    stage.api.faults.plan("sendMessage", faults.delay(3, acts=True), times=None)


def sends_hang(stage: Stage) -> None:
    """Sends that were carried out and are never answered."""
    stage.proxy.faults.plan(SENDS, faults.hang(acts=True), times=None)
    stage.api.faults.plan("sendMessage", faults.hang(acts=True), times=None)


def everything_hangs(stage: Stage) -> None:
    """No call of any platform is answered any more, listening and signs of work included."""
    stage.proxy.faults.plan("*", faults.hang(acts=True), times=None)
    stage.api.faults.plan("*", faults.hang(acts=True), times=None)


def listening_hangs(stage: Stage) -> None:
    """What is new was told, and nobody hears it."""
    stage.proxy.faults.plan(SYNC, faults.hang(acts=True), times=None)
    stage.api.faults.plan("getUpdates", faults.hang(acts=True), times=None)


@pytest.mark.parametrize("trouble", [answers_come_late, sends_hang, everything_hangs, listening_hangs])
async def test_with_platforms_in_trouble_it_ends_in_time_and_finishes_later(
    stage: Stage, trouble: Callable[[Stage], None]
) -> None:
    talk = await stage.go()
    trouble(stage)
    async with talk.going():
        await stage.seen(lambda _: bool(stage.proxy.faults.used and stage.api.faults.used))
        assert await asyncio.to_thread(stage.host.stop, 10) == 0
        for flaws in (stage.proxy.faults, stage.api.faults):
            flaws.clear()
            flaws.release()
    await stage.start()
    await talk.check()


async def test_with_runs_going_on_it_ends_in_time_and_finishes_later(stage: Stage) -> None:
    talk = await stage.go()
    await talk.say("!demo slow 5", "I waited 5 s.")
    await talk.say("behind it")
    await stage.all_asked()
    assert await asyncio.to_thread(stage.host.stop, 10) == 0
    await stage.start()
    await talk.check()


async def test_with_a_hanging_agent_it_ends_in_time_and_finishes_later(make: Make, tmp_path: Path) -> None:
    stage, agent = await make(), AgentProcess(tmp_path)
    await asyncio.to_thread(agent.start)
    try:
        stage.host.configure(stage.settings(agent=agent.settings))
        talk = await stage.go()
        await talk.say("!demo slow 1", "I waited 1 s.")
        await stage.all_asked()
        agent.send_signal(signal.SIGSTOP)
        assert await asyncio.to_thread(stage.host.stop, 10) == 0
        agent.send_signal(signal.SIGCONT)
        await stage.start()
        await talk.check()
        await talk.check_agent()
    finally:
        stage.host.close()
        await asyncio.to_thread(agent.end)
