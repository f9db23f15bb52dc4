"""What people say about a run while it is on, in an order that only luck would make of the real process."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from surfacehost import Edit, Message
from surfacehost.behaviour import Behaviour
from surfacehost.errors import Kind, NotReady, PlatformError
from surfacehost.previews import Growth
from surfacehost.runs import Runs
from surfacehost.store.inbox import Entry
from surfacehost.visits import Visit

PERSON: dict[str, Any] = {"surface": "toy", "chat": "c", "sender": "ann", "direct": True}


class Talk:
    """An agent's side that says nothing, and stops when it is told to and may."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        """What was said, and how often it had been changed."""
        self.news = asyncio.Event()
        self.may_stop = asyncio.Event()

    async def ask(self, entry: Entry, message: Message, _parts: object, growth: Growth) -> None:
        self.asked.append((message.text, entry.revised))
        growth.begin()
        self.news.set()
        await self.may_stop.wait()
        self.may_stop.clear()
        raise PlatformError(Kind.CANCELLED, "stopped")

    async def abort(self, _entry: Entry) -> bool:
        return bool(self.asked)


class Office:
    """One message, on its way to the agent."""

    def __init__(self) -> None:
        self.talk = Talk()
        self.bring = self._at_once
        self.message = Message(id="1", text="old", **PERSON)
        entry = Entry(
            id=1, lane="l", fence=1, event=self.message, home="l", state="waiting", attempts=0, failed_at=None
        )
        self.visit = Visit(entry)
        surface = SimpleNamespace(capabilities=SimpleNamespace(previews=None, previews_in_groups=None))
        whole: Any = {
            "conversation": self.talk,
            "files": SimpleNamespace(bring=lambda *_: self.bring()),
            "tenants": {"toy": SimpleNamespace(surface=surface, behaviour=Behaviour())},
            "ways": SimpleNamespace(mark=lambda *_: None),
        }
        self.runs = Runs(replies=None, locale="en", visits={("toy", "1"): self.visit}, **whole)  # type: ignore[arg-type]

    async def ask(self) -> None:
        async for _ in self.runs.ask(self.visit, self.message, None):
            pass

    async def edit(self, text: str) -> None:
        await self.runs.change(Edit(id=text, of="1", text=text, **PERSON))

    async def _at_once(self) -> Any:
        return [], ""


async def test_a_run_that_was_to_begin_anew_is_stopped_for_good() -> None:
    office = Office()
    asking = asyncio.create_task(office.ask())
    await office.talk.news.wait()
    await office.edit("new")
    assert await office.runs.stop(office.message)
    office.talk.may_stop.set()
    with pytest.raises(PlatformError, match="stopped"):
        await asyncio.wait_for(asking, 5)
    assert office.talk.asked == [("old", 0)]


async def test_a_run_begins_anew_with_the_last_of_several_changes_under_the_name_it_has_after_a_crash() -> None:
    office = Office()
    asking = asyncio.create_task(office.ask())
    await office.talk.news.wait()
    office.talk.news.clear()
    for text in ("other", "new"):
        await office.edit(text)
    office.talk.may_stop.set()
    await office.talk.news.wait()
    office.talk.may_stop.set()
    with pytest.raises(PlatformError, match="stopped"):
        await asyncio.wait_for(asking, 5)
    assert office.talk.asked == [("old", 0), ("new", 2)]


async def test_what_is_stopped_just_as_its_files_are_there_or_can_not_be_had_is_not_asked() -> None:
    for failure in (None, NotReady("the file server is away")):
        office = Office()

        async def bring(office: Office = office, failure: Exception | None = failure) -> Any:
            assert await office.runs.stop(office.message)
            if failure is not None:
                raise failure
            return [], ""

        office.bring = bring
        with pytest.raises(PlatformError, match="stopped before the agent was asked"):
            await asyncio.wait_for(office.ask(), 5)
        assert office.talk.asked == []
