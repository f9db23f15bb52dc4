"""Homeserver and Bot API away for a minute, both at once."""

import asyncio
from typing import Any

import pytest
from tests.faults.conftest import Stage

AWAY_S = 60.0


@pytest.mark.timeout(300)
async def test_both_away_for_a_minute_everything_is_answered_once_afterwards(stage: Stage) -> None:
    talk = await stage.go()
    await talk.say("!demo slow 2", "I waited 2 s.")  # answers that are due while nobody takes them
    await stage.all_asked()
    await asyncio.gather(stage.proxy.away(), stage.api.away())
    minute = asyncio.create_task(asyncio.sleep(AWAY_S))  # the minute itself is what is tested
    async with talk.going(every_s=20):
        await stage.seen(lambda status: status["ready"]["matrix"] != "" != status["ready"]["telegram"])
        await minute
        code, text = await asyncio.to_thread(stage.host.readiness)
        assert code == 503
        assert "matrix: waiting: " in text
        assert "telegram: waiting: " in text
        assert text.count("can't be reached") == 2
        assert "agent: ok" in text
    await asyncio.gather(stage.proxy.back(), stage.api.back())
    await stage.ready(60)
    await talk.check(60)
    status = await asyncio.to_thread(stage.host.status)
    back = {surface["name"]: surface["since"] for surface in status["surfaces"]}
    late = [way for way in status["ways"] if _sent_after_s(way, back[way["surface"]]) > 15]
    assert late == []  # as soon as they are back, and not when the pauses after a minute of failures are over
    await talk.check_agent()
    await talk.say("and now?")
    await talk.check(20)


def _sent_after_s(way: dict[str, Any], since: float) -> float:
    return max((at - since for step, at in way["steps"] if step == "sent"), default=0.0)
