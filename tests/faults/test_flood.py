"""Sixty messages at once into one group, each a run of its own, under the limits that platforms have.

Three groups in one host: under Telegram's limits as it names them; under lower ones than the host reckons with, while
answers grow; and under a Synapse's, likewise. A minute has ten seconds here, the simulator's as well as the host's, and
Synapse's second a fifth of one. `bench/flood.py` is the same in real time.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from tests.both.conftest import PASSWORD, unique
from tests.faults.crowds import GROWING, MESSAGES, PEOPLE, SPEED, OnMatrix, OnTelegram, all_whole_in_order, hurry

from surfacehost_devkit.botapi import BotApi, FloodLimits
from surfacehost_devkit.faultproxy import FaultProxy
from surfacehost_devkit.homeserver import Homeserver
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.matrixfaults import SENDS
from surfacehost_devkit.matrixperson import MatrixPerson

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

NAMED = FloodLimits(chat_per_s=1.0 * SPEED, minute_s=60 / SPEED)
LOWER = FloodLimits(chat_per_s=1.0 * SPEED, minute_s=60 / SPEED, group_per_minute=16)
"""The host makes up to 18 calls a minute: a refusal alone tells it of these."""
SYNAPSE = {"per_second": 1, "burst": 10}
"""Of a Synapse that nobody configured: ten, then one in five seconds (its manual, ``rc_message``)."""

DECORATIONS = 8
"""How many calls a minute may say no answer, of the eighteen that the host makes in a group."""
LATE_MARKS = 2
"""So many may have stood for more than a minute, and are taken away when the room for that is no longer kept."""

LONGEST_S = 150.0
SETTINGS = """
[defaults]
group_policy = "open"
dm_policy = "open"
require_mention = false
busy = "queue"
rate_per_minute = 0
loop_limit = 0
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flooded:
    """The three groups, when all is over."""

    host: HostProcess
    named: OnTelegram
    lower: OnTelegram
    matrix: OnMatrix

    def is_over(self, status: dict[str, Any]) -> bool:
        """Whether as much was said as was asked, and nothing is open in the host."""
        are_said = all(len(one.texts()) >= MESSAGES for one in (self.named, self.lower, self.matrix))
        return are_said and not any(one["open"] for one in status["inbox"].values())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def flooded(tmp_path_factory: pytest.TempPathFactory, homeserver: Homeserver) -> AsyncIterator[Flooded]:
    """All write at once; most of the time is waiting for what platforms allow."""
    async with AsyncExitStack() as stack:
        apis = [await stack.enter_async_context(BotApi.serve()) for _ in range(2)]
        proxy = await stack.enter_async_context(FaultProxy.before(homeserver.url))
        accounts = [homeserver.register(unique(name), PASSWORD) for name in ("agent", *PEOPLE)]
        people = [await stack.enter_async_context(MatrixPerson(homeserver.url, one)) for one in accounts[1:]]
        named, lower = OnTelegram(apis[0], "named"), OnTelegram(apis[1], "lower", GROWING)
        matrix = OnMatrix(people, accounts[0].user_id, proxy)
        tables = named.table + lower.table + matrix.table
        host = HostProcess(tmp_path_factory.mktemp("flood"), SETTINGS + tables, first=hurry)
        stack.callback(host.close)
        await asyncio.to_thread(host.start)
        await asyncio.to_thread(host.wait_ready)
        await asyncio.gather(named.meet(NAMED), lower.meet(LOWER), matrix.meet())
        await asyncio.to_thread(homeserver.limit_rate, accounts[0].user_id, **SYNAPSE)
        await asyncio.gather(named.write("message"), lower.write("/demo grow"), matrix.write("!demo grow"))
        await named.ask_alone()
        flooded = Flooded(host=host, named=named, lower=lower, matrix=matrix)
        await host.seen(flooded.is_over, LONGEST_S)
        yield flooded


async def test_under_the_limits_that_telegram_names_not_one_call_is_refused(flooded: Flooded) -> None:
    group, api = flooded.named, flooded.named.api
    assert group.texts() == [f"echo: message {number:02}." for number in range(MESSAGES)]
    assert len(group.alone()) == 7
    assert api.flood.refused == 0
    marks = [one.params for one in api.calls.of("setMessageReaction")]
    put = {one["message_id"] for one in marks if one.get("reaction")}
    assert {one["message_id"] for one in marks} <= put  # what was left out is not taken away


async def test_under_lower_ones_it_is_silent_in_each_penalty_and_loses_nothing(flooded: Flooded) -> None:
    group, api = flooded.lower, flooded.lower.api
    assert all_whole_in_order(group.texts()), group.texts()
    assert api.flood.refused > 0
    assert api.calls.in_penalties() == []
    assert [one for one in group.answers() if one.versions[1:]]  # while there was room, one was shown as it grew
    assert group.decorations_a_minute() <= DECORATIONS + LATE_MARKS  # the rest is for answers, whoever asked


async def test_under_a_homeservers_it_is_silent_in_each_pause_and_loses_nothing(flooded: Flooded) -> None:
    room = flooded.matrix
    assert all_whole_in_order(room.texts()), room.texts()
    refused = [one for one in room.proxy.of(SENDS) if one.pause_s]
    assert refused
    assert room.proxy.in_pauses(SENDS) == []
    assert "is not listening" not in flooded.host.log_text()
    assert 0 < room.previews() <= 6  # each would take an answer's place, once there is no room for all
    later = [one.name for one in room.proxy.of(SENDS) if one.started > refused[0].ended]
    # A mark takes no answer's place; on a slow machine there may be room for one again.
    assert len([name for name in later if "/m.reaction/" in name]) <= 1
