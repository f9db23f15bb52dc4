"""A real ``surfacehost run`` with several bots before the Bot API simulator, and what its tests ask of it."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.telegram.shown import SHOWN

from platform_agent import events, showcase
from platform_agent.demo import Call, Command
from platform_agent.events import Frame
from surfacehost import asides
from surfacehost_devkit.botapi import Account, Bot, BotApi, CallRecord, Chat, Entity, Pace, Topic
from surfacehost_devkit.botapi import Message as Sent
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.ports import free_port
from surfacehost_devkit.turnedclock import TurnedClock
from surfacehost_telegram import moves, search, topics
from surfacehost_telegram.budget import ChatBudget

WAIT_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """The process, its first bot, and who may have that in groups."""

    api: BotApi
    host: HostProcess
    bot: Bot
    """The one that is talked to where nothing else is said. It hears everything in its groups."""
    bob: Account

    def person(self, language: str = "en") -> Account:
        return self.api.world.person("Alice", language_code=language)

    async def team(self, kind: Literal["group", "supergroup", "forum"], **rights: bool) -> Chat:
        """A group of bob's that the bot has greeted."""
        chat: Chat = getattr(self.api.groups, kind)("Team", self.bob)
        self.api.groups.add_bot(chat, self.bob, self.bot, **rights)
        await self.api.world.wait_for_reply(chat, timeout_s=WAIT_S)
        return chat

    async def ask(
        self, person: Account | int, text: str, *, bot: Bot | None = None, topic: Topic | None = None
    ) -> Sent:
        """The bot's first message behind what *person* writes to it."""
        bot = bot or self.bot
        return await self.answer(self.api.world.write(person, text, bot=bot, topic=topic), bot=bot)

    async def answer(self, question: Sent, *, bot: Bot | None = None) -> Sent:
        """The first message behind *question*."""
        chat = question.chat
        try:
            return await self.api.world.wait_for_reply(chat, after=question, bot=bot or self.bot, timeout_s=WAIT_S)
        except TimeoutError:
            raise AssertionError(f"no answer to {question.content}\n{self.host.log_tail()}") from None

    def said(self, question: Sent) -> list[str]:
        """What the bot's messages behind *question* say by now."""
        return [one.text for one in self.api.world.replies(question.chat, after=question)]

    async def replies(self, question: Sent, count: int) -> list[Sent]:
        """What the bot says behind *question*, once it is so many messages."""

        def look() -> list[Sent] | None:
            found = self.api.world.replies(question.chat, after=question)
            return found if len(found) == count else None

        return await self.api.world.wait_for(look, timeout_s=WAIT_S)

    def file(self, question: Sent) -> Sent | None:
        """The bot's first message with a file behind *question*, if it is there."""
        found = self.api.world.replies(question.chat, after=question)
        return next((one for one in found if one.content.document is not None), None)

    def shown(self, question: Sent) -> list[str]:
        """As what the bot's files behind *question* are shown by now, those of one album in one word."""
        files = [one.content for one in self.api.world.replies(question.chat, after=question) if one.content.document]
        albums = groupby(enumerate(files), lambda one: one[1].album or one[0])
        return ["+".join(one.shown_as for _, one in together) for _, together in albums]

    async def until(self, condition: Any) -> dict[str, Any]:
        """The host's status, once it is as *condition* says."""
        return await self.host.seen(condition)

    async def at_work(self, chat: Chat | Account, count: int = 1) -> None:
        """Wait until the agent is at *count* messages of *chat*."""

        def is_asked(status: dict[str, Any]) -> bool:
            steps = [way["steps"][-1][0] for way in status["ways"] if f"/{chat.id}/" in way["thread"]]
            return steps.count("asked") == count

        await self.until(is_asked)

    async def rests(self, *, beside: str = "") -> None:
        """Wait until no bot has anything to do, the surface *beside* left out."""
        await self.until(lambda status: not any(one["open"] for name, one in status["inbox"].items() if name != beside))

    async def confirmed(self, bot: Bot) -> None:
        """Wait until Telegram has been told that the host has everything that *bot* was told."""
        await self.api.world.wait_for(lambda: None if bot.queue.pending else True, timeout_s=WAIT_S)

    async def restart(self, *, instead: Mapping[str, str], meanwhile: Callable[[], Awaitable[None]]) -> None:
        """Stop the host and start it on the same data with other words in its settings."""
        await asyncio.to_thread(self.host.stop)
        path = self.host.folder / "settings.toml"
        settings = path.read_text()
        for old, new in instead.items():
            assert old in settings
            settings = settings.replace(old, new)
        path.write_text(settings)
        await meanwhile()
        await asyncio.to_thread(self.host.start)

    async def calls(self, method: str, chat_id: int, count: int) -> list[CallRecord]:
        """The calls of *method* about a chat, once so many have been answered."""

        def look() -> list[CallRecord] | None:
            found = [one for one in self.api.calls.of(method, chat_id=chat_id) if one.status is not None]
            return found if len(found) == count else None

        return await self.api.world.wait_for(look, timeout_s=WAIT_S)

    async def call(self, bot: Bot, method: str, **fields: object) -> int:
        """What another program does with the token of *bot*, and the status it gets; httpx would log the token."""
        body, headers = json.dumps(fields).encode(), {"Content-Type": "application/json"}
        request = Request(f"{self.api.url}/bot{bot.token}/{method}", body, headers)
        try:
            with await asyncio.to_thread(urlopen, request, timeout=10) as answer:
                return int(answer.status)
        except HTTPError as refused:
            return refused.code

    async def leaks(self, data: Path | None = None) -> set[str]:
        """Stop the host; names of its files, those below *data* too, that hold the secret half of a token."""
        await asyncio.to_thread(self.host.stop)
        files = [one for folder in (self.host.folder, data) if folder for one in folder.rglob("*") if one.is_file()]
        secrets = [bot.token.partition(":")[2].encode() for bot in self.api.state.bots.values()]
        return {one.name for one in files if any(secret in one.read_bytes() for secret in secrets)}

    async def logged(self, words: str) -> None:
        """Wait until the host's log has *words*."""
        await self.until(lambda _: words in self.host.log_text())


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole(Talk):
    """With bots that trouble is in store for. The first bot has topics in private chats."""

    gone: Bot
    """One whose token will be revoked."""
    shared: Bot
    """One that somebody else will poll as well. It makes topics in private chats and in the forum."""
    taken: Bot
    """One that somebody will set a webhook for."""
    forum: Chat
    moving: Sequence[Chat]
    """Groups that will become supergroups, of people who may talk to the first bot there alone."""
    late: Chat
    """A forum in which that one shall make topics, and may not yet."""
    small: Chat
    """A group without topics where that one might make some."""
    clock: TurnedClock
    """The host's wall clock."""


async def _shown(call: Call) -> AsyncIterator[Frame]:
    """Some of the files that Telegram shows in its own way, and a sentence; a name with stars has a caption too."""
    files = [SHOWN[int(number)] for number in call.words]
    for name, mime_type, content, _ in files:
        caption = "the *last* one" if "*" in name else ""
        yield events.file("document", name, mime_type, b64encode(content).decode(), len(content), caption)
    for event in events.say(call.turn, f"Here is {', '.join(name for name, *_ in files)}."):
        yield event


async def _named(call: Call) -> AsyncIterator[Frame]:
    """A file by where it is, and a sentence."""
    source = {"type": "url", "value": call.word(0, ""), "mimeType": "text/plain"}
    value = {"type": "document", "source": source, "metadata": {"name": "notes.txt", "size": 9}}
    yield {"type": "CUSTOM", "name": "file", "value": value}
    for event in events.say(call.turn, "Here it is."):
        yield event


def can_show_files() -> None:
    """In the host's process: let its agent have ``/demo shown <number> …`` and ``/demo named <address>``."""
    known = showcase.commands

    def commands() -> Iterator[tuple[str, Command]]:
        yield from known()
        yield "shown", Command(usage="/demo shown <number> …", sentence="files", run=_shown)
        yield "named", Command(usage="/demo named <address>", sentence="a file that is somewhere", run=_named)

    showcase.commands = commands


@dataclass(frozen=True, slots=True)
class Prepared:
    """What such a host does first: it has a clock that can be turned, and is prepared."""

    clock: TurnedClock

    def __call__(self) -> None:
        self.clock()
        prepare()


def prepare() -> None:
    """In the host's process, before it begins: its agent can show files, and it waits less.

    That is, between the calls about one chat, for calls whose answer was lost, and before it goes on with what stands
    beside messages.
    """
    can_show_files()
    ChatBudget.RATE = 50
    vars(search).update(GRACE_S=0.2)
    vars(moves).update(TOLD_S=0.2)
    vars(asides).update(AGAIN_S=0.5)
    vars(topics).update(COMES_BACK_S=0.5)


@asynccontextmanager
async def whole_host(folder: Path, *, mode: Literal["polling", "webhook"] = "polling") -> AsyncIterator[Whole]:
    """Start it, ready to talk; *mode* is that of the first bot."""
    web = f"127.0.0.1:{free_port()}"
    async with BotApi.serve(pace=Pace(hurry_wait_s=0.05, conflict_wait_s=0.05)) as api:
        bot = api.world.bot(can_read_all_group_messages=True, has_topics_enabled=True)
        gone, taken = (api.world.bot(f"{name}_bot") for name in ("gone", "taken"))
        shared = api.world.bot("shared_bot", has_topics_enabled=True)
        bob = api.world.person("Bob")
        forum = api.groups.forum("Forum", bob)
        api.groups.add_bot(forum, bob, shared, as_admin=True, can_manage_topics=True)
        late = api.groups.forum("Late", bob)
        api.groups.add_bot(late, bob, shared)
        small = api.groups.group("Small", bob)
        api.groups.add_bot(small, bob, shared, as_admin=True, can_manage_topics=True)
        carol = api.world.person("Carol")
        moving = [api.groups.group("Moving", carol) for _ in range(3)]
        for group in moving:
            api.groups.add_bot(group, carol, bot)
        settings = f"""
            [host]
            locale = "en"
            log_level = "debug"
            [web]
            listen = "{web}"
            public_url = "http://{web}"
            [defaults]
            dm_policy = "open"
            allow = ["{bob.id}", {", ".join(f'"{group.id}"' for group in moving)}]
            busy = "queue"
            rate_per_minute = 0
            loop_limit = 0
        """
        for name, one in {"telegram": bot, "gone": gone, "taken": taken, "shared": shared}.items():
            settings += f'[surfaces.{name}]\nplugin = "telegram"\ntoken = "{one.token}"\nbase_url = "{api.url}"\n'
            settings += f'mode = "{mode if one is bot else "polling"}"\n'
        settings += 'topics = { ideas = "Ideas", tea = { name = "Tea", color = "green" } }\n'
        settings += f"topic_groups = [{forum.id}, {late.id}, {small.id}]\n"
        clock = TurnedClock(folder / "clock")
        host = HostProcess(folder, settings, first=Prepared(clock))
        try:
            await asyncio.to_thread(host.start)
            await asyncio.to_thread(host.wait_ready)
            yield Whole(
                api=api, host=host, bot=bot, gone=gone, shared=shared, taken=taken, bob=bob, forum=forum, late=late,
                moving=moving, small=small, clock=clock,
            )  # fmt: skip
        finally:
            host.close()


def part(message: Sent, mark: Entity) -> str:
    """What *mark* covers."""
    return message.text.encode("utf-16-le")[2 * mark.offset : 2 * (mark.offset + mark.length)].decode("utf-16-le")
