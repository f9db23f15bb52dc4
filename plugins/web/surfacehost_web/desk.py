"""What the pages say: taken, stored, and only then acknowledged."""

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from surfacehost import Attachment, Message, NotReady, Put
from surfacehost_web.drawer import Drawers, Filed
from surfacehost_web.frames import BadFrame, Chats, Forget, Frame, Open, Say, Stop
from surfacehost_web.history import History, Line
from surfacehost_web.lines import shown, shown_page
from surfacehost_web.tabs import Tab, Tabs


class Desk:
    """Does what the pages of one surface instance ask for."""

    def __init__(self, surface: str, title: str, history: History, tabs: Tabs, drawers: Drawers) -> None:
        self._surface = surface
        self._title = title
        self._history = history
        self._tabs = tabs
        self._drawers = drawers
        self._put: Put | None = None

    def open(self, put: Put) -> None:
        """From now on what people say can be stored."""
        self._put = put
        self._tabs.tell_all("state", ready=True)

    def close(self) -> None:
        """From now on it can't: the pages keep it."""
        self._put = None
        self._tabs.tell_all("state", ready=False)

    async def greet(self, tab: Tab) -> None:
        """Tell a page that has just come what it has to know. Raises NotReady."""
        tab.tell("state", ready=self._put is not None, title=self._title)
        await self._list(tab)

    async def take(self, tab: Tab, frame: Frame) -> None:
        """Do what the page asks. Raises NotReady when it can't be done now, BadFrame when it never can."""
        match frame:
            case Say():
                await self._say(tab.person, frame)
            case Stop():
                await self._store(self._message(tab.person, frame, "/stop"))
            case Open():
                await self._show(tab, frame)
            case Chats():
                await self._list(tab)
            case Forget():
                self._drawers.drop(tab.person, await self._history.forget(tab.person, frame.chat))
                self._tabs.tell(tab.person, "forgotten", chat=frame.chat)

    async def _say(self, person: str, said: Say) -> None:
        """Store the message together with its line in the history; then say so to every page of the person."""
        files = [self._file(person, file_id) for file_id in said.files]
        text = "" if said.choice else said.text
        message = replace(
            self._message(person, said, text, said.locale),
            attachments=tuple(map(_attachment, files)), choice=said.choice,
        )  # fmt: skip

        async def store(notes: Mapping[str, Any]) -> None:
            await self._store(message, notes)

        line = Line(id=said.id, who="person", text=said.text, files=[asdict(file) for file in files])
        number, title = await self._history.say(person, said.chat, line, store)
        self._tabs.tell(person, "said", chat=said.chat, title=title, **shown(number, line))

    async def _show(self, tab: Tab, wanted: Open) -> None:
        """Give the page a piece of the history; with the end of it what is growing there."""
        if wanted.before is None:
            tab.chat = wanted.chat
            tab.start_from({})
        async with self._history.reading(tab.person, wanted.chat, wanted.before) as (lines, more):
            page = await shown_page(lines)
            live = self._tabs.live(tab.person, wanted.chat)
            tab.tell("history", chat=wanted.chat, before=wanted.before, lines=page, more=more, live=live)
            if wanted.before is None:
                tab.start_from(live)

    async def _list(self, tab: Tab) -> None:
        tab.tell("chats", chats=await self._history.chats(tab.person))

    def _file(self, person: str, file_id: str) -> Filed:
        if (found := self._drawers.find(person, file_id)) is None:
            raise BadFrame(f"there is no file {file_id[:40]}")
        return found

    def _message(self, person: str, said: Say | Stop, text: str, locale: str = "") -> Message:
        """The event of a page's frame; its id is this person's alone, so that nobody can take another's."""
        return Message(
            surface=self._surface,
            id=f"{person}/{said.chat}/{said.id}",
            chat=said.chat,
            sender=person,
            direct=True,
            text=text,
            locale=locale,
            at=time.time(),
            native={"id": said.id, "silent": isinstance(said, Stop)},
        )

    async def _store(self, message: Message, notes: Mapping[str, Any] | None = None) -> None:
        if self._put is None:
            raise NotReady("the page is not being listened to yet")
        await self._put(message, notes=notes)


def _attachment(file: Filed) -> Attachment:
    sort = file.type.partition("/")[0]
    kind: Any = sort if sort in ("image", "audio", "video") else "file"
    return Attachment(name=file.name, mime_type=file.type, size=file.size, kind=kind, source={"file": file.id})
