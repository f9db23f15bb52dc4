"""One bot account, as the host sees it: what it reads, and what it does with what it hears."""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

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
from surfacehost_render import telegram
from surfacehost_telegram import courtesy, download
from surfacehost_telegram.account import Account, instructions
from surfacehost_telegram.bot import Bot
from surfacehost_telegram.drafts import Drafts
from surfacehost_telegram.examine import examine
from surfacehost_telegram.fetch import Fetch
from surfacehost_telegram.furnishing import Furnishing
from surfacehost_telegram.intake import Intake
from surfacehost_telegram.limiter import ChatBudgets
from surfacehost_telegram.menu import offer
from surfacehost_telegram.moves import Moves
from surfacehost_telegram.readback import MessageIds
from surfacehost_telegram.redact import keep_out_of_logs, secret_of
from surfacehost_telegram.send import Sender, leave
from surfacehost_telegram.settings import TelegramSettings
from surfacehost_telegram.stream import Means, Stream
from surfacehost_telegram.topics import Topics
from surfacehost_telegram.upload import ANSWER, CLOUD_BYTES, LOCAL_BYTES
from surfacehost_telegram.webhook import Webhook

MOST_PARTS, HEAD_PARTS = 5, 4
"""An answer of more messages than the first figure is shown by so many of them and the whole as a document."""


class TelegramSurface:
    """Telegram: private chats, groups, and topics in both."""

    contract: ClassVar[int] = 1
    Settings: ClassVar[type[SurfaceSettings]] = TelegramSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        previews=Pace(first_s=0.4, intervals_s=(0.4,), least_chars=12),
        previews_in_groups=Pace(first_chars=80, first_s=1.5, intervals_s=(3.0,), most=30),
        choices=True,
        files=True,
        albums=True,
        stale_after_s=90,
    )

    def __init__(self, home: Home, settings: TelegramSettings) -> None:
        keep_out_of_logs(secret_of(settings.token.get_secret_value()))
        ids = MessageIds()
        self._settings = settings
        budgets = ChatBudgets(home.memory)
        self._bot = Bot(settings, budgets)
        self._account = Account(self._bot, home.memory)
        topics = Topics(self._bot, home.memory, ids, settings.topics)
        self._furnishing = Furnishing(topics, settings.topic_groups, home.memory)
        self._moves = Moves(self._bot, budgets, home.memory)
        intake = Intake(self._bot, home.name, ids, self._moves, self._furnishing.see)
        self._path = f"/webhook/{home.name}"
        # With a slash at its end: without one the web server would redirect, and Telegram does not follow.
        self._webhook_url = f"{home.public_url}{self._path}/" if settings.mode == "webhook" else ""
        self._webhook = Webhook(self._webhook_url, self._account, intake, ids) if self._webhook_url else None
        self._fetch = Fetch(self._bot, self._account, intake, ids)
        most_bytes = LOCAL_BYTES if settings.local_mode else CLOUD_BYTES
        self._sender = Sender(self._bot, home, ids, settings.delivery, self._moves.tell, most_bytes=most_bytes)
        drafts = Drafts(self._bot, home.memory)
        self._means = Means(bot=self._bot, sender=self._sender, drafts=drafts, technique=settings.stream)
        self._commands = home.commands
        self._has_topics = False

    async def listen(self, put: Put) -> None:
        """Read the bot's updates until cancelled."""
        self._moves.put = put
        await self._bot.connect()
        try:
            me = await self._account.who_am_i()
            self._has_topics = bool(me.has_topics_enabled)
            async with beside(self._at_start), beside(self._later):
                await (self._webhook or self._fetch).run(put, me)
        except NotReady:
            raise  # the host comes back; answers that are on their way out keep their connections
        except BaseException:
            await self._bot.disconnect()
            raise

    async def _at_start(self) -> None:
        """What people find beside messages: the menu of commands, and topics. Raises NotReady and Undeliverable."""
        with instructions():
            await offer(self._bot, self._commands)
            await self._furnishing.at_start(in_private=self._has_topics)

    async def _later(self) -> None:
        """Topics where they become possible later, for ever. Raises NotReady and Undeliverable."""
        with instructions():
            await self._furnishing.later()

    @hookimpl
    async def on_invite(self, invite: Invite, client: PlatformClient) -> None:
        """Someone put the bot into a group, and it is in already: greet, or go."""
        if not await self._moves.is_new_to(invite):
            return
        if client.admits(invite):
            await self._send_all(client, client.greet(invite))
        else:
            await leave(self._bot, invite)

    @hookimpl
    async def on_message(self, message: Message, client: PlatformClient) -> None:
        """Someone wrote: show that an answer is coming, show it while it grows, send it."""
        stream = Stream(message, client, self._means)
        async with stream.running():
            await self._send_all(client, client.answer(message), stream)
        if message.direct and self._has_topics and client.admits(message):
            self._furnishing.look_after(message.chat)

    @hookimpl
    async def on_error(self, error: Exception, event: Event, client: PlatformClient) -> None:
        """Something went wrong: tell the person."""
        await self._send_all(client, client.explain(error, event))

    async def _send_all(
        self, client: PlatformClient, replies: AsyncIterator[Reply], stream: Stream | None = None
    ) -> None:
        """Send *replies*; in a group the first is shown as a reply to what was asked."""
        quoting = True
        async for reply in replies:
            asked = reply.event.native.get("message_id") if quoting and not reply.event.direct else None
            if reply.kind == "preview":
                if stream is not None:
                    await stream.show(reply, answers=asked)
                continue
            if stream is not None:
                await stream.end()
            await self._sender.send(reply, client, answers=asked)
            quoting = False
        if quoting and stream is not None:
            await stream.withdraw()  # nothing is said after all

    async def examine(self) -> Sequence[Finding]:
        """How the account is doing; whoever polls it is not disturbed."""
        return await examine(self._bot, self._settings, webhook_url=self._webhook_url)

    def compose(self, text: str) -> Sequence[Any]:
        """*text* as messages of at most 4,096 characters with their formatting; an empty message is refused.

        Of a very long one the beginning, and the whole as a document.
        """
        parts: list[Any] = [
            {"text": part.text, "entities": [entity.to_json() for entity in part.entities]}
            for part in telegram(text)
            if part.text.strip()
        ]
        if len(parts) <= MOST_PARTS:
            return parts
        return [*parts[:HEAD_PARTS], {"document": {"name": ANSWER, "text": text}}]

    async def fetch(self, attachment: Attachment, event: Event, into: Path, *, at_most: int) -> None:  # noqa: ARG002
        """Write what came with a message to *into*, piece by piece.

        Raises TooLarge, NotReady when it may work later, and Undeliverable when it is gone.
        """
        await download.fetch(self._bot, attachment, into, at_most=at_most)

    async def react(self, event: Event, mark: str | None) -> None:
        """Put a reaction on somebody's message, or take it away; in a group that moved its id is another's by now."""
        if await self._sender.chat_of(event) == event.chat:
            await courtesy.react(self._bot, event, mark)

    def mounts(self) -> Mapping[str, ASGIApp]:
        """Where Telegram brings updates, if it does."""
        return {self._path: self._webhook.app()} if self._webhook else {}
