"""The bot's account at Telegram: who it is, and where Telegram sends what happens."""

import logging
import secrets
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from telegram import User, WebhookInfo
from telegram.error import BadRequest, InvalidToken, TelegramError

from surfacehost import Memory, NotReady, Refused, Undeliverable
from surfacehost_telegram.bot import ALLOWED_UPDATES, NEWEST_UPDATE, Bot, Flooded
from surfacehost_telegram.redact import keep_out_of_logs, without_secret

WEBHOOK = "webhook"
"""The note of the webhook that we have set: bot, url, secret, and whether Telegram has taken it."""

CONNECTIONS = 8
"""How many updates Telegram may bring at once."""

log = logging.getLogger(__name__)


class Account:
    """What is to be arranged with Telegram before anything comes in. All of it may be done again without harm."""

    def __init__(self, bot: Bot, memory: Memory) -> None:
        self._bot = bot
        self._memory = memory

    async def who_am_i(self) -> User:
        """The bot's account. Raises Refused for a token that Telegram does not accept, and NotReady."""
        try:
            return await self._bot.get_me()
        except InvalidToken as error:
            raise Refused(f"Telegram does not accept the token ({error}); @BotFather can give a new one") from error
        except TelegramError as error:
            raise away(error) from error

    async def where(self) -> str:
        """Where the webhook that is set leads, as part of a sentence; empty when that can't be told."""
        try:
            return f" at {self.shown((await self._bot.get_webhook_info()).url)}"
        except TelegramError as error:
            log.debug("the webhook's address is not known: %s", error)
            return ""

    def shown(self, url: str) -> str:
        """*url* for people to read."""
        return without_secret(url, self._bot.token)

    async def drop_webhook(self) -> None:
        """Take back a webhook that we have set ourselves; anybody else's stays. Raises NotReady."""
        known = await self._memory.get(WEBHOOK)
        if known is None:
            return
        if (url := (await self.webhook()).url) in _ours(known):
            log.info("the webhook at %s is taken back: updates are fetched from now on", self.shown(url))
            await self._arrange(self._bot.delete_webhook())
        await self._memory.set({WEBHOOK: None})

    async def set_webhook(self, url: str, me: User) -> str:
        """Have Telegram bring updates to *url*, if it does not already; the secret it comes with.

        The secret is on the disk before Telegram knows it. Raises NotReady, also while Telegram can't find the
        address's name, and Refused where it does not take the address.
        """
        known = await self._memory.get(WEBHOOK) or {}
        info = await self.webhook()
        if _is_set(info, url) and known.get("is_taken") and (known["url"], known["bot"]) == (url, me.id):
            return str(known["secret"])
        if info.url and info.url not in _ours(known):
            log.warning("the webhook at %s, which this host did not set, is replaced by ours", self.shown(info.url))
        secret = secrets.token_urlsafe(32)
        keep_out_of_logs(secret)
        ours = {"bot": me.id, "url": url, "secret": secret}
        before = info.url if info.url in _ours(known) else ""  # which stays where Telegram does not take the other
        await self._memory.set({WEBHOOK: {**ours, "before": before, "is_taken": False}})
        await self._arrange(
            self._bot.set_webhook(
                url, secret_token=secret, max_connections=CONNECTIONS, allowed_updates=[*ALLOWED_UPDATES]
            )
        )
        await self._memory.set({WEBHOOK: {**ours, "is_taken": True}})
        return secret

    async def webhook(self) -> WebhookInfo:
        """What Telegram says of the webhook. Raises NotReady."""
        try:
            return await self._bot.get_webhook_info()
        except TelegramError as error:
            raise away(error) from error

    async def _arrange(self, call: Awaitable[bool]) -> None:
        try:
            await call
        except BadRequest as error:
            told = f"Telegram does not take the webhook: {error}"
            if "resolve host" in error.message.casefold():  # the name may be new, and not known everywhere yet
                raise NotReady(told) from error
            raise Refused(told) from error
        except TelegramError as error:
            raise away(error) from error


def _is_set(info: WebhookInfo, url: str) -> bool:
    """Whether it is as ``set_webhook`` would make it. Telegram leaves out kinds of updates that it does not know."""
    kinds, wanted = {*(info.allowed_updates or ())}, {*ALLOWED_UPDATES}
    return info.url == url and info.max_connections == CONNECTIONS and wanted - {NEWEST_UPDATE} <= kinds <= wanted


@contextmanager
def instructions() -> Iterator[None]:
    """What Telegram refuses within the block is Undeliverable, whatever else goes wrong there is NotReady."""
    try:
        yield
    except BadRequest as error:
        raise Undeliverable(f"Telegram refuses it: {error}") from error
    except TelegramError as error:
        raise away(error) from error


def away(error: TelegramError) -> NotReady:
    """*error*, for which only waiting helps."""
    if isinstance(error, Flooded):
        return NotReady(str(error), retry_after=error.seconds)
    return NotReady(f"Telegram can't be reached: {error}")


def _ours(known: Mapping[str, Any]) -> set[str]:
    """The addresses that a webhook of ours may have, as noted: the one last given, and that of before."""
    return {known.get("url", ""), known.get("before", "")} - {""}
