"""Telegram brings its updates, and the host dies around each of them: nothing lost, nothing answered twice.

The long form is ``python -m surfacehost_devkit.chaos --webhook --surface telegram``.
"""

from pathlib import Path

import pytest

from surfacehost_devkit.botapi import BotApi, Pace
from surfacehost_devkit.chaos import Storm, TelegramSide, at_any_moment
from surfacehost_devkit.chaos.points import HOST
from surfacehost_devkit.chaos.storm import Death

pytestmark = pytest.mark.timeout(400)  # many lives

ARRIVAL = ("ingest before", "ingest inside", "stored", *TelegramSide.brought)


async def test_killed_while_telegram_brings_updates(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Short answers: it is about what comes in.
    monkeypatch.setattr("surfacehost_devkit.chaos.storm.text_of", lambda number: f"{number}")
    async with BotApi.serve(pace=Pace(webhook_retry_s=0.05)) as api:
        side = TelegramSide(api, chats=3, mode="webhook")
        async with Storm.over(folder, [side], every_s=1.5) as storm:
            passed = await storm.follow(side, ["1", "2 declined"])
            assert {step for step in passed if step.rpartition(" ")[0] not in side.beside} == {*HOST, *side.steps}
            at_arrival = [Death(surface=side.name, point=point) for point in ARRIVAL]
            await storm.rage([*at_arrival, *at_any_moment(2, longest_s=2)])
            verdict = (await storm.calm())[side.name]
        assert storm.missed == []
        assert verdict.examples == []
        assert verdict.asked > len(ARRIVAL)
        assert api.calls.of("getUpdates") == []
        assert len(api.calls.of("setWebhook")) == 1
