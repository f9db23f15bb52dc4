"""A small host around a Matrix surface, and what tests need to have one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from surfacehost import Event, Home, Invite, Message, NotReady, Reply
from surfacehost_devkit.fakes import FakeClient, FakeMemory, FakePut
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.matrixperson import MatrixPerson, RoomEvent
from surfacehost_matrix import MatrixSettings, MatrixSurface

PASSWORD = "correct-horse"


class SlowClient(FakeClient):
    """A client whose agent may be made to think."""

    thought: asyncio.Event | None = None

    async def answer(self, message: Message) -> AsyncIterator[Reply]:
        if self.thought is not None:
            await self.thought.wait()
        async for reply in super().answer(message):
            yield reply


class TellingPut(FakePut):
    """An inbox that tells when it was called."""

    def __init__(self, memory: FakeMemory, cursor: str | None = None) -> None:
        super().__init__(memory, cursor)
        self.called: Callable[[], Coroutine[Any, Any, None]] | None = None

    async def __call__(self, *events: Event, **more: Any) -> None:
        await super().__call__(*events, **more)
        if self.called is not None:
            await self.called()


class SmallHost:
    """Runs one surface as the host does: listens, waits out NotReady, delivers each event until it is settled.

    ``memory`` and ``put`` outlive it: a second one made with them is the same surface after a restart.
    """

    def __init__(
        self, settings: MatrixSettings, data_dir: Path, before: "SmallHost | None" = None, *, restored_at: float = 0.0
    ) -> None:
        self.memory: FakeMemory = before.memory if before else FakeMemory()
        home = Home(name="matrix", data_dir=data_dir, memory=self.memory, restored_at=restored_at)
        self.surface = MatrixSurface(home, settings)
        self.put: TellingPut = before.put if before else TellingPut(self.memory)
        self.put.called = self._tell
        self.put.heard = self._deliver
        self.client = SlowClient(self.surface)
        self.down: list[Exception] = []
        """Why ``listen`` ended, each time."""
        self.failed: list[Exception] = []
        """What hooks raised."""
        self.settled: list[str] = list(before.settled) if before else []
        """Ids of the events whose hook returned."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._lanes: dict[str, asyncio.Lock] = {}
        self._changed = asyncio.Condition()
        self._unsettled = [event for event in self.put.events.values() if event.id not in self.settled]

    async def __aenter__(self) -> Self:
        self._start(self._listen())
        for event in self._unsettled:
            self._deliver(event)
        return self

    async def __aexit__(self, *_: object) -> None:
        """As abrupt as a kill for whatever runs: cancelled wherever it is."""
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    @property
    def messages(self) -> list[Message]:
        return [event for event in self.put.events.values() if isinstance(event, Message)]

    @property
    def invites(self) -> list[Invite]:
        return [event for event in self.put.events.values() if isinstance(event, Invite)]

    async def until(self, predicate: Callable[[], object], timeout_s: float = 40) -> None:
        """Wait until the predicate is true; it is asked again after each sync, failure and settling."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(predicate)

    async def online(self) -> None:
        async with asyncio.timeout(20):
            await self.surface._online.wait()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)

    async def _listen(self) -> None:
        while True:
            try:
                await self.surface.listen(self.put)
            except Exception as error:  # noqa: BLE001 - kept for the test to judge
                self.down.append(error)
                await self._tell()
                if not isinstance(error, NotReady):
                    return
                await asyncio.sleep(min(error.retry_after or 0.1, 2))  # the host's back-off

    def _deliver(self, event: Event) -> None:
        self._start(self._settle(event))

    async def _settle(self, event: Event) -> None:
        await self._tell()
        async with self._lanes.setdefault(str(event.key), asyncio.Lock()):
            while event.id not in self.settled:
                try:
                    await self._hook(event)
                    self.settled.append(event.id)
                except NotReady as error:
                    self.failed.append(error)
                    await self._tell()
                    await asyncio.sleep(min(error.retry_after or 0.1, 2))  # the host's back-off
                except Exception as error:  # noqa: BLE001 - kept for the test to judge
                    self.failed.append(error)
                    self.settled.append(event.id)
                    await self._tell()
        await self._tell()

    async def _hook(self, event: Event) -> None:
        if isinstance(event, Invite):
            await self.surface.on_invite(event, self.client)
        elif isinstance(event, Message) and (event.direct or event.addressed):
            await self.surface.on_message(event, self.client)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def settings_of(homeserver: Homeserver, account: Account, /, **more: object) -> MatrixSettings:
    given: dict[str, Any] = {
        "homeserver": homeserver.url,
        "user_id": account.user_id,
        "password": account.password,
        "allow": ["*"],
        "ca_file": homeserver.ca_file,
    }
    return MatrixSettings.model_validate(given | more)


def settings_text(url: str, bot: Account, *, defaults: str = "", more: str = "") -> str:
    """settings.toml of a real host with one account, which comes when it is invited and lets everybody write to it.

    *defaults* are more lines of ``[defaults]``, *more* of the surface's table and behind it.
    """
    return f"""
        [host]
        locale = "en"
        [web]
        listen = "127.0.0.1:0"
        [defaults]
        dm_policy = "open"
        {defaults}
        [surfaces.matrix]
        homeserver = "{url}"
        user_id = "{bot.user_id}"
        password = "{bot.password}"
        invites = "allow"
        {more}
    """


def register(homeserver: Homeserver, name: str) -> Account:
    return homeserver.register(f"{name}-{uuid4().hex[:8]}", PASSWORD)


async def direct_chat(person: MatrixPerson, bot: Account, *, room_version: str | None = None) -> str:
    """A direct chat of a person with the bot, which has come and said hello."""
    room = await person.create_room(direct=True, invite=[bot.user_id], room_version=room_version)
    await person.wait_for(lambda: any(e.sender == bot.user_id and e.body for e in person.seen.events[room]))
    return room


async def answer_to(person: MatrixPerson, room: str, bot: Account, text: str, **more: Any) -> RoomEvent:
    """The bot's first message behind a question, which is sent with *more*."""
    question = await person.send(room, text, **more)
    return (await person.replies(room, after=question, from_=bot.user_id))[0]


async def asked(person: MatrixPerson, room: str, bot: Account, text: str, *, mentions: bool = False) -> str:
    """The words of that."""
    return (await answer_to(person, room, bot, text, mentions=[bot.user_id] if mentions else [])).body
