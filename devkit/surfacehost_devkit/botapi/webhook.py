"""Delivery of updates to a bot's webhook: those of one chat one after the other, repeated until it says 2xx.

Source of the rules: the Bot API server's `WebhookActor`.
"""

import asyncio
import logging
from dataclasses import dataclass, field

import httpx

from surfacehost_devkit.botapi.bell import Bell
from surfacehost_devkit.botapi.clock import Clock, Pace
from surfacehost_devkit.botapi.model import Json
from surfacehost_devkit.botapi.updates import UpdateQueue
from surfacehost_devkit.plain import NO_TLS

log = logging.getLogger(__name__)
_LONGEST_PAUSE_S = 60.0
_LONGEST_RETRY_AFTER_S = 3600.0
_ANSWER_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """What `setWebhook` was given."""

    url: str
    secret_token: str = field(default="", repr=False)
    max_connections: int = 40
    ip_address: str = ""


class Webhook:
    """Posts a queue's updates to one address, those of different chats side by side."""

    def __init__(self, settings: WebhookSettings, queue: UpdateQueue, clock: Clock, pace: Pace, bell: Bell) -> None:
        self.settings = settings
        self.last_error_date = 0
        self.last_error_message = ""
        self._queue = queue
        self._clock = clock
        self._pace = pace
        self._bell = bell
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._task = asyncio.create_task(self._deliver(), name="bot api webhook")

    async def stop(self) -> None:
        """Stop delivering; what is not confirmed stays in the queue."""
        tasks = [self._task, *self._under_way.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _deliver(self) -> None:
        async with httpx.AsyncClient(verify=NO_TLS, trust_env=False, timeout=_ANSWER_WITHIN_S) as client:
            while True:
                self._queue.arrived.clear()
                for number, body in [*self._queue.pending]:
                    line = _line_of(number, body)
                    if line not in self._under_way and len(self._under_way) < self.settings.max_connections:
                        task = asyncio.create_task(self._bring(client, number, body))
                        self._under_way[line] = task
                        task.add_done_callback(lambda _, line=line: self._brought(line))  # type: ignore[misc]
                await self._queue.arrived.wait()

    def _brought(self, line: str) -> None:
        self._under_way.pop(line, None)
        self._queue.arrived.set()

    async def _bring(self, client: httpx.AsyncClient, number: int, body: Json) -> None:
        """Post one update until it is taken. The first repetition comes at once."""
        pause, delay = 0.0, self._pace.webhook_retry_s
        while True:
            asked = await self._post(client, body)
            if asked is None:
                self._queue.forget(number)
                return
            await asyncio.sleep(asked or pause)
            delay = pause = min(delay * 2, _LONGEST_PAUSE_S)

    async def _post(self, client: httpx.AsyncClient, body: Json) -> float | None:
        """None if it was taken, else how many seconds the host asks to wait; 0: it does not say."""
        secret = self.settings.secret_token
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret} if secret else {}
        try:
            response = await client.post(self.settings.url, json=body, headers=headers)
        except httpx.HTTPError as broken:
            log.info("webhook unreachable: %s", type(broken).__name__)
            is_refused = isinstance(broken, httpx.ConnectError)
            self._failed("Connection refused" if is_refused else "Webhook connection closed")
            return 0.0
        if response.is_success:
            return None
        self._failed(f"Wrong response from the webhook: {response.status_code} {response.reason_phrase}")
        asked = response.headers.get("retry-after", "")
        return min(float(asked), _LONGEST_RETRY_AFTER_S) if asked.isdigit() else 0.0

    def _failed(self, reason: str) -> None:
        self.last_error_date = int(self._clock.wall())
        self.last_error_message = reason
        self._bell.ring()


def _line_of(number: int, update: Json) -> str:
    """What goes one after the other: the messages of a chat, and other news by kind and chat or person."""
    kind, body = next(((name, value) for name, value in update.items() if name != "update_id"), ("", None))
    if not isinstance(body, dict):
        return str(number)
    place = body.get("chat") or body.get("from")
    kind = "message" if kind == "edited_message" else kind
    return f"{kind} {place.get('id')}" if isinstance(place, dict) else str(number)
