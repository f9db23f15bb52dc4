"""The people of the demo: each on a platform of their own, and each with a column on the page."""

from collections.abc import Coroutine
from typing import Any, Protocol


class Unsayable(Exception):
    """The platform did not take it; the text is for the person."""


class Person(Protocol):
    """Someone who writes to the bot and sees what comes back."""

    async def say(self, text: str, room: str) -> None:
        """Write; *room* is one of those the column offers, empty for the only one. Raises Unsayable."""

    async def tap(self, message: str, data: str) -> None:
        """Tap a button under a message. Raises Unsayable."""

    def follow(self) -> Coroutine[Any, Any, None]:
        """Show what is said and done on the platform on the board, for ever."""
