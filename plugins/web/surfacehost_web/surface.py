"""The chat page, as the host sees it."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

from starlette.types import ASGIApp

from surfacehost import (
    CONTRACT,
    Attachment,
    Capabilities,
    Event,
    Home,
    Message,
    Pace,
    PlatformClient,
    Put,
    Reply,
    SurfaceSettings,
    TooLarge,
    Undeliverable,
    hookimpl,
)
from surfacehost_web.desk import Desk
from surfacehost_web.drawer import Drawers
from surfacehost_web.history import History, Line
from surfacehost_web.lines import shown_page
from surfacehost_web.settings import WebSettings
from surfacehost_web.site import site
from surfacehost_web.tabs import Tabs
from surfacehost_web.visitor import Door


class WebSurface:
    """One chat page. Its platform is the host's own database: what a page is told is stored, is stored."""

    contract: ClassVar[int] = CONTRACT
    Settings: ClassVar[type[SurfaceSettings]] = WebSettings
    capabilities: ClassVar[Capabilities] = Capabilities(previews=Pace(quiet_s=0), files=True, choices=True)

    def __init__(self, home: Home, settings: WebSettings) -> None:
        self._settings = settings
        self._door = Door(home.name, settings.path, home.public_url)
        self._history = History(home.memory, settings.keep_messages)
        self._tabs = Tabs()
        self._drawers = Drawers(home.data_dir / "files", at_most=int(settings.max_upload_mb * 1_000_000))
        self._desk = Desk(home.name, settings.title, self._history, self._tabs, self._drawers)

    def mounts(self) -> Mapping[str, ASGIApp]:
        """The page and its socket."""
        return {self._settings.path: site(self._door, self._tabs, self._desk, self._drawers, self._settings)}

    async def listen(self, put: Put) -> None:
        """Take what the pages say: there is nothing to read, they come to us."""
        await put()
        self._desk.open(put)
        try:
            await asyncio.Event().wait()
        finally:
            self._desk.close()

    def compose(self, text: str) -> Sequence[Any]:
        """A page has no limit: one part."""
        return [{"text": text}]

    async def fetch(self, attachment: Attachment, event: Event, into: Path, *, at_most: int) -> None:
        """Copy what the person has uploaded."""
        filed = self._drawers.find(event.sender, attachment.source["file"])
        if filed is None:
            raise Undeliverable(f"{attachment.name} is not kept any more")
        if filed.size > at_most:
            raise TooLarge
        await asyncio.to_thread(shutil.copyfile, self._drawers.path(event.sender, filed), into)

    @hookimpl
    async def on_message(self, message: Message, client: PlatformClient) -> None:
        """Someone wrote: show that the answer is on its way, how it grows, and what it came to."""
        is_silent = message.native.get("silent")  # a press of the stop button; what it stops is shown as it is
        is_asked = bool(message.sender) and not is_silent
        with self._tabs.working(message.sender, message.chat, _to(message)) if is_asked else nullcontext():
            async for reply in client.answer(message):
                if reply.kind == "prompt":
                    await client.note(reply, {"line": reply.id})
                await self._show(reply)

    @hookimpl
    async def on_error(self, error: Exception, event: Event, client: PlatformClient) -> None:
        """Something went wrong: say so in the conversation."""
        async for reply in client.explain(error, event):
            await self._show(reply)

    async def _show(self, reply: Reply) -> None:
        """Write a reply into the history, under its own id, then on the open pages; a preview only there."""
        chat, to = reply.event.chat, _to(reply.event)
        person = _person(reply.event) or await self._history.person_in(chat)
        if not person:
            raise Undeliverable(f"nobody has the conversation {chat}")
        if reply.kind == "preview" and not to:
            return  # nothing on the page shows that it is being made
        if reply.kind == "preview":
            self._tabs.grow(person, chat, to, reply.body)
            return
        text = reply.body["text"] if reply.body else ""
        if reply.kind == "decided" and reply.note:
            await self._decide(person, chat, reply.note["line"], text)
            return
        files = [asdict(await self._drawers.keep(person, reply.id, reply.file))] if reply.file else []
        choices = [{"id": choice.id, "label": choice.label} for choice in reply.choices]
        line = Line(id=reply.id, who="agent", text=text, kind=reply.kind, to=to, files=files, choices=choices)
        number = await self._history.answer(person, chat, line)
        if number is not None:
            [page] = await shown_page([(number, line)])
            self._tabs.finish(person, chat, to, page)
        elif not reply.event.sender:  # else the person has erased the conversation, and waits for this no more
            raise Undeliverable(f"nobody has the conversation {chat}")

    async def _decide(self, person: str, chat: str, prompt: str, text: str) -> None:
        """Show what a *prompt* came to in its place."""
        if (numbered := await self._history.decide(person, chat, prompt, text)) is not None:
            [page] = await shown_page([numbered])
            self._tabs.tell(person, "final", chat=chat, **page)


def _person(event: Event) -> str:
    """Whose conversation it is; where the host itself has something to say, it tells that."""
    return event.to if isinstance(event, Message) and not event.sender else event.sender


def _to(event: Event) -> str:
    """The page's id of the message that is answered; empty for what the host says unasked."""
    return str(event.native.get("id", ""))
