"""A surface that somebody else has written is stormed like the built-in ones: this class is all it takes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.host.scrapbook import installed

from surfacehost_devkit.chaos import Storm, at_any_moment, at_every_point
from surfacehost_devkit.chaos.storm import Death

pytestmark = pytest.mark.timeout(400)  # many lives


class LogbookSide:
    """The example surface, whose platform is two files."""

    name = "logbook"
    conversations: Sequence[str] = ("ann", "bob")
    part_chars = 1_000
    steps: Mapping[str, str] = {}
    rare: Mapping[str, str] = {}
    beside: frozenset[str] = frozenset()

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        folder.mkdir()
        (folder / "said.jsonl").touch()

    def table(self) -> str:
        return f'[surfaces.logbook]\nfolder = "{self._folder}"\n'

    async def meet(self) -> None:
        """Nobody has to."""

    async def say(self, conversation: str, text: str) -> None:
        self._count += 1
        with (self._folder / "said.jsonl").open("a") as file:
            file.write(json.dumps({"id": str(self._count), "who": conversation, "text": text}) + "\n")

    async def heard(self, conversation: str) -> list[str]:
        answers = self._folder / "answers.jsonl"
        lines = [json.loads(line) for line in answers.read_text().splitlines()] if answers.exists() else []
        said = [json.loads(line) for line in (self._folder / "said.jsonl").read_text().splitlines()]
        by = {line["id"]: line["who"] for line in said}
        return [text for line in lines if by[line["to"]] == conversation for text in self._read(line)]

    def _read(self, line: Mapping[str, Any]) -> list[str]:
        return [line["text"]]


class ScrapbookSide(LogbookSide):
    """One whose platform shows the files of an answer together."""

    name = "scrapbook"

    def table(self) -> str:
        return f'[surfaces.scrapbook]\nfolder = "{self._folder}"\n'

    def _read(self, line: Mapping[str, Any]) -> list[str]:
        return [line["text"] or "", *(content for _, content in line["files"])]


async def test_killed_at_every_step_and_at_any_moment(tmp_path: Path) -> None:
    side = LogbookSide(tmp_path / "book")
    async with Storm.over(tmp_path / "host", [side], every_s=0.3) as storm:
        await storm.rage([*at_every_point(side, 1), *at_any_moment(5, longest_s=1)])
        assert storm.missed == []
        verdict = (await storm.calm())["logbook"]
    assert verdict.examples == []
    assert verdict.asked > 10


async def test_killed_while_files_of_an_answer_are_shown_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in installed(tmp_path).items():
        monkeypatch.setenv(name, value)
    side = ScrapbookSide(tmp_path / "book")
    async with Storm.over(tmp_path / "host", [side], every_s=0.2, albums=True) as storm:
        where = [("answer inside", 2), ("answered", 2), ("send_next after", 3), *(("sent", nth) for nth in (2, 3, 4))]
        await storm.rage([*(Death(surface=side.name, point=at, nth=nth) for at, nth in where), *at_any_moment(2, 1)])
        assert storm.missed == []
        verdict = (await storm.calm())["scrapbook"]
    assert verdict.examples == []
    assert any(text.endswith("album") for texts in storm.said.values() for text in texts)
