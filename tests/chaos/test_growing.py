"""Killed while an answer grows before a person: it is there once and complete, with no preview beside it."""

from collections import Counter
from pathlib import Path

import pytest

from surfacehost_devkit.chaos import MatrixSide, Storm
from surfacehost_devkit.chaos.eager import be_eager
from surfacehost_devkit.chaos.script import heard, wanted
from surfacehost_devkit.chaos.storm import Death

pytestmark = pytest.mark.timeout(400)

SEND = "PUT rooms/*/send/m.room.message/*"
DEATHS = [
    ("note_preview", "inside", 1),
    ("note_preview", "after", 1),
    (SEND, "after", 1),
    ("note_preview", "inside", 2),
    (SEND, "after", 2),
    ("answer", "inside", 1),
    ("send_next", "after", 1),
]
"""The first send is a preview, the second an edit of it or the answer."""


async def test_killed_while_an_answer_grows(folder: Path, matrix: MatrixSide, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("surfacehost_devkit.chaos.storm.text_of", lambda number: f"{number} slow")
    async with Storm.over(folder, [matrix], every_s=0.6, first=be_eager) as storm:
        passed = await storm.follow(matrix, ["1 slow"])
        await storm.rage([Death(surface="matrix", point=f"{step} {when}", nth=nth) for step, when, nth in DEATHS])
        assert storm.missed == []
        verdict = (await storm.calm())["matrix"]
    assert passed >= {"note_preview before", "note_preview inside", "note_preview after"}
    assert verdict.examples == []
    for (_, conversation), texts in storm.said.items():
        greeting, *said = await matrix.heard(conversation)
        assert heard([greeting]) == []
        assert Counter(line for one in said for line in heard([one])) == Counter(wanted(texts))
        assert len(said) == len(texts), said  # a preview that stayed would be a message too many
