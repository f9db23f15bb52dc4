"""The chat page, as the host sees it."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any, ClassVar

from starlette.types import ASGIApp

from surfacehost import (
    CONTRACT,
    Capabilities,
    Event,
    Home,
    Message,
    PlatformClient,
    Put,
    Reply,
    SurfaceSettings,
    hookimpl,
)
from surfacehost_web.desk import Desk
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
    capabilities: ClassVar[Capabilities] = Capabilities(previews=True, preview_interval_s=0.05)

    def __init__(self, home: Home, settings: WebSettings) -> None:
        self._settings = settings
        self._door = Door(home.name, settings.path, home.public_url)
        self._history = History(home.memory, settings.keep_messages)
        self._tabs = Tabs()
        self._desk = Desk(home.name, settings.title, self._history, self._tabs)

    def mounts(self) -> Mapping[str, ASGIApp]:
        """The page and its socket."""
        return {self._settings.path: site(self._door, self._tabs, self._desk, self._settings)}

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

    @hookimpl
    async def on_message(self, message: Message, client: PlatformClient) -> None:
        """Someone wrote: show that the answer is on its way, how it grows, and what it came to."""
        is_silent = message.native.get("silent")  # a press of the stop button; what it stops is shown as it is
        working = self._tabs.working(message.sender, message.chat, message.native["id"])
        with nullcontext() if is_silent else working:
            async for reply in client.answer(message):
                await self._show(reply)

    @hookimpl
    async def on_error(self, error: Exception, event: Event, client: PlatformClient) -> None:
        """Something went wrong: say so in the conversation."""
        async for reply in client.explain(error, event):
            await self._show(reply)

    async def _show(self, reply: Reply) -> None:
        """Write a reply into the history, under its own id, then on the open pages; a preview only there."""
        person, chat, to = reply.event.sender, reply.event.chat, reply.event.native["id"]
        if reply.kind == "preview":
            self._tabs.grow(person, chat, to, reply.body)
            return
        line = Line(id=reply.id, who="agent", text=reply.body["text"], kind=reply.kind, to=to)
        number = await self._history.answer(person, chat, line)
        if number is not None:  # else the person has erased the conversation, and nobody waits for this any more
            [page] = await shown_page([(number, line)])
            self._tabs.finish(person, chat, to, page)
