"""A host with the logbook surface: the real process, and a platform that is two files."""

import json
from pathlib import Path
from typing import Any

from surfacehost_devkit.hostprocess import HostProcess, wait_until

OPEN = '[defaults]\ndm_policy = "open"\nrate_per_minute = 0\nloop_limit = 0\nbusy = "queue"\n'
"""Everybody may talk, as much as they like, and each message has an answer of its own."""


class Book:
    """The two files, and the host that reads them; *more* is for that."""

    def __init__(
        self, folder: Path, settings: str = OPEN, *, name: str = "logbook", plugin: str = "logbook", **more: Any
    ) -> None:
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        self.name = name
        self.table = f'[surfaces.{name}]\nplugin = "{plugin}"\nfolder = "{self.folder}"\n'
        self.host = HostProcess(folder / "host", settings + self.table, **more)
        self._count = 0

    def say(self, text: str, who: str = "ann", **fields: Any) -> str:
        """*who* says *text*; the event's id."""
        self._count += 1
        line = {"id": f"{self.name}-{self._count}", "who": who, "text": text} | fields
        with (self.folder / "said.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        return str(line["id"])

    def answers(self, to: str | None = None) -> list[dict[str, Any]]:
        """What has been answered, all or to one event."""
        path = self.folder / "answers.jsonl"
        found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [one for one in found if to in (None, one["to"])]

    def hear(self, to: str, timeout_s: float = 20.0) -> str:
        """The text of the first answer to *to*, once it is there."""
        wait_until(lambda: self.answers(to), timeout_s, self.host.log_tail)
        return str(self.answers(to)[0]["text"])

    def ask(self, text: str, who: str = "ann", **fields: Any) -> str:
        """Say and hear."""
        return self.hear(self.say(text, who, **fields))
