"""Updates that Telegram brings: https://core.telegram.org/bots/webhooks.

A request is answered with 200 once its update is on the disk, and with 503 while it can't be: Telegram then brings it
again. It brings the messages of a chat one after another (https://github.com/tdlib/telegram-bot-api, ``WebhookActor``),
but beside them, and each with pauses of its own, taps on buttons by who tapped, and what happens to the bot. So one may
overtake another; they are put into the order of their numbers before they are stored.
"""

import asyncio
import hmac
import json
import logging
from contextlib import suppress
from itertools import pairwise
from time import monotonic
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from telegram import User

from surfacehost import NotReady, Put
from surfacehost_telegram.account import Account
from surfacehost_telegram.fetch import CONFLICT_S, cursor_of
from surfacehost_telegram.intake import Intake
from surfacehost_telegram.readback import MessageIds

SECRET = "x-telegram-bot-api-secret-token"  # noqa: S105 - the header's name
MOST_BYTES = 1_000_000
"""No update is larger: the Bot API server drops those above 512 KiB."""
HOLD_S = 0.3
"""How long an update waits for those with a lower number that have not come yet."""
RETRY_AFTER = "2"
"""Seconds after which Telegram shall bring again what could not be stored; its own pauses grow to a minute."""
RETURN_S = 5.0
"""How long an update waits for those with a lower number that are to be brought again."""
LOOK_S = 30.0
"""How often Telegram is asked how the deliveries go: silence alone tells nothing."""

log = logging.getLogger(__name__)


class Webhook:
    """One bot's updates as they are brought, for as long as ``run`` runs."""

    def __init__(self, url: str, account: Account, intake: Intake, ids: MessageIds) -> None:
        self._url = url
        self._account = account
        self._intake = intake
        self._ids = ids
        self._secret = ""
        self._waiting: list[tuple[int, object, asyncio.Future[None]]] = []
        self._came = asyncio.Event()
        self._next: int | None = None
        self._returning: dict[int, float] = {}
        """Numbers of updates that could not be stored, and until when they are waited for."""

    async def run(self, put: Put, me: User) -> None:
        """Have updates brought and store them. Raises NotReady and Refused."""
        self._secret = await self._account.set_webhook(self._url, me)
        # Whatever Telegram still has when polling takes over has not been stored: it begins with the oldest.
        await put(cursor=cursor_of(me, 0))
        self._ids.caught_up()
        work = [asyncio.create_task(self._store(put, me)), asyncio.create_task(self._look(put))]
        try:
            ended, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            self._secret = ""
            for task in work:
                task.cancel()
            await asyncio.wait(work)
            self._fail(NotReady("nobody is listening any more"))

    def app(self) -> ASGIApp:
        """What is served where Telegram brings its updates."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                return
            with suppress(ClientDisconnect):
                await (await self._answer(Request(scope, receive)))(scope, receive, send)

        return serve

    async def _answer(self, request: Request) -> PlainTextResponse:
        if request.method != "POST":
            return PlainTextResponse("only for Telegram\n", 405, headers={"allow": "POST"})
        if not self._secret:
            return _later("nobody is listening")
        if not hmac.compare_digest(request.headers.get(SECRET, "").encode(), self._secret.encode()):
            return PlainTextResponse("only for Telegram\n", 403)
        body = await _body(request)
        if body is None:
            return PlainTextResponse("too large\n", 413)
        try:
            await self._keep(_read(body))
        except NotReady as error:
            log.warning("an update could not be stored, Telegram brings it again: %s", error)
            return _later(str(error))
        return PlainTextResponse("ok\n")

    async def _keep(self, raw: object) -> None:
        """Return once *raw* is on the disk. Raises NotReady."""
        stored = asyncio.get_running_loop().create_future()
        number = raw.get("update_id") if isinstance(raw, dict) else None
        self._waiting.append((number if isinstance(number, int) else 0, raw, stored))
        self._came.set()
        await stored

    async def _store(self, put: Put, me: User) -> None:
        """Store what comes, all that is there at once, in the order of the numbers."""
        while True:
            await self._came.wait()
            await self._wait_for_the_others()
            self._came.clear()
            batch, self._waiting = sorted(self._waiting, key=lambda one: one[0]), []
            try:
                await self._intake.take([raw for _, raw, _ in batch], me, put)
            except NotReady as error:
                self._returning |= dict.fromkeys((number for number, _, _ in batch), monotonic() + RETURN_S)
                _resolve(batch, error)
                continue
            except BaseException:
                _resolve(batch, NotReady("it could not be stored"))
                raise
            self._next = batch[-1][0] + 1
            _resolve(batch)

    async def _wait_for_the_others(self) -> None:
        """Wait until no number is missing among those that came, or for as long as any of them may be held back."""
        since = monotonic()
        while (wait_s := self._held_until(since) - monotonic()) > 0:
            self._came.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._came.wait()

    def _held_until(self, since: float) -> float:
        """Until when those that wait *since* then are held back for what is missing; the past: nothing is."""
        numbers = sorted(number for number, _, _ in self._waiting)
        begins = self._next is not None and numbers[0] <= self._next
        if begins and all(after - before <= 1 for before, after in pairwise(numbers)):
            return 0.0
        self._returning = {number: until for number, until in self._returning.items() if until > monotonic()}
        missing = [until for number, until in self._returning.items() if number < numbers[-1] and number not in numbers]
        return max([since + HOLD_S, *missing])

    async def _look(self, put: Put) -> None:
        """Ask Telegram from time to time: that it answers is a sign of life, and it tells what went wrong."""
        told = 0.0
        while True:
            await asyncio.sleep(LOOK_S)
            info = await self._account.webhook()
            if info.url != self._url:
                place = (
                    f"a webhook at {self._account.shown(info.url)}" if info.url else "one that has removed our webhook"
                )
                cause = f"another process takes this bot's messages, {place}; stop it, or give it a bot of its own"
                raise NotReady(cause, retry_after=CONFLICT_S)
            at = info.last_error_date.timestamp() if info.last_error_date is not None else 0.0
            if at > told:
                waiting, why = info.pending_update_count, info.last_error_message
                log.warning("Telegram could not bring an update, %s are waiting: %s", waiting, why)
            told = max(told, at)
            await put()

    def _fail(self, error: NotReady) -> None:
        batch, self._waiting = self._waiting, []
        self._came.clear()
        _resolve(batch, error)


def _resolve(batch: list[tuple[int, object, asyncio.Future[None]]], error: NotReady | None = None) -> None:
    for _, _, stored in batch:
        if stored.done():  # whoever brought it has hung up
            continue
        stored.set_result(None) if error is None else stored.set_exception(error)


async def _body(request: Request) -> bytes | None:
    """The body, none if it is too large to be an update."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            return None
    return body


def _read(body: bytes) -> Any:  # noqa: ANN401 - JSON
    """The update; what is no JSON as text, to be parked: refused, it would come again for ever."""
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


def _later(why: str) -> PlainTextResponse:
    return PlainTextResponse(f"{why}\n", 503, headers={"retry-after": RETRY_AFTER})
