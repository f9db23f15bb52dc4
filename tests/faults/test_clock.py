"""The wall clock is set, forward and back, while the host runs and while it does not."""

import asyncio
import time
from pathlib import Path

from tests.faults.conftest import Make

from surfacehost_devkit.botapi import faults
from surfacehost_devkit.matrixfaults import SENDS
from surfacehost_devkit.turnedclock import TurnedClock

HOUR, DAY = 3600, 86_400
JUMPS = (HOUR, HOUR / 2, -HOUR / 2, DAY, 0)
"""Where the clock stands, one after another: an hour and a day forward, half an hour, an hour and a day back."""


async def test_no_jump_of_the_clock_delays_loses_or_doubles_anything(make: Make, tmp_path: Path) -> None:
    clock = TurnedClock(tmp_path / "clock")
    stage = await make(first=clock)
    talk = await stage.go()
    async with talk.going():
        for seconds in JUMPS:
            # Both wait for their next attempt when the clock jumps.
            stage.proxy.faults.plan(SENDS, faults.bad_gateway(acts=True), times=2)
            stage.api.faults.plan("sendMessage", faults.bad_gateway(acts=True), times=2)
            await stage.seen(lambda _: not stage.proxy.faults.is_planned and not stage.api.faults.is_planned)
            await asyncio.to_thread(clock.turn, seconds)
            await talk.caught_up(30)
    await talk.check(20)
    await talk.check_agent()


async def test_a_clock_set_while_the_host_is_down_delays_nothing(make: Make, tmp_path: Path) -> None:
    clock = TurnedClock(tmp_path / "clock")
    stage = await make(first=clock)
    talk = await stage.go()
    for seconds in (DAY, DAY - HOUR / 2):
        sent, called = len(stage.proxy.of(SENDS)), len(stage.api.calls.of("sendMessage"))
        stage.proxy.faults.plan(SENDS, faults.bad_gateway(), times=None)
        stage.api.faults.plan("sendMessage", faults.bad_gateway(), times=None)
        await talk.say("before")
        await stage.seen(
            lambda _, sent=sent, called=called: (
                len(stage.proxy.of(SENDS)) > sent + 4  # type: ignore[misc]
                and len(stage.api.calls.of("sendMessage")) > called + 4
            )
        )
        await asyncio.to_thread(stage.host.stop)
        stage.proxy.faults.clear()
        stage.api.faults.clear()
        clock.turn(seconds)
        await talk.say("meanwhile")
        began = time.monotonic()
        await stage.start()
        await talk.check(30)
        assert time.monotonic() - began < 25
