"""Matrix as a surface: what the host calls, in the order in which it happens."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

from starlette.types import ASGIApp

from surfacehost import (
    Attachment,
    Capabilities,
    Event,
    Finding,
    Home,
    Invite,
    Message,
    NotReady,
    Pace,
    PlatformClient,
    Put,
    Reply,
    SurfaceSettings,
    beside,
    hookimpl,
)
from surfacehost_matrix import chat_commands, pace
from surfacehost_matrix.aliases import Aliases
from surfacehost_matrix.busy import Busy
from surfacehost_matrix.chats import Chats
from surfacehost_matrix.content import compose
from surfacehost_matrix.discovery import locate
from surfacehost_matrix.examine import examine
from surfacehost_matrix.fetch import fetch
from surfacehost_matrix.forgetting import forget
from surfacehost_matrix.growing import Growing
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.identity.account import Identity
from surfacehost_matrix.joining import Upgrades, join, leave
from surfacehost_matrix.keyrequests import KeyRequests
from surfacehost_matrix.limits import lift_at_start
from surfacehost_matrix.login import enter, stay
from surfacehost_matrix.parse import UNREADABLE
from surfacehost_matrix.prompts import Prompts
from surfacehost_matrix.provision import Provisioning
from surfacehost_matrix.reactions import put, take_away
from surfacehost_matrix.reading import read_once_more
from surfacehost_matrix.send import Sender
from surfacehost_matrix.settings import MatrixSettings
from surfacehost_matrix.sync import Aside, Sync

CONNECTING_S = 20
PACE = Pace(first_chars=120, first_s=2.0, intervals_s=(1.5, 3.0, 6.0, 12.0, 24.0), least_chars=20, most=8)
"""With its final an answer stays within the ten events that a stock Synapse takes at once; each stays for ever."""

NO_KEY = {
    "en": "I can't read what was written here: its key hasn't reached me."
    " I'll answer if it still comes; writing it again may help.",
    "ru": "Прочитать написанное не могу: ключ к нему до меня не дошёл."
    " Отвечу, если он ещё придёт; можно также написать ещё раз.",
}
"""What is answered to a message that can't be decrypted."""

log = logging.getLogger(__name__)


class MatrixSurface:
    """One account on one homeserver."""

    contract: ClassVar[int] = 1
    Settings: ClassVar[type[SurfaceSettings]] = MatrixSettings
    capabilities: ClassVar[Capabilities] = Capabilities(previews=PACE, choices=True, files=True, stale_after_s=600)

    def __init__(self, home: Home, settings: MatrixSettings) -> None:
        self._home = home
        self._settings = settings
        self._homeserver: Homeserver | None = None
        self._pace = pace.Pace(home.memory)
        self._online = asyncio.Event()
        self._chats = Chats(home.name, settings.user_id)
        self._upgrades = Upgrades(self._chats, home.memory)
        self._identity = Identity(settings, home.data_dir, self._chats)
        self._sender = Sender(home.locale)
        self._prompts = Prompts(home.memory, home.name)
        self._busy = Busy()
        self._provisioning = (
            Provisioning(home.name, settings.space, home.memory, self._chats) if settings.space else None
        )

    async def listen(self, put: Put) -> None:
        """Connect, log in, and read until something breaks; see the contract for what is raised then."""
        url = await locate(self._settings, self._home.memory)
        await self._pace.recall()
        async with AsyncExitStack() as stack:
            keys = self._home.data_dir / "crypto"
            homeserver = await stack.enter_async_context(Homeserver(self._settings, keys, url, self._pace))
            login = await enter(homeserver, self._settings, self._home, put.cursor)
            await stack.enter_async_context(beside(partial(lift_at_start, homeserver)))
            await stack.enter_async_context(beside(partial(stay, homeserver, login, self._home.memory)))
            await self._chats.recall(self._home.memory)
            await self._prompts.recall()
            if self._provisioning:
                await self._provisioning.find_again(homeserver, self._home.restored_at)
            aliases = Aliases(self._settings, self._chats, self._home.memory)
            await stack.enter_async_context(beside(partial(aliases.follow, homeserver)))
            await aliases.resolve(homeserver)
            aside = Aside(
                prompts=self._prompts,
                aliases=aliases,
                requests=KeyRequests(homeserver, self._chats, self._home.memory),
                verification=self._identity.verification,
            )
            sync = Sync(homeserver, put, self._chats, self._home.name, aside)
            await sync.first()
            self._homeserver = homeserver
            self._online.set()
            log.info("%s: online as %s", self._home.name, self._settings.user_id)
            if self._provisioning:
                await stack.enter_async_context(beside(partial(self._provisioning.mend, homeserver)))
            try:
                async with self._identity.keeping(homeserver):
                    while True:
                        await sync.follow()
            finally:
                self._online.clear()

    @hookimpl
    async def on_invite(self, invite: Invite, client: PlatformClient) -> None:
        """Follow the invitation or don't, by the settings; make what a newly met person gets, and greet."""
        homeserver = await self._connected()
        if await self._upgrades.follow(homeserver, invite):
            if self._provisioning:
                await self._provisioning.keep_up(homeserver, invite.chat)
            return
        if not self._settings.follows(invite.sender, direct=invite.direct):
            await self._stay_out(homeserver, invite)
            return
        if not await join(homeserver, invite.chat):
            # It was taken back. One that comes in its place, told before we hear of that, is another one.
            gone = self._chats.refused(invite)
            await self._home.memory.set(gone)
            self._chats.learn(gone)
            return
        room: str | None = invite.chat
        # Whether they may talk to us at all is asked as of a direct chat, which is what they are about to get.
        if self._provisioning and client.admits(replace(invite, direct=True)):
            room = await self._provisioning.meet(homeserver, invite)
        if room is not None:
            await self._send_all(homeserver, client, client.greet(invite), room)

    @hookimpl
    async def on_message(self, message: Message, client: PlatformClient) -> None:
        """Send what the answer is, typing meanwhile."""
        homeserver = await self._connected()
        if message.native.get(UNREADABLE) and client.admits(message):
            await self._send_all(homeserver, client, client.say(message, NO_KEY), message.chat)
            return
        message = read_once_more(message, self._chats.place(message.chat, my_name="", names={}))
        if (command := chat_commands.read(message)) and client.admits(message):
            words = await chat_commands.obey(command, message, homeserver, self._provisioning)
            await self._send_all(homeserver, client, client.say(message, words), message.chat)
            return
        async with self._busy.with_(homeserver, message):
            await self._send_all(homeserver, client, client.answer(message), message.chat)

    @hookimpl
    async def on_error(self, error: Exception, event: Event, client: PlatformClient) -> None:
        """Tell the person why there is no answer."""
        await self._send_all(await self._connected(), client, client.explain(error, event), event.chat)

    def compose(self, text: str) -> Sequence[Any]:
        """*text* as messages with a plain and a formatted body, each below what a homeserver takes."""
        return compose(text)

    async def fetch(self, attachment: Attachment, event: Event, into: Path, *, at_most: int) -> None:  # noqa: ARG002 - the source says it all
        """Write what came with a message to the file *into*; see the contract for what is raised."""
        await fetch(await self._connected(), attachment, into, at_most=at_most)

    async def react(self, event: Event, mark: str | None) -> None:
        """Put *mark* on *event* in place of what was there; None takes it away."""
        homeserver = await self._connected()
        is_there = await take_away(homeserver, event.chat, event.id, but=mark or "")
        if mark and not is_there:
            await put(homeserver, event.chat, event.id, mark, key=uuid4().hex, is_spare=True)

    async def examine(self) -> Sequence[Finding]:
        """How account and homeserver are doing; a running host's keys and sync are left alone."""
        return await examine(self._home, self._settings)

    async def forget(self, person: str, *, plan: bool) -> Sequence[str]:
        """Have *person* met anew at their next invitation. Their Space and rooms stay as they are."""
        return await forget(self._home.memory, person, plan=plan)

    def mounts(self) -> Mapping[str, ASGIApp]:
        """Nothing: we call the homeserver, it never calls us."""
        return {}

    async def _connected(self) -> Homeserver:
        """The connection, once there is one: events that wait from an earlier run are delivered before we are in."""
        try:
            async with asyncio.timeout(CONNECTING_S):
                await self._online.wait()
        except TimeoutError as error:
            raise NotReady("there is no connection to the homeserver") from error
        assert self._homeserver is not None  # noqa: S101 - online means that
        return self._homeserver

    async def _send_all(
        self, homeserver: Homeserver, client: PlatformClient, replies: AsyncIterator[Reply], room: str
    ) -> None:
        """Show the previews; what is final takes their place, or they go."""
        growing = Growing(self._sender, homeserver, client, room)
        is_first = True
        async for reply in replies:
            match reply.kind:
                case "preview":
                    await growing.show(reply)
                    continue
                case "prompt":
                    await self._prompts.ask(homeserver, client, self._sender, reply, room, is_first=is_first)
                case "decided":
                    await self._prompts.decide(homeserver, self._sender, reply, room)
                    continue  # it stands where the prompt stood: what follows it is the answer
                case "file":
                    await self._sender.send(homeserver, reply, room, is_first=is_first)
                    await growing.withdraw(reply.note)
                case _:
                    await self._sender.send(homeserver, reply, room, is_first=is_first)
            growing.replaced()
            is_first = False
        await growing.withdraw()

    async def _stay_out(self, homeserver: Homeserver, invite: Invite) -> None:
        log.info("%s: invitation by %s into %s is not followed", self._home.name, invite.sender, invite.chat)
        if self._settings.invites == "ignore":
            return
        await leave(homeserver, invite.chat)
