"""A surface against the Bot API simulator, with as much of a host around it as its tests need."""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.telegram.hurriedhost import Hurried, hurried_host

from surfacehost import Event, File, Home, Invite, Message, NotReady, Refused, Reply, Uncertain, Undeliverable
from surfacehost.events import ReplyKind
from surfacehost_devkit.botapi import Account, Bot, BotApi, Chat, Pace
from surfacehost_devkit.botapi import Message as Sent
from surfacehost_devkit.fakes import FakeClient, FakeMemory, FakePut
from surfacehost_devkit.smalldisk import SmallDisk
from surfacehost_telegram import TelegramSettings, TelegramSurface
from surfacehost_telegram.budget import ChatBudget
from surfacehost_telegram.settings import Technique

ATTEMPTS = 5


class Settings(TelegramSettings):
    """With the host's own setting of how an answer is shown while it grows."""

    stream: Technique = "auto"


class Outbox(FakeClient):
    """A client that says the same at every attempt, leaves out what was taken and marks what was only handed over."""

    def __init__(self, surface: TelegramSurface, memory: FakeMemory) -> None:
        super().__init__(surface, memory=memory)
        self.tried: set[str] = set()
        self.welcome = True
        self.thinking: Callable[[Message], Awaitable[None]] | None = None
        self.growing: Callable[[Message], AsyncIterator[str]] | None = None
        """What the answer is while it grows."""
        self.kind: ReplyKind = "answer"
        self.more: dict[str, Any] = {}
        """Further fields of the replies, the choices of a prompt say."""

    def admits(self, event: Event) -> bool:  # noqa: ARG002 - one answer for all
        return self.welcome

    async def answer(self, message: Message) -> AsyncIterator[Reply]:
        if self.thinking is not None:
            await self.thinking(message)
        if self.growing is not None:
            key = f"{message.id}/{self.kind}/0"
            async for text in self.growing(message):
                yield Reply(id=key, event=message, kind="preview", body=text, note=self.notes.get(key))
        async for reply in self._parts(message, self.kind, self.says(message)):
            yield reply

    async def _parts(self, event: Event, kind: Any, text: str) -> AsyncIterator[Reply]:
        for number, body in enumerate(self.surface.compose(text)):
            key = f"{event.id}/{kind}/{number}"
            if key in {reply.id for reply in self.sent}:
                continue
            reply = Reply(
                id=key,
                event=event,
                kind=kind,
                body=body,
                repeated=key in self.tried,
                note=self.notes.get(key),
                **self.more,
            )
            self.tried.add(key)
            yield reply
            self.sent.append(reply)


class Host:
    """Listens again after NotReady and handles every event, one after another, a few times if need be."""

    def __init__(self, surface: TelegramSurface, memory: FakeMemory, cursor: str | None = None) -> None:
        self.surface = surface
        self.put = FakePut(memory, cursor)
        self.client = Outbox(surface, memory)
        self.waits: list[NotReady] = []
        """Why it had to listen again."""
        self.failures: list[Exception] = []
        """Attempts at an event that failed."""
        self.refused: Refused | None = None
        self.settled: list[str] = []
        self.changed = asyncio.Condition()
        self._queue: asyncio.Queue[Event] = asyncio.Queue()
        self.put.heard = self._queue.put_nowait

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._work())

    async def _listen(self) -> None:
        while True:
            try:
                await self.surface.listen(self.put)
            except NotReady as error:
                self.waits.append(error)
                await self._tell()
                await asyncio.sleep(0.02)  # the host's back-off, shortened
            except Refused as error:
                self.refused = error
                await self._tell()
                return

    async def _work(self) -> None:
        while True:
            await self._settle(await self._queue.get())

    async def _settle(self, event: Event) -> None:
        for _ in range(ATTEMPTS):
            try:
                if isinstance(event, Invite):
                    await self.surface.on_invite(event, self.client)
                elif isinstance(event, Message):
                    await self.surface.on_message(event, self.client)
                self.settled.append(event.id)
                break
            except Undeliverable as error:
                self.failures.append(error)
                break
            except NotReady as error:
                self.failures.append(error)
                if not isinstance(error, Uncertain):  # certainly not there: the next attempt is like the first
                    self.client.tried.clear()
        await self._tell()

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def until(self, condition: Callable[[], object], seconds: float = 10) -> None:
        """Wait until *condition* holds; it is looked at whenever something was settled or went wrong."""
        async with asyncio.timeout(seconds), self.changed:
            await self.changed.wait_for(condition)

    def told(self) -> str:
        """Everything that errors told, with their causes, as a log would show it."""
        errors = [*self.waits, *self.failures, *([self.refused] if self.refused else [])]
        return "\n".join("".join(traceback.format_exception(error)) for error in errors)


class Desk:
    """Makes surfaces for a simulator's bots."""

    def __init__(self, api: BotApi, data_dir: Path) -> None:
        self.api = api
        self.data_dir = data_dir
        self.memory = FakeMemory()
        self.made: list[TelegramSurface] = []
        self.commands: dict[str, dict[str, str]] = {}

    def surface(
        self, bot: Bot | str, *, restored_at: float = 0.0, public_url: str = "", **settings: Any
    ) -> TelegramSurface:
        token = bot if isinstance(bot, str) else bot.token
        home = Home(
            name="tg",
            data_dir=self.data_dir,
            memory=self.memory,
            restored_at=restored_at,
            public_url=public_url,
            commands=self.commands,
        )
        table = {"token": token, "base_url": self.api.url, **settings}
        self.made.append(TelegramSurface(home, Settings.model_validate(table)))
        return self.made[-1]

    @asynccontextmanager
    async def host(self, surface: TelegramSurface, *, cursor: str | None = None) -> AsyncIterator[Host]:
        """Run a host for *surface*."""
        host = Host(surface, self.memory, cursor)
        running = asyncio.create_task(host.run())
        try:
            yield host
        finally:
            running.cancel()
            await asyncio.wait([running])
            if not running.cancelled():
                running.result()


class Post:
    """A surface that knows Alice, and a file to send to her."""

    def __init__(self, desk: Desk, bot: Bot, alice: Account) -> None:
        self.desk = desk
        self.bot = bot
        self.api = desk.api
        self.alice = alice
        self.folder = desk.data_dir
        self.event = Message(surface="tg", id="x", chat=str(alice.id), sender=str(alice.id), direct=True, text="hi")
        self.begin()
        self.client = FakeClient(self.surface, memory=desk.memory)

    def begin(self, **settings: Any) -> None:
        """As a new process, which has heard of everything that its memory does not tell."""
        self.surface = self.desk.surface(self.bot, **settings)
        self.surface._sender._ids.caught_up()

    def team(self) -> Chat:
        """A group of Alice's that the bot is in."""
        team = self.api.groups.supergroup("Team", self.alice)
        team.members[self.bot.id] = team.member(self.bot.account).standing("member")
        return team

    def reply(self, name: str, mime_type: str, content: bytes, **more: Any) -> Reply:
        path = self.folder / "stored"
        path.write_bytes(content)
        file = File(path=path, name=name, mime_type=mime_type, size=len(content))
        return Reply(id=name, event=self.event, kind="file", file=file, **{"body": None, **more})

    async def send(self, reply: Reply) -> list[Sent]:
        await self.surface._bot.connect()
        known = {*self.api.world.replies(self.alice.id)}
        await self.surface._sender.send(reply, self.client)
        return [one for one in self.api.world.replies(self.alice.id) if one not in known]


def texts(api: BotApi, chat: Chat | Account) -> list[str]:
    """What bots wrote in *chat*."""
    return [reply.text for reply in api.world.replies(chat.id)]


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up on answers early, and hold hardly any message back."""
    monkeypatch.setattr("surfacehost_telegram.bot.ANSWER_S", 0.5)
    monkeypatch.setattr("surfacehost_telegram.search.GRACE_S", 0.05)
    monkeypatch.setattr("surfacehost_telegram.readback.NEWS_S", 0.2)
    monkeypatch.setattr(ChatBudget, "RATE", 50)


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi.serve(pace=Pace(hurry_wait_s=0.05, conflict_wait_s=0.05, webhook_retry_s=0.05)) as api:
        yield api


@pytest.fixture
async def desk(api: BotApi, tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(api, tmp_path)
    yield desk
    for surface in desk.made:
        await surface._bot.disconnect()


@pytest.fixture
async def post(desk: Desk) -> Post:
    alice, bot = desk.api.world.person(), desk.api.world.bot()
    desk.api.world.private_chat(alice).started = True
    return Post(desk, bot, alice)


@pytest.fixture(autouse=True)
def no_token_in_the_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a test does, at any level: no log line and no traceback holds a token."""
    caplog.set_level("DEBUG")
    for name in ("httpx", "httpcore", "telegram"):
        caplog.set_level("DEBUG", logger=name)
    yield
    records = [*caplog.get_records("setup"), *caplog.get_records("call")]
    ours = [record for record in records if not record.name.startswith("uvicorn")]  # the simulator's own
    assert "AAHsimulated" not in "\n".join(logging.Formatter().format(record) for record in ours)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    """Of the data of the host below."""
    with SmallDisk(tmp_path_factory.mktemp("disk"), megabytes=32) as disk:
        yield disk


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hurried(disk: SmallDisk, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hurried]:
    """For a module of its own: a host that waits as short as it can, on that disk."""
    async with hurried_host(tmp_path_factory.mktemp("faults"), disk.path / "var") as hurried:
        yield hurried
