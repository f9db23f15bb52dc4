"""The way in: updates are stored by the host before Telegram is told that it may forget them."""

import json
import logging
from collections.abc import Iterator

from telegram import Update, User
from telegram.error import Conflict, InvalidToken, TelegramError

from surfacehost import Event, NotReady, Put, Refused
from surfacehost_telegram.bot import MOST, Bot, Flooded, Json
from surfacehost_telegram.parse import parse
from surfacehost_telegram.readback import MessageIds

POLL_S = 50
"""How long Telegram holds a poll open when there is nothing new; the server's own limit."""
CONFLICT_S, LONGEST_CONFLICT_S = 5.0, 30.0
"""First and longest pause after somebody else has polled."""

log = logging.getLogger(__name__)


class Fetch:
    """Polls one bot's updates. Every call of ``run`` goes on where the host's cursor stands."""

    def __init__(self, bot: Bot, surface: str, ids: MessageIds) -> None:
        self._bot = bot
        self._surface = surface
        self._ids = ids
        self._conflicts = 0

    async def run(self, put: Put) -> None:
        """Poll for ever. Raises NotReady and Refused, and what *put* raises."""
        me = await self._who_am_i()
        offset = _offset(put.cursor, me)
        patience_s = 0  # the first answer comes at once: it tells the host that messages flow
        while True:
            updates = await self._poll(offset, patience_s)
            patience_s = POLL_S
            if not updates:
                self._ids.caught_up()
                await put()
                continue
            # The last of this batch, not the highest ever: after a quiet week Telegram counts from a new, random and
            # perhaps lower number (https://core.telegram.org/bots/api#update).
            offset = updates[-1]["update_id"] + 1
            events = [*self._events(updates, me)]
            if len(updates) < MOST:
                self._ids.caught_up()
            await put(*events, cursor=json.dumps({"bot": me.id, "offset": offset}), notes=self._ids.to_note())

    async def _who_am_i(self) -> User:
        """The bot's account. Raises Refused for a token that Telegram does not accept."""
        try:
            return await self._bot.get_me()
        except InvalidToken as error:
            raise Refused(f"Telegram does not accept the token ({error}); @BotFather can give a new one") from error
        except Flooded as error:
            raise NotReady(str(error), retry_after=error.seconds) from error
        except TelegramError as error:
            raise NotReady(f"Telegram can't be reached: {error}") from error

    async def _poll(self, offset: int, patience_s: int) -> list[Json]:
        try:
            updates = await self._bot.updates(offset, timeout_s=patience_s)
        except Conflict as error:
            raise await self._conflict(error) from error
        except InvalidToken as error:
            await self._who_am_i()  # one such answer may come from anything on the way: only getMe decides
            raise NotReady(f"Telegram does not answer to getUpdates: {error}") from error
        except Flooded as error:
            raise NotReady(str(error), retry_after=error.seconds) from error
        except TelegramError as error:
            raise NotReady(f"Telegram can't be reached: {error}") from error
        if updates or patience_s:  # an empty answer that did not wait was in nobody's way, and proves nothing
            self._conflicts = 0
        return updates

    async def _conflict(self, error: Conflict) -> NotReady:
        """What a 409 means: each update goes to one poller only, so this bot misses what the other one gets."""
        pause = min(CONFLICT_S * 2**self._conflicts, LONGEST_CONFLICT_S)
        self._conflicts += 1
        cause = "another process takes this bot's messages; stop it, or give it a bot of its own"
        if "webhook" in error.message.casefold():
            cause = f"a webhook takes this bot's messages{await self._webhook()}; remove it if it is not needed"
        return NotReady(f"{cause} ({error})", retry_after=pause)

    async def _webhook(self) -> str:
        try:
            return f" at {(await self._bot.get_webhook_info()).url}"
        except TelegramError as error:
            log.debug("the webhook's address is not known: %s", error)
            return ""

    def _events(self, updates: list[Json], me: User) -> Iterator[Event]:
        for raw in updates:
            try:
                update = Update.de_json(raw, self._bot)
                event = parse(update, me, self._surface)
            except Exception:
                # Not raised: the same batch would come again for ever, and nothing behind it.
                log.exception("update %s can't be understood and is left out", raw["update_id"])
                continue
            if update.message is not None:
                self._ids.see(str(update.message.chat.id), update.message.message_id)
            if event is not None:
                yield event


def _offset(cursor: str | None, me: User) -> int:
    """Where to go on; a cursor of another bot, from before the token was changed, says nothing about this one."""
    known = json.loads(cursor) if cursor else {}
    return int(known["offset"]) if known.get("bot") == me.id else 0
