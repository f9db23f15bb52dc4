"""The real host with a surface that shows everything a chat can have."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.host.logbook import Book

from surfacehost_devkit.hostprocess import wait_until

OPEN = '[defaults]\ndm_policy = "open"\ngroup_policy = "open"\nowners = ["boss"]\n'


class Page(Book):
    """The files of a slate, and the host that reads them."""

    def __init__(self, folder: Path, settings: str = OPEN, table: str = "", *, name: str = "slate") -> None:
        super().__init__(folder, settings, name=name, plugin="slate")
        (self.folder / "said.jsonl").touch()
        self.table += table
        info = folder / "installed" / "slate-1.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: slate\nVersion: 1\n")
        (info / "entry_points.txt").write_text("[surfacehost.surfaces]\nslate = slate:Slate\n")
        paths = [str(info.parent), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        self.host._environ |= {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
        self.host.configure(settings + self.table)

    def shown(self, to: str | None = None, *kinds: str) -> list[dict[str, Any]]:
        """What has been shown, of these kinds if any are named."""
        return [one for one in self.answers(to) if not kinds or one["kind"] in kinds]

    def marks(self, on: str) -> list[str | None]:
        """The marks that were put on the message *on*, in order."""
        path = self.folder / "marks.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [one["mark"] for one in map(json.loads, lines) if one["on"] == on]

    def wait_shown(self, to: str, *kinds: str) -> dict[str, Any]:
        """The first of these kinds that is shown to *to*, once it is there."""
        wait_until(lambda: self.shown(to, *kinds), 20, self.host.log_tail)
        return self.shown(to, *kinds)[0]

    def final(self, to: str) -> str:
        """The text of the answer to *to*, once it is whole."""
        return str(self.wait_shown(to, "answer", "notice", "prompt")["text"])

    def tell(self, text: str, who: str = "ann", **fields: Any) -> str:
        """Say something and wait for the whole answer."""
        return self.final(self.say(text, who, **fields))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Page]]:
    """One host with several slates, for tests that leave it as it was; each speaks as somebody else."""
    folder = tmp_path_factory.mktemp("shared")
    tables = {
        "slate": "",
        "plain": 'stream = "off"\n',
        "picky": 'busy = "reject"\n',
        "own": "edit_interval_s = 0.6\nlag_s = 0.5\n",
    }
    made = {name: Page(folder, table=table, name=name) for name, table in tables.items()}
    host = made["slate"].host
    host.configure(OPEN + "".join(page.table for page in made.values()))
    for page in made.values():
        page.host = host
    with host:
        yield made


@pytest.fixture
def shared(pages: dict[str, Page]) -> Page:
    """The slate that is as it comes."""
    return pages["slate"]
