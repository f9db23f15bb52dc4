"""Polling: updates are fetched, stored by the host, and only then confirmed to Telegram, by the next poll."""

import json
import logging

from telegram import User
from telegram.error import Conflict, InvalidToken, TelegramError

from surfacehost import NotReady, Put
from surfacehost_telegram.account import Account, away
from surfacehost_telegram.bot import MOST, Bot, Json
from surfacehost_telegram.intake import Intake
from surfacehost_telegram.readback import MessageIds

POLL_S = 50
"""How long Telegram holds a poll open when there is nothing new; the server's own limit."""
CONFLICT_S, LONGEST_CONFLICT_S = 5.0, 30.0
"""First and longest pause after somebody else has polled."""

log = logging.getLogger(__name__)


class Fetch:
    """Polls one bot's updates. Every call of ``run`` goes on where the host's cursor stands."""

    def __init__(self, bot: Bot, account: Account, intake: Intake, ids: MessageIds) -> None:
        self._bot = bot
        self._account = account
        self._intake = intake
        self._ids = ids
        self._conflicts = 0

    async def run(self, put: Put, me: User) -> None:
        """Poll for ever as the bot *me*. Raises NotReady and Refused, and what *put* raises."""
        await self._account.drop_webhook()
        offset = _offset(put.cursor, me)
        patience_s = 0  # the first answer comes at once: it tells the host that messages flow
        while True:
            updates = await self._poll(offset, patience_s)
            patience_s = POLL_S
            if len(updates) < MOST:
                self._ids.caught_up()
            if not updates:
                await put()
                continue
            # The last of this batch, not the highest ever: after a quiet week Telegram counts from a new, random and
            # perhaps lower number (https://core.telegram.org/bots/api#update).
            offset = updates[-1]["update_id"] + 1
            await self._intake.take(updates, me, put, cursor=cursor_of(me, offset))

    async def _poll(self, offset: int, patience_s: int) -> list[Json]:
        try:
            updates = await self._bot.updates(offset, timeout_s=patience_s)
        except Conflict as error:
            raise await self._conflict(error) from error
        except InvalidToken as error:
            await self._account.who_am_i()  # one such answer may come from anything on the way: only getMe decides
            raise NotReady(f"Telegram does not answer to getUpdates: {error}") from error
        except TelegramError as error:
            raise away(error) from error
        if updates or patience_s:  # an empty answer that did not wait was in nobody's way, and proves nothing
            self._conflicts = 0
        return updates

    async def _conflict(self, error: Conflict) -> NotReady:
        """What a 409 means: each update goes to one poller only, so this bot misses what the other one gets."""
        pause = min(CONFLICT_S * 2**self._conflicts, LONGEST_CONFLICT_S)
        self._conflicts += 1
        cause = "another process takes this bot's messages; stop it, or give it a bot of its own"
        if "webhook" in error.message.casefold():
            cause = f"a webhook takes this bot's messages{await self._account.where()}; remove it if it is not needed"
        return NotReady(f"{cause} ({error})", retry_after=pause)


def cursor_of(me: User, offset: int) -> str:
    """The host's cursor for the bot *me*: the first update that has not been stored."""
    return json.dumps({"bot": me.id, "offset": offset})


def _offset(cursor: str | None, me: User) -> int:
    """Where to go on; a cursor of another bot, from before the token was changed, says nothing about this one."""
    known = json.loads(cursor) if cursor else {}
    return int(known["offset"]) if known.get("bot") == me.id else 0
