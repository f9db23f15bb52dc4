"""The host's side of the plugin contract, in memory: what a surface's own tests run against.

They keep the promises of the real ones (``tests/host/test_fakes.py`` runs one suite over both) and remember all.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from surfacehost import Event, Message, Reply, Surface


class FakeMemory:
    """Notes of one surface, gone with the object."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    async def get(self, key: str) -> Any:  # noqa: ANN401 - JSON
        """The value of *key*, None where there is none."""
        return self.values.get(key)

    async def items(self, prefix: str = "") -> dict[str, Any]:
        """Every note whose key starts with *prefix*."""
        return {key: value for key, value in self.values.items() if key.startswith(prefix)}

    async def set(self, values: Mapping[str, Any]) -> None:
        """Write all of *values*; None deletes."""
        for key, value in values.items():
            if value is None:
                self.values.pop(key, None)
            else:
                self.values[key] = value


class FakePut:
    """An inbox: keeps the events it is given once each, and calls *heard* with every new one."""

    def __init__(self, memory: FakeMemory, cursor: str | None = None) -> None:
        self.memory = memory
        self.cursor = cursor
        self.events: dict[str, Event] = {}
        self.moved: dict[str, str] = {}
        self.unread: dict[str, str] = {}
        self.calls = 0
        self.broken: Exception | None = None
        """Raised in place of storing, while set: a full disk."""
        self.heard: Callable[[Event], None] = lambda _event: None

    async def __call__(
        self,
        *events: Event,
        cursor: str | None = None,
        notes: Mapping[str, Any] | None = None,
        moved: Mapping[str, str] | None = None,
        unread: Mapping[str, str] | None = None,
    ) -> None:
        """Store, as the real one does: everything or nothing."""
        if self.broken is not None:
            raise self.broken
        self.calls += 1
        fresh = [event for event in events if event.id not in self.events]
        self.events.update({event.id: event for event in fresh})
        self.moved |= moved or {}
        self.unread |= unread or {}
        await self.memory.set(notes or {})
        self.cursor = cursor if cursor is not None else self.cursor
        for event in fresh:
            self.heard(event)


class FakeClient:
    """A client whose agent says what *says* returns; what was yielded and taken is in ``sent``."""

    def __init__(
        self,
        surface: Surface,
        says: Callable[[Message], str] = lambda message: f"echo: {message.text}",
        memory: FakeMemory | None = None,
    ) -> None:
        """*memory* is that of the surface, if its notes matter."""
        self.surface = surface
        self.says = says
        self.memory = memory or FakeMemory()
        self.sent: list[Reply] = []
        self.notes: dict[str, Any] = {}

    async def answer(self, message: Message) -> AsyncIterator[Reply]:
        """What *says* makes of *message*, in parts."""
        async for reply in self._parts(message, "answer", self.says(message)):
            yield reply

    async def explain(self, error: Exception, event: Event) -> AsyncIterator[Reply]:
        """A sentence."""
        async for reply in self._parts(event, "notice", f"sorry: {type(error).__name__}"):
            yield reply

    async def greet(self, event: Event) -> AsyncIterator[Reply]:
        """A first word."""
        async for reply in self._parts(event, "notice", "hello"):
            yield reply

    async def say(self, event: Event, words: Mapping[str, str]) -> AsyncIterator[Reply]:
        """*words* in English."""
        async for reply in self._parts(event, "notice", words["en"]):
            yield reply

    async def note(self, reply: Reply, value: Any, *, notes: Mapping[str, Any] | None = None) -> None:  # noqa: ANN401
        """Keep *value* with *reply*, for its next attempt, and the surface's own *notes* in ``memory``."""
        self.notes[reply.id] = value
        await self.memory.set(notes or {})

    def admits(self, event: Event) -> bool:  # noqa: ARG002 - everyone is welcome
        """Everyone."""
        return True

    async def _parts(self, event: Event, kind: Any, text: str) -> AsyncIterator[Reply]:  # noqa: ANN401 - a literal
        for number, body in enumerate(self.surface.compose(text)):
            key = f"{event.id}/{number}"
            reply = Reply(id=key, event=event, kind=kind, body=body, note=self.notes.get(key))
            yield reply
            self.sent.append(reply)
