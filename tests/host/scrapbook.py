"""A surface whose platform shows files together, as its author would write it; installed by entry point."""

import json
import os
from pathlib import Path

from surfacehost_logbook import Logbook

from surfacehost import Capabilities, Reply


class Scrapbook(Logbook):
    """Like the logbook, but what one reply brings is stuck in as one page, with what each file says."""

    capabilities = Capabilities(stale_after_s=30, files=True, albums=True)

    def _write(self, reply: Reply) -> None:
        pages = self._answers.read_text().splitlines() if self._answers.exists() else []
        if reply.repeated and reply.id in {json.loads(page)["id"] for page in pages}:
            return
        files = reply.album or ((reply.file,) if reply.file else ())
        page = {
            "id": reply.id, "to": reply.event.id, "kind": reply.kind, "text": reply.body,
            "files": [[file.name, file.path.read_bytes().decode("latin-1")] for file in files],
        }  # fmt: skip
        with self._answers.open("a") as book:
            book.write(json.dumps(page) + "\n")


def installed(folder: Path) -> dict[str, str]:
    """An environment in which a host finds it: what a package manager would have written is below *folder*."""
    info = folder / "installed" / "scrapbook-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: scrapbook\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[surfacehost.surfaces]\nscrapbook = scrapbook:Scrapbook\n")
    paths = (str(info.parent), str(Path(__file__).parent), os.environ.get("PYTHONPATH", ""))
    return {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
