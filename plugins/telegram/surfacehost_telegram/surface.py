"""One bot account, as the host sees it: what it reads, and what it does with what it hears."""

from collections.abc import AsyncIterator, Mapping, Sequence
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
from surfacehost_render import telegram
from surfacehost_telegram.bot import Bot
from surfacehost_telegram.chat_action import typing
from surfacehost_telegram.fetch import Fetch
from surfacehost_telegram.limiter import ChatBudgets
from surfacehost_telegram.readback import MessageIds
from surfacehost_telegram.redact import keep_out_of_logs
from surfacehost_telegram.send import Sender, leave
from surfacehost_telegram.settings import TelegramSettings


class TelegramSurface:
    """Telegram: private chats, groups, and topics in both."""

    contract: ClassVar[int] = 1
    Settings: ClassVar[type[SurfaceSettings]] = TelegramSettings
    capabilities: ClassVar[Capabilities] = Capabilities(previews=False, stale_after_s=90)

    def __init__(self, home: Home, settings: TelegramSettings) -> None:
        keep_out_of_logs(settings.token.get_secret_value())
        ids = MessageIds()
        self._bot = Bot(settings, ChatBudgets())
        self._fetch = Fetch(self._bot, home.name, ids)
        self._sender = Sender(self._bot, home, ids, settings.delivery)

    async def listen(self, put: Put) -> None:
        """Read the bot's updates until cancelled."""
        await self._bot.connect()
        try:
            await self._fetch.run(put)
        except NotReady:
            raise  # the host comes back; answers that are on their way out keep their connections
        except BaseException:
            await self._bot.disconnect()
            raise

    @hookimpl
    async def on_invite(self, invite: Invite, client: PlatformClient) -> None:
        """Someone put the bot into a group, and it is in already: greet, or go."""
        if client.admits(invite):
            await self._send_all(client, client.greet(invite))
        else:
            await leave(self._bot, invite)

    @hookimpl
    async def on_message(self, message: Message, client: PlatformClient) -> None:
        """Someone wrote: show typing, send the answer."""
        async with typing(self._bot, message.chat, message.native.get("thread")):
            await self._send_all(client, client.answer(message))

    @hookimpl
    async def on_error(self, error: Exception, event: Event, client: PlatformClient) -> None:
        """Something went wrong: tell the person."""
        await self._send_all(client, client.explain(error, event))

    async def _send_all(self, client: PlatformClient, replies: AsyncIterator[Reply]) -> None:
        """Send *replies*; in a group the first is shown as a reply to what was asked."""
        quoting = True
        async for reply in replies:
            asked = None if reply.event.direct else reply.event.native.get("message_id")
            await self._sender.send(reply, client, answers=asked if quoting else None)
            quoting = False

    def compose(self, text: str) -> Sequence[Any]:
        """*text* as messages of at most 4,096 characters with their formatting; an empty message is refused."""
        return [
            {"text": part.text, "entities": [entity.to_json() for entity in part.entities]}
            for part in telegram(text)
            if part.text.strip()
        ]

    def mounts(self) -> Mapping[str, ASGIApp]:
        """Nothing: updates are fetched."""
        return {}
