"""Delivery of updates to a bot's webhook: one after the other, repeated until it says 2xx."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field

import httpx

from surfacehost_devkit.botapi.bell import Bell
from surfacehost_devkit.botapi.clock import Clock, Pace
from surfacehost_devkit.botapi.model import Json
from surfacehost_devkit.botapi.updates import UpdateQueue

log = logging.getLogger(__name__)
_LONGEST_PAUSE_S = 60.0
_ANSWER_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """What `setWebhook` was given."""

    url: str
    secret_token: str = field(default="", repr=False)
    max_connections: int = 40
    ip_address: str = ""


class Webhook:
    """Posts a queue's updates to one address, in order, without ever having two under way."""

    def __init__(self, settings: WebhookSettings, queue: UpdateQueue, clock: Clock, pace: Pace, bell: Bell) -> None:
        self.settings = settings
        self.last_error_date = 0
        self.last_error_message = ""
        self._queue = queue
        self._clock = clock
        self._pace = pace
        self._bell = bell
        self._task = asyncio.create_task(self._deliver(), name="bot api webhook")

    async def stop(self) -> None:
        """Stop delivering; what is not confirmed stays in the queue."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _deliver(self) -> None:
        pause = self._pace.webhook_retry_s
        async with httpx.AsyncClient(trust_env=False, timeout=_ANSWER_WITHIN_S) as client:
            while True:
                number, body = await self._next()
                if await self._post(client, body):
                    self._queue.confirm(number)
                    pause = self._pace.webhook_retry_s
                else:
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, _LONGEST_PAUSE_S)

    async def _next(self) -> tuple[int, Json]:
        while not self._queue.pending:
            self._queue.arrived.clear()
            await self._queue.arrived.wait()
        return self._queue.pending[0]

    async def _post(self, client: httpx.AsyncClient, body: Json) -> bool:
        secret = self.settings.secret_token
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret} if secret else {}
        try:
            response = await client.post(self.settings.url, json=body, headers=headers)
        except httpx.HTTPError as broken:
            log.info("webhook unreachable: %s", type(broken).__name__)
            self._failed("Connection refused" if isinstance(broken, httpx.ConnectError) else type(broken).__name__)
            return False
        if response.is_success:
            return True
        self._failed(f"Wrong response from the webhook: {response.status_code} {response.reason_phrase}")
        return False

    def _failed(self, reason: str) -> None:
        self.last_error_date = int(self._clock.wall())
        self.last_error_message = reason
        self._bell.ring()
