"""Killed while answers grow by edits: no second answer, and no preview left beside one.

The long form kills at every step of that: ``python -m surfacehost_devkit.chaos --edits --surface telegram``.
"""

from pathlib import Path

import pytest

from surfacehost_devkit.botapi import BotApi
from surfacehost_devkit.chaos import Storm, TelegramSide
from surfacehost_devkit.chaos.eager import be_eager
from surfacehost_devkit.chaos.script import heard
from surfacehost_devkit.chaos.storm import Death

pytestmark = pytest.mark.timeout(400)  # many lives


async def test_killed_while_an_answer_grows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("surfacehost_devkit.chaos.storm.text_of", lambda number: f"{number} slow")
    async with BotApi.serve() as api:
        side = TelegramSide(api, chats=2, takes_drafts=False)
        # Few words, so that there is room for previews. The second note of one says which message it is.
        async with Storm.over(folder, [side], every_s=3.0, first=be_eager) as storm:
            for point, nth in (("note_preview after", 2), ("editMessageText after", 1)):
                await storm.rage([Death(surface=side.name, point=point, nth=nth)])
            verdict = (await storm.calm())[side.name]
        assert storm.missed == []
        assert verdict.examples == []
        told = [text for one in side.conversations for text in await side.heard(one)]
        assert [text for text in told if not heard([text])] == []
        assert [call for call in api.calls.of("editMessageText") if call.status == 200]
