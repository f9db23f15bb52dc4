"""Setting the wall clock makes nobody's patience shorter or longer."""

import time
from pathlib import Path

import pytest

from surfacehost_devkit.hostprocess import HostProcess, wait_until
from surfacehost_devkit.turnedclock import TurnedClock

from .test_isolation import ENABLED, install

DAY = 86_400
HOOK = "async def on_message(self, message, client): raise ValueError('boom')"
PATIENCE = "[dispatch]\npark_after_attempts = 2\npark_after_s = 4\n"


@pytest.mark.parametrize("seconds", [DAY, -DAY])
def test_a_failing_message_is_parked_neither_early_nor_late(tmp_path: Path, seconds: float) -> None:
    clock = TurnedClock(tmp_path / "clock")
    environ = install(tmp_path / "trouble", parts={"on_message": HOOK})
    with HostProcess(tmp_path / "host", ENABLED + PATIENCE, environ, first=clock) as host:
        wait_until(lambda: "ValueError: boom" in host.log_text(), 20, host.log_tail)
        clock.turn(seconds)
        began = time.monotonic()
        host.wait_for(lambda status: status["inbox"].get("trouble", {}).get("parked") == 1, 20)
        assert time.monotonic() - began > 4
