"""What the page shows, as named notes: each page gets all of them once, and then those that change."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MESSAGES = 120
"""How many messages of one conversation are kept."""

Note = dict[str, Any]


class Reader:
    """One open page."""

    def __init__(self, notes: dict[str, Note]) -> None:
        self._waiting: dict[str, Note | None] = dict(notes)
        self._bell = asyncio.Event()
        self._bell.set()

    def tell(self, name: str, note: Note | None) -> None:
        """Let the page know; of several changes of one note, only the newest waits."""
        self._waiting[name] = note
        self._bell.set()

    async def changes(self) -> list[tuple[str, Note | None]]:
        """What the page does not know yet, as soon as there is anything; None: the note is gone."""
        await self._bell.wait()
        self._bell.clear()
        changes, self._waiting = [*self._waiting.items()], {}
        return changes


class Board:
    """All notes, in the order in which they were first written."""

    def __init__(self) -> None:
        self._notes: dict[str, Note] = {}
        self._readers: set[Reader] = set()
        self._gone: set[str] = set()
        self.read = asyncio.Event()
        """Set while a page is open."""

    def put(self, name: str, note: Note) -> None:
        """Write a note, or what it says now."""
        if self._notes.get(name) != note:
            self._notes[name] = note
            self._tell(name, note)

    def get(self, name: str) -> Note:
        """What a note says; nothing where there is none."""
        return self._notes.get(name, {})

    def drop(self, name: str) -> None:
        """Take a note away."""
        if self._notes.pop(name, None) is not None:
            self._tell(name, None)

    def put_message(self, column: str, identity: str, note: Note) -> None:
        """Write a message of the conversation in *column*; the oldest go for good where there are too many."""
        prefix = f"message/{column}/"
        if prefix + identity not in self._gone:
            self.put(prefix + identity, note)
        surplus = [name for name in self._notes if name.startswith(prefix)][:-MESSAGES]
        self._gone.update(surplus)
        for name in surplus:
            self.drop(name)

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """A page, for as long as it is open."""
        reader = Reader(self._notes)
        self._readers.add(reader)
        self.read.set()
        try:
            yield reader
        finally:
            self._readers.discard(reader)
            if not self._readers:
                self.read.clear()

    def _tell(self, name: str, note: Note | None) -> None:
        for reader in self._readers:
            reader.tell(name, note)
