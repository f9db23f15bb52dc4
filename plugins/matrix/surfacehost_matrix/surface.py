"""Matrix as a surface: what the host calls, in the order in which it happens."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from starlette.types import ASGIApp

from surfacehost import (
    Capabilities,
    Event,
    Home,
    Invite,
    Message,
    NotReady,
    PlatformClient,
    Put,
    Reply,
    SurfaceSettings,
    hookimpl,
)
from surfacehost_matrix.busy import Busy
from surfacehost_matrix.chats import Chats
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.login import enter
from surfacehost_matrix.provision import Provisioning
from surfacehost_matrix.send import Sender
from surfacehost_matrix.settings import MatrixSettings
from surfacehost_matrix.sync import Sync
from surfacehost_render import matrix_parts

CONNECTING_S = 20
PART_BYTES = 12_000
"""Of an event's 65,536 bytes: encrypting makes up to four of one (escapes in JSON, then base64)."""

log = logging.getLogger(__name__)


class MatrixSurface:
    """One account on one homeserver."""

    contract: ClassVar[int] = 1
    Settings: ClassVar[type[SurfaceSettings]] = MatrixSettings
    capabilities: ClassVar[Capabilities] = Capabilities(previews=False, stale_after_s=90)

    def __init__(self, home: Home, settings: MatrixSettings) -> None:
        self._home = home
        self._settings = settings
        self._homeserver: Homeserver | None = None
        self._online = asyncio.Event()
        self._chats = Chats(home.name, settings.user_id)
        self._sender = Sender()
        self._busy = Busy()
        self._provisioning = (
            Provisioning(home.name, settings.space, home.memory, self._chats) if settings.space else None
        )

    async def listen(self, put: Put) -> None:
        """Connect, log in, and read until something breaks; see the contract for what is raised then."""
        async with Homeserver(self._settings, self._home.data_dir / "crypto") as homeserver:
            await enter(homeserver, self._settings, self._home, put.cursor)
            await self._chats.recall(self._home.memory)
            if self._provisioning:
                await self._provisioning.find_again(homeserver, self._home.restored_at)
            sync = Sync(homeserver, put, self._chats, self._home.name)
            await sync.first()
            self._homeserver = homeserver
            self._online.set()
            log.info("%s: online as %s", self._home.name, self._settings.user_id)
            try:
                while True:
                    await sync.follow()
            finally:
                self._online.clear()

    @hookimpl
    async def on_invite(self, invite: Invite, client: PlatformClient) -> None:
        """Follow the invitation or don't, by the settings; make what a newly met person gets, and greet."""
        homeserver = await self._connected()
        if not self._settings.follows(invite.sender):
            await self._stay_out(homeserver, invite)
            return
        if not await _join(homeserver, invite.chat):
            return
        room: str | None = invite.chat
        # Whether they may talk to us at all is asked as of a direct chat, which is what they are about to get.
        if self._provisioning and client.admits(replace(invite, direct=True)):
            room = await self._provisioning.meet(homeserver, invite.sender, invite_id=invite.id)
        if room is not None:
            await self._send_all(homeserver, client.greet(invite), room)

    @hookimpl
    async def on_message(self, message: Message, client: PlatformClient) -> None:
        """Send what the answer is, typing meanwhile."""
        homeserver = await self._connected()
        async with self._busy.with_(homeserver, message):
            await self._send_all(homeserver, client.answer(message), message.chat)

    @hookimpl
    async def on_error(self, error: Exception, event: Event, client: PlatformClient) -> None:
        """Tell the person why there is no answer."""
        await self._send_all(await self._connected(), client.explain(error, event), event.chat)

    def compose(self, text: str) -> Sequence[Any]:
        """*text* as messages with a plain and a formatted body, each far below what a homeserver takes."""
        return [
            {"body": part.body, **({"formatted_body": part.formatted_body} if part.formatted_body else {})}
            for part in matrix_parts(text, max_bytes=PART_BYTES)
        ]

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

    async def _send_all(self, homeserver: Homeserver, replies: AsyncIterator[Reply], room: str) -> None:
        async for reply in replies:
            await self._sender.send(homeserver, reply, room)

    async def _stay_out(self, homeserver: Homeserver, invite: Invite) -> None:
        log.info("%s: invitation by %s into %s is not followed", self._home.name, invite.sender, invite.chat)
        if self._settings.invites == "ignore":
            return
        try:
            await homeserver.call("POST", "rooms", invite.chat, "leave", body={})
        except Declined as refusal:
            if blame := refusal.blames_account():
                raise blame from refusal
            log.info("%s: the invitation is gone: %s", self._home.name, refusal)


async def _join(homeserver: Homeserver, room: str) -> bool:
    """Whether we are in *room* now; not when the invitation was taken back."""
    try:
        await homeserver.paced(lambda: homeserver.call("POST", "rooms", room, "join", body={}))
    except Declined as refusal:
        if refusal.status in (403, 404):
            log.info("the invitation into %s is gone: %s", room, refusal)
            return False
        raise refusal.blames_account() or NotReady(f"{room} can't be joined: {refusal}") from refusal
    return True
