"""A surface made of files that shows everything: previews, choices, marks. Installed by entry point, as any other."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from surfacehost_logbook import Logbook, LogbookSettings

from surfacehost import (
    Attachment,
    Capabilities,
    Edit,
    Event,
    Home,
    Message,
    Pace,
    PlatformClient,
    Redaction,
    Reply,
    hookimpl,
)

KINDS: dict[str, type[Event]] = {"edit": Edit, "redaction": Redaction}


class SlateSettings(LogbookSettings):
    """``[surfaces.slate]``."""

    lag_s: float = 0
    """How long each write takes."""


class Slate(Logbook):
    """Like the logbook, with all that a chat can have."""

    Settings = SlateSettings
    capabilities = Capabilities(
        previews=Pace(first_chars=20, first_s=0.2, intervals_s=(0.3,), least_chars=1),
        previews_in_groups=Pace(first_chars=10_000, first_s=60),
        choices=True,
    )

    def __init__(self, home: Home, settings: SlateSettings) -> None:
        super().__init__(home, settings)
        self._lag_s = settings.lag_s
        self._marks = settings.folder / "marks.jsonl"

    @hookimpl
    async def on_message(self, message: Message, client: PlatformClient) -> None:
        """Write down whatever is shown, and note where it stands."""
        async for reply in client.answer(message):
            await asyncio.sleep(self._lag_s)
            if reply.kind in ("preview", "prompt"):
                await client.note(reply, {"stands": reply.id})
            await asyncio.to_thread(self._write, reply)

    async def fetch(self, attachment: Attachment, event: Event, into: Path, *, at_most: int) -> None:
        """Like the logbook, once the file is there: a platform that takes its time. Note that it is asked for."""
        file = self._marks.with_name(attachment.source["file"])
        file.with_suffix(".due").touch()
        while not await asyncio.to_thread(file.exists):  # noqa: ASYNC110 - a folder rings no bell
            await asyncio.sleep(0.02)
        await super().fetch(attachment, event, into, at_most=at_most)

    async def react(self, event: Event, mark: str | None) -> None:
        """Write down the mark."""
        with self._marks.open("a") as file:
            file.write(json.dumps({"on": event.id, "mark": mark}, ensure_ascii=False) + "\n")

    def _parse(self, line: bytes) -> Any:
        said = json.loads(line)
        fields: dict[str, Any] = {
            "surface": self._name, "chat": said.get("who"), "sender": said.pop("who"), "direct": True,
        } | said  # fmt: skip
        files = [Attachment(name=name, source={"file": name}) for name in fields.pop("files", [])]
        fields |= {"attachments": tuple(files)} if files else {}
        kind = KINDS.get(fields.pop("kind", ""), Message)
        if kind is Redaction:
            del fields["text"]
        return kind(**fields)

    def _write(self, reply: Reply) -> None:
        path: Path = self._answers
        if reply.repeated and path.exists() and f'"id": {json.dumps(reply.id)},' in path.read_text():
            return
        answer = {
            "id": reply.id, "to": reply.event.id, "chat": reply.event.chat, "kind": reply.kind, "text": reply.body,
            "note": reply.note, "at": time.time(),
            "choices": [{"id": one.id, "label": one.label, "mark": one.mark} for one in reply.choices],
        }  # fmt: skip
        with path.open("a") as file:
            file.write(json.dumps(answer, ensure_ascii=False) + "\n")
