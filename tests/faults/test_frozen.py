"""The process frozen for a minute and a half: its sockets die, the agent's runs go on, people write."""

import asyncio
import re
import signal
from pathlib import Path

import pytest
from tests.faults.conftest import Make
from tests.faults.talk import in_part

from surfacehost_devkit.agentprocess import AgentProcess

FROZEN_S = 90.0
TOO_LONG = "The assistant took too long to answer. Please try again."


@pytest.mark.timeout(300)
async def test_frozen_for_ninety_seconds_it_goes_on_and_doubles_nothing(make: Make, tmp_path: Path) -> None:
    stage, agent = await make(), AgentProcess(tmp_path)
    await asyncio.to_thread(agent.start)
    try:
        stage.host.configure(stage.settings(agent=agent.settings))
        talk = await stage.go()
        # One thread's run is over long before, one's goes on while its socket has died, one's send is under way.
        waits = re.compile(r"I waited \d+ s\.")
        for told, seconds in zip(talk.told, (5, 60, 5, 60), strict=True):
            await told.say(f"!demo slow {seconds}", waits, in_part("echo"), TOO_LONG)
        await stage.all_asked()
        stage.host.send_signal(signal.SIGSTOP)
        frozen = asyncio.create_task(asyncio.sleep(FROZEN_S))  # the time itself is what is tested
        async with talk.going(in_part("echo"), TOO_LONG, every_s=30):
            await frozen
            stage.host.send_signal(signal.SIGCONT)
            await stage.ready(60)
        await talk.check(90)
        await talk.say("and now?")
        await talk.check(20)
    finally:
        stage.host.close()
        await asyncio.to_thread(agent.end)
