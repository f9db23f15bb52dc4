"""Open pages: what each is still to be told, bounded, so that one that does not listen costs little."""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

MAX_WAITING_CHARS = 2_000_000
"""What may wait for one page before something more is said to it; beyond it, the page has to begin anew."""
MAX_TABS = 2_000
"""How many pages may be open at once."""

Send = Callable[[str], Awaitable[None]]


class TooSlow(Exception):
    """The page does not take what it is sent: it is let go, and finds everything in the history when it returns."""


class Tab:
    """One open page of a person."""

    def __init__(self, person: str) -> None:
        self.person = person
        self.chat = ""
        """The conversation it shows: of others it is not told how an answer grows."""
        self._frames: deque[str] = deque()
        self._size = 0
        self._is_lost = False
        self._growing: dict[str, str] = {}
        self._shown: dict[str, str] = {}
        self._bell = asyncio.Event()

    def tell(self, type_: str, **values: object) -> None:
        """Send the page a frame, after what already waits."""
        if self._size <= MAX_WAITING_CHARS:
            frame = _frame({"type": type_, **values})
            self._frames.append(frame)
            self._size += len(frame)
        else:
            self._is_lost = True
        self._bell.set()

    def preview(self, to: str, text: str) -> None:
        """Show the answer to *to* as it is so far; only the newest waits."""
        self._growing[to] = text
        self._bell.set()

    def start_from(self, live: Mapping[str, str]) -> None:
        """The page has just been told of the growing answers *live* in full."""
        self._growing, self._shown = {}, dict(live)

    def end_preview(self, to: str) -> None:
        """The answer to *to* is there, or will not come."""
        self._growing.pop(to, None)
        self._shown.pop(to, None)

    async def write(self, send: Send) -> NoReturn:
        """Send what there is to tell for as long as the page is open. Raises TooSlow."""
        while True:
            await self._bell.wait()
            self._bell.clear()
            while self._frames:
                frame = self._frames.popleft()
                await send(frame)
                self._size -= len(frame)
            if self._is_lost:
                raise TooSlow
            for to in list(self._growing):
                if (text := self._growing.pop(to, None)) is not None:
                    await send(self._growth(to, text))

    def _growth(self, to: str, text: str) -> str:
        """The frame that makes the page show *text*: what is new at its end, or all of it."""
        shown = self._shown.get(to)
        self._shown[to] = text
        grown = {"text": text} if shown is None or not text.startswith(shown) else {"add": text[len(shown) :]}
        return _frame({"type": "preview", "chat": self.chat, "to": to, **grown})


class Tabs:
    """All open pages of one surface instance, and the answers that grow before their eyes."""

    def __init__(self) -> None:
        self._tabs: dict[str, set[Tab]] = {}
        self._count = 0
        self._live: dict[tuple[str, str], dict[str, str]] = {}

    @property
    def is_full(self) -> bool:
        """Whether no further page may be opened."""
        return self._count >= MAX_TABS

    @contextmanager
    def opened(self, person: str) -> Iterator[Tab]:
        """A page that *person* has open for as long as this lasts."""
        tab = Tab(person)
        self._tabs.setdefault(person, set()).add(tab)
        self._count += 1
        try:
            yield tab
        finally:
            self._count -= 1
            self._tabs[person].discard(tab)
            if not self._tabs[person]:
                del self._tabs[person]

    def tell(self, person: str, type_: str, **values: Any) -> None:  # noqa: ANN401 - JSON
        """Send every page of *person* a frame."""
        for tab in self._of(person):
            tab.tell(type_, **values)

    def tell_all(self, type_: str, **values: Any) -> None:  # noqa: ANN401 - JSON
        """Send every page a frame."""
        for person in [*self._tabs]:
            self.tell(person, type_, **values)

    @contextmanager
    def working(self, person: str, chat: str, to: str) -> Iterator[None]:
        """While this lasts an answer to the message *to* is being made, and the person's pages say so."""
        live = self._live.setdefault((person, chat), {})
        live[to] = ""
        self.tell(person, "typing", chat=chat, to=to, on=True)
        try:
            yield
        finally:
            live.pop(to, None)
            if not live:
                self._live.pop((person, chat), None)
            for tab in self._of(person):
                tab.end_preview(to)
            self.tell(person, "typing", chat=chat, to=to, on=False)

    def grow(self, person: str, chat: str, to: str, text: str) -> None:
        """The answer to *to* is *text* so far."""
        if to in (live := self._live.get((person, chat), {})):
            live[to] = text
        for tab in self._of(person):
            if tab.chat == chat:
                tab.preview(to, text)

    def finish(self, person: str, chat: str, to: str, line: Mapping[str, Any]) -> None:
        """The answer to *to* is *line*, whatever had grown before."""
        if to in (live := self._live.get((person, chat), {})):
            live[to] = ""
        for tab in self._of(person):
            tab.end_preview(to)
            tab.tell("final", chat=chat, **line)

    def live(self, person: str, chat: str) -> Mapping[str, str]:
        """The answers that are being made, each as it is so far, by the message they answer."""
        return self._live.get((person, chat), {})

    def _of(self, person: str) -> list[Tab]:
        return [*self._tabs.get(person, ())]


def _frame(values: Mapping[str, object]) -> str:
    """*values* as a frame; half a character in an answer would otherwise end the socket of whoever is shown it."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
