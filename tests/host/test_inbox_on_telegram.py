"""What can happen to a message on Telegram, and the operator's hand on it: the real process, the Bot API simulator."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from surfacehost_devkit.botapi import Account, BotApi
from surfacehost_devkit.hostprocess import HostProcess


class Phone:
    """Ann's Telegram, the bot's host, and its operator."""

    def __init__(self, api: BotApi, host: HostProcess) -> None:
        self.api = api
        self.host = host
        self.ann: Account = api.world.person("Ann")

    async def operate(self, *words: str) -> str:
        """What ``surfacehost inbox`` says."""
        done = await asyncio.to_thread(self.host.command, "inbox", *words)
        assert done.returncode == 0, done
        return done.stdout

    async def seen(self, condition: Any) -> None:
        """Wait until *condition* holds of the host's status."""
        await self.host.seen(condition)

    def heard(self, after: int) -> list[str]:
        """What the bot said to Ann behind the message *after*."""
        return [message.content.text for message in self.api.world.replies(self.ann.id, after=after)]


@pytest_asyncio.fixture
async def phone(tmp_path: Path) -> AsyncIterator[Phone]:
    async with BotApi.serve() as api:
        table = f'[surfaces.telegram]\ntoken = "{api.world.bot().token}"\nbase_url = "{api.url}"\n'
        defaults = '[defaults]\ndm_policy = "open"\nrate_per_minute = 0\nbusy = "queue"\n'
        host = HostProcess(tmp_path / "host", f"{defaults}{table}")
        await asyncio.to_thread(host.start)
        try:
            await asyncio.to_thread(host.wait_ready)
            yield Phone(api, host)
        finally:
            host.close()


async def test_an_answer_that_the_chat_refused_is_sent_once_it_takes_messages_again(phone: Phone) -> None:
    asked = phone.api.world.write(phone.ann, "/demo slow 2").id
    await phone.seen(lambda status: any("asked" in str(way["steps"]) for way in status["ways"]))
    phone.api.world.block(phone.ann)
    await phone.seen(lambda status: status["ways"] and not status["inbox"])
    listed = await phone.operate("list", "--state", "refused")
    assert "bot was blocked by the user" in listed
    assert await phone.operate("list") == "no such message\n"
    phone.api.world.unblock(phone.ann)
    number = listed.splitlines()[1].split()[0]
    assert "what was not yet sent of its answer is sent" in await phone.operate("retry", number)
    await phone.seen(lambda status: str(status["ways"]).count("'settled'") == 2)
    assert phone.heard(asked) == ["I waited 2 s."]
    way = (await asyncio.to_thread(phone.host.status))["ways"][0]
    assert [step for step, _ in way["steps"]].count("asked") == 1


async def test_a_message_of_a_later_version_parks_and_is_answered_once_it_can_be_read(phone: Phone) -> None:
    phone.api.world.write(phone.ann, "/demo slow 60")
    await phone.seen(lambda status: any("asked" in str(way["steps"]) for way in status["ways"]))
    phone.host.kill()
    database = phone.host.folder / "var" / "surfacehost.db"
    later = """update inbox set body = replace(replace(body, '"Message"', '"Reaction"'), '/demo slow 60', 'hello')"""
    await asyncio.to_thread(_execute, database, later)
    await asyncio.to_thread(phone.host.start)
    await phone.seen(lambda status: status["inbox"].get("telegram", {}).get("parked") == 1)
    behind = phone.api.world.write(phone.ann, "and this?").id
    assert (await phone.api.world.wait_for_reply(phone.ann.id, after=behind)).content.text == "echo: and this?"
    readiness = await asyncio.to_thread(phone.host.readiness)
    assert "telegram: ok, 1 parked: surfacehost inbox list\n" in readiness[1]
    number = (await phone.operate("list")).splitlines()[1].split()[0]
    assert "no event: 'Reaction'" in await phone.operate("show", number)
    await phone.operate("retry", number)
    await phone.seen(lambda status: status["inbox"].get("telegram", {}).get("parked") == 1)
    await asyncio.to_thread(_execute, database, """update inbox set body = replace(body, '"Reaction"', '"Message"')""")
    await phone.operate("retry", number)
    answer = await phone.api.world.wait_for_reply(phone.ann.id, after=behind + 1, timeout_s=20)
    assert answer.content.text == "echo: hello"


def _execute(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()
