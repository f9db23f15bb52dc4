"""What is said in a thread unasked: kept until a client confirms it, said again to whoever connects before that."""

import asyncio
from collections.abc import AsyncIterator

KEPT = 100
"""How many messages of a thread wait for a client; of more the oldest is forgotten."""


class Unasked:
    """The messages of one thread that nobody asked for."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}
        self._news = asyncio.Event()

    def say(self, message_id: str, text: str) -> None:
        """Say *text* to whoever is connected, or will be."""
        self._kept[message_id] = text
        if len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        self._news.set()
        self._news = asyncio.Event()

    def received(self, message_id: str) -> None:
        """A client has it safe: it is not said again."""
        self._kept.pop(message_id, None)

    async def follow(self) -> AsyncIterator[tuple[str, str]]:
        """Every message that is kept, id and text, and those to come, each once."""
        told: set[str] = set()
        while True:
            news = self._news
            for message_id in [one for one in self._kept if one not in told]:
                told.add(message_id)
                if (text := self._kept.get(message_id)) is not None:
                    yield message_id, text
            await news.wait()
