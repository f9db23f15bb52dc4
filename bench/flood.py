"""Sixty messages at once into one group, under the limits that platforms have as they come: `python bench/flood.py`.

A Telegram group in the simulator, with its model of Telegram's limits, and a room on a Synapse with stock limits, each
with a host of its own that answers every message by itself (`busy = "queue"`). Or `python bench/flood.py collect`.
"""

import asyncio
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from surfacehost_devkit.botapi import BotApi, FloodLimits
from surfacehost_devkit.faultproxy import FaultProxy
from surfacehost_devkit.homeserver import Homeserver, install
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.matrixfaults import SENDS
from surfacehost_devkit.matrixperson import MatrixPerson

MESSAGES = 60
PASSWORD = "correct-horse"
SETTINGS = """
[defaults]
group_policy = "open"
dm_policy = "open"
rate_per_minute = 0
loop_limit = 0
busy = "{busy}"
"""
LONGEST_S = 900.0


def words(number: int) -> str:
    """What is said in message *number*."""
    return f"message {number:02}."


def report(where: str, texts: Sequence[str], began: float, refusals: int, called: int) -> None:
    """Print the line of one platform. *called*: how many calls were made while it wanted silence."""
    heard = Counter(found for text in texts for found in re.findall(r"message \d\d\.", text))
    lost = sum(words(number) not in heard for number in range(MESSAGES))
    doubled = sum(count > 1 for count in heard.values())
    took_s = time.perf_counter() - began
    print(f"{where:10}{len(texts):10}{lost:8}{doubled:10}{refusals:10}{called:16}{took_s:10.0f} s", flush=True)


async def settled(host: HostProcess, surface: str) -> None:
    """Wait until everything that was said has been answered."""
    await asyncio.to_thread(
        host.wait_for, lambda status: status["ways"] and not status["inbox"].get(surface, {}).get("open"), LONGEST_S
    )


async def on_telegram(folder: Path, busy: str) -> None:
    """Three people of a group write twenty messages each, in turn."""
    async with BotApi.serve() as api, AsyncExitStack() as stack:
        bot = api.world.bot("agent_bot")
        people = [api.world.person(name) for name in ("Alice", "Bob", "Carol")]
        group = api.groups.supergroup("Team", people[0], people[1:])
        api.groups.add_bot(group, people[0])
        table = f'[surfaces.telegram]\ntoken = "{bot.token}"\nbase_url = "{api.url}"\n'
        host = HostProcess(folder / "telegram", SETTINGS.format(busy=busy) + table)
        stack.callback(host.close)
        api.flood.switch(FloodLimits())
        await asyncio.to_thread(host.start)
        await asyncio.to_thread(host.wait_ready)
        first, began = await api.world.wait_for_reply(group), time.perf_counter()
        for number in range(MESSAGES):
            api.world.write(people[number % 3], f"@agent_bot {words(number)}", group)
        await api.world.wait_for_reply(group, after=first)
        await settled(host, "telegram")
        texts = [one.content.text for one in api.world.replies(group, after=first)]
        report("Telegram", texts, began, api.flood.refused, len(api.calls.in_penalties()))


async def on_matrix(folder: Path, busy: str, server: Homeserver) -> None:
    """Alice, whom the server lets write as fast as she likes, writes sixty messages into her room with the bot."""
    bot, account = server.register("agent", PASSWORD), server.register("alice", PASSWORD)
    await asyncio.to_thread(server.lift_rate_limit, account.user_id)
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(FaultProxy.before(server.url))
        alice = await stack.enter_async_context(MatrixPerson(server.url, account))
        table = f'[surfaces.matrix]\nhomeserver = "{proxy.url}"\nuser_id = "{bot.user_id}"\npassword = "{PASSWORD}"\n'
        host = HostProcess(folder / "matrix", f'{SETTINGS.format(busy=busy)}{table}invites = "allow"\n')
        stack.callback(host.close)
        await asyncio.to_thread(host.start)
        await asyncio.to_thread(host.wait_ready)
        room = await alice.create_room(direct=True, invite=[bot.user_id])
        await alice.wait_for(lambda: alice.seen.said(room, bot.user_id), 60)
        began = time.perf_counter()
        for number in range(MESSAGES):
            last = await alice.send(room, words(number))
        await alice.replies(room, after=last, from_=bot.user_id, timeout_s=LONGEST_S)
        await settled(host, "matrix")
        final = words(MESSAGES - 1)
        await alice.wait_for(lambda: any(final in text for text in alice.seen.said(room, bot.user_id)), 60)
        refused = sum(one.status == 429 for one in proxy.of(SENDS))
        in_pauses = len(proxy.in_pauses(SENDS))
        report("Matrix", alice.seen.said(room, bot.user_id)[1:], began, refused, in_pauses)


async def measure(folder: Path, busy: str, server: Homeserver) -> None:
    """Print the table."""
    print(f"{busy:10}{'answers':>10}{'lost':>8}{'doubled':>10}{'refused':>10}{'in penalties':>16}{'took':>12}")
    await asyncio.gather(on_telegram(folder, busy), on_matrix(folder, busy, server))


def main() -> None:
    """Measure with the mode that is named, or with an answer for each message."""
    busy = sys.argv[1] if len(sys.argv) > 1 else "queue"
    with tempfile.TemporaryDirectory() as folder:
        synapse = install(progress=lambda _: None)
        with Homeserver(Path(folder) / "homeserver", synapse=synapse, rate_limits="stock") as server:
            asyncio.run(measure(Path(folder), busy, server))


if __name__ == "__main__":
    main()
