"""A surface made of two files: the smallest that keeps every promise, to read before writing one's own.

``said.jsonl`` holds one JSON object a line, ``{"id": …, "who": …, "text": …}``, and ``answers.jsonl`` gets one for each
reply. The file is the platform: it keeps what was said, the position in it is the cursor, and the id of a reply makes a
repeated send harmless. Files that people name (``"files": ["cat.png"]``) lie beside it, and so do those that they get.
"""

import asyncio
import json
import mimetypes
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from surfacehost import (
    CONTRACT,
    Attachment,
    Capabilities,
    Event,
    Home,
    Message,
    NotReady,
    PlatformClient,
    Put,
    Reply,
    SurfaceSettings,
    TooLarge,
    Undeliverable,
    hookimpl,
)

LOOK_EVERY_S = 0.05
"""Files tell nobody when they grow, so the surface looks."""


class LogbookSettings(SurfaceSettings):
    """``[surfaces.logbook]``."""

    folder: Path
    """Where the two files are."""


class Logbook:
    """One pair of files."""

    contract = CONTRACT
    Settings = LogbookSettings
    capabilities = Capabilities(stale_after_s=30, files=True)

    def __init__(self, home: Home, settings: LogbookSettings) -> None:
        self._name = home.name
        self._folder = settings.folder
        self._said = settings.folder / "said.jsonl"
        self._answers = settings.folder / "answers.jsonl"

    async def listen(self, put: Put) -> None:
        """Put every whole line behind the cursor; the position after it is the next cursor."""
        position = int(put.cursor or 0)
        while True:
            lines, position = await asyncio.to_thread(self._read, position)
            await put(*map(self._parse, lines), cursor=str(position) if lines else None)
            await asyncio.sleep(LOOK_EVERY_S)

    def compose(self, text: str) -> Sequence[Any]:
        """A line has no limit: one part."""
        return [text]

    def mounts(self) -> Mapping[str, ASGIApp]:
        """Nothing: files need no web server."""
        return {}

    async def fetch(self, attachment: Attachment, event: Event, into: Path, *, at_most: int) -> None:  # noqa: ARG002
        """Copy a file that lies beside the book."""
        try:
            await asyncio.to_thread(self._copy, self._folder / attachment.source["file"], into, at_most)
        except FileNotFoundError as error:
            raise Undeliverable(f"{attachment.name} is gone") from error

    @hookimpl
    async def on_message(self, message: Message, client: PlatformClient) -> None:
        """Write the answer down."""
        async for reply in client.answer(message):
            await asyncio.to_thread(self._write, reply)

    @hookimpl
    async def on_error(self, error: Exception, event: Event, client: PlatformClient) -> None:
        """Write down why there is none."""
        async for reply in client.explain(error, event):
            await asyncio.to_thread(self._write, reply)

    def _read(self, position: int) -> tuple[list[bytes], int]:
        try:
            with self._said.open("rb") as file:
                file.seek(position)
                whole = [line for line in file if line.endswith(b"\n")]
        except OSError as error:
            raise NotReady(f"{self._said} can't be read: {error}") from error
        return whole, position + sum(map(len, whole))

    def _parse(self, line: bytes) -> Message:
        said = json.loads(line)
        return Message(
            surface=self._name, id=said["id"], chat=said.get("chat", said["who"]), sender=said["who"],
            direct=not said.get("group", False), addressed=said.get("addressed", True), text=said["text"],
            locale=said.get("locale", ""), quote=said.get("quote", ""),
            attachments=tuple(map(_attachment, said.get("files", []))),
        )  # fmt: skip

    def _write(self, reply: Reply) -> None:
        """Append the reply, unless it is already there: a crash may have come between writing and hearing of it."""
        if reply.repeated and self._answers.exists():
            ids = {json.loads(line)["id"] for line in self._answers.read_text().splitlines()}
            if reply.id in ids:
                return
        answer = {"id": reply.id, "to": reply.event.id, "kind": reply.kind, "text": reply.body}
        if reply.file is not None:
            shutil.copyfile(reply.file.path, self._folder / f"got {reply.file.name}")
            answer["file"] = {"name": reply.file.name, "type": reply.file.mime_type, "size": reply.file.size}
        with self._answers.open("a") as file:
            file.write(json.dumps(answer, ensure_ascii=False) + "\n")

    def _copy(self, source: Path, into: Path, at_most: int) -> None:
        if source.stat().st_size > at_most:
            raise TooLarge
        shutil.copyfile(source, into)


def _attachment(name: str) -> Attachment:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Attachment(
        name=name, mime_type=kind, kind="image" if kind.startswith("image/") else "file", source={"file": name}
    )
