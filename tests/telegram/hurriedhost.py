"""A real ``surfacehost run`` that waits as short as it can, with a bot for each way in which there may be one.

It does not wait for answers for long either. A proxy stands between Telegram and the host. Telegram takes no file of
more than a megabyte, the server of one's own what it does.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from tests.botapi.judge import judge_update
from tests.telegram.payloads import Json, message
from tests.telegram.wholehost import Talk, prepare

from surfacehost_devkit.botapi import Account, Bot, BotApi, Pace
from surfacehost_devkit.faultproxy import FaultProxy
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.ports import free_port
from surfacehost_telegram import bot, calls, fetch, readback, stream, surface, webhook

DELIVERIES = ("probe", "edit", "again", "once")
OTHERS = {
    "brought": 'mode = "webhook"',
    "local": "local_mode = true",
    "edits": 'stream = "edit"',
    "drafts": 'stream = "draft"',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hurried(Talk):
    """The first bot polls and probes."""

    deliveries: Mapping[str, Bot]
    """One for each way of ``delivery``."""
    brought: Bot
    """One whose updates Telegram brings."""
    local: Bot
    """One on a server that shares the host's disk."""
    edits: Bot
    """One whose answers grow by edits alone, and one for which there are drafts or nothing."""
    drafts: Bot
    proxy: FaultProxy
    """What they come through."""

    def brings(self, bot: Bot, person: Account, number: int, **fields: object) -> None:
        """Let *bot* be told of message *number* of *person*, which is what *fields* say."""
        bot.queue.put_raw({"message": _message(person, number, **fields)})

    async def bring(self, person: Account, number: int, text: str) -> int:
        """What the host answers when message *number* of *person* is brought to the bot with a webhook."""
        return await self.deliver(self.delivery(person, number, text))

    def delivery(self, person: Account, number: int, text: str) -> bytes:
        """What Telegram would bring of message *number* of *person*."""
        update = {"message": _message(person, number, text=text), "update_id": 900_000_000 + number}
        return json.dumps(update).encode()

    async def deliver(self, content: bytes, *, secret: str | None = None) -> int:
        """What the host answers when *content* is brought to the bot with a webhook, with its own secret or another."""
        settings = self.api.state.webhooks[self.brought.id].settings
        headers = {"X-Telegram-Bot-Api-Secret-Token": settings.secret_token if secret is None else secret}
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.post(settings.url, content=content, headers=headers)).status_code

    async def deliver_half(self, content: bytes) -> None:
        """Begin to bring *content* to the bot with a webhook, and break off."""
        settings, address = self.api.state.webhooks[self.brought.id].settings, urlsplit(self.host.address)
        _, writer = await asyncio.open_connection(address.hostname, address.port)
        head = f"POST {urlsplit(settings.url).path} HTTP/1.1\r\nHost: here\r\nContent-Length: {len(content)}\r\n"
        writer.write(f"{head}X-Telegram-Bot-Api-Secret-Token: {settings.secret_token}\r\n\r\n".encode())
        writer.write(content[: len(content) // 2])
        await writer.drain()
        writer.close()
        await writer.wait_closed()


def _message(person: Account, number: int, **fields: object) -> Json:
    chat = {"id": person.id, "first_name": "Alice", "type": "private"}
    who = {"id": person.id, "is_bot": False, "first_name": "Alice", "language_code": "en"}
    told = {**message(chat)["message"], "message_id": number, "from": who, **fields}
    judge_update({"update_id": number, "message": told})
    return told


def hurry(upload_s: float) -> None:
    """In the host's process, before it begins."""
    prepare()
    vars(bot).update(ANSWER_S=3.0, POLL_MARGIN_S=1.0)
    vars(calls).update(UPLOAD_S=upload_s)
    vars(fetch).update(POLL_S=2, CONFLICT_S=0.5)
    vars(readback).update(NEWS_S=1.0)
    vars(stream).update(KEEP_S=0.5, EVERY_S=0.4)
    vars(surface).update(CLOUD_BYTES=1_000_000)
    vars(webhook).update(LOOK_S=0.3, RETRY_AFTER="1", HOLD_S=1.0, RETURN_S=2.5, CONFLICT_S=0.5)


@asynccontextmanager
async def hurried_host(folder: Path, data: Path, *, upload_s: float = 3.0) -> AsyncIterator[Hurried]:
    """Start it, ready to talk, with its data in *data*; a file may take *upload_s* seconds on its way."""
    port = free_port()
    pace = Pace(hurry_wait_s=0.05, conflict_wait_s=0.05, webhook_retry_s=0.05)
    async with BotApi.serve(pace=pace) as api, FaultProxy.before(f"http://127.0.0.1:{port}") as proxy:
        bots = {name: api.world.bot(f"{name}_bot") for name in (*DELIVERIES, *OTHERS)}
        bob = api.world.person("Bob")
        settings = f"""
            [host]
            data_dir = "{data}"
            locale = "en"
            log_level = "debug"
            [web]
            listen = "127.0.0.1:{port}"
            public_url = "{proxy.url}"
            [media]
            max_mb = 45
            [defaults]
            dm_policy = "open"
            allow = ["{bob.id}"]
            busy = "queue"
            rate_per_minute = 0
            loop_limit = 0
        """
        for name, one in bots.items():
            way = OTHERS.get(name, f'delivery = "{name}"')
            settings += f'[surfaces.{name}]\nplugin = "telegram"\ntoken = "{one.token}"\n'
            settings += f'base_url = "{api.url}"\n{way}\n'
        host = HostProcess(folder, settings, first=partial(hurry, upload_s))
        try:
            await asyncio.to_thread(host.start)
            await asyncio.to_thread(host.wait_ready)
            yield Hurried(
                api=api, host=host, bot=bots["probe"], bob=bob, proxy=proxy,
                deliveries={name: bots[name] for name in DELIVERIES}, **{name: bots[name] for name in OTHERS},
            )  # fmt: skip
        finally:
            host.close()
