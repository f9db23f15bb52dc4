"""Reading from a homeserver that is slow, silent, limits us or answers nonsense: nothing is lost or said twice."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest_asyncio
from tests.matrix.smallhost import asked, direct_chat, settings_text

from surfacehost import supervise
from surfacehost_devkit import faults
from surfacehost_devkit.faultproxy import FaultProxy
from surfacehost_devkit.faults import Fault
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.matrixfaults import SYNC, limit_exceeded
from surfacehost_devkit.matrixperson import MatrixPerson
from surfacehost_matrix import homeserver as reading

WHOAMI = "GET */account/whoami"
BROKEN = {
    "500": faults.answer(500, {"errcode": "M_UNKNOWN", "error": "Internal server error"}),
    "502 HTML": faults.bad_gateway(),
    "200 HTML": faults.answer(200, "<html></html>"),
    "broken JSON": faults.garbage(),
    "broken UTF-8": Fault(kind="answer", body=b'{"next_batch": "\xff"}'),
    "no object": faults.answer(200, []),
    "no token": faults.answer(200, {"rooms": {}}),
    "half an answer": faults.half(),
    "reset": faults.reset(),
    "redirect": faults.answer(302, "", headers={"Location": "/_matrix/client/v3/sync"}),
    "429 with a body": limit_exceeded(2),
    "429 with a header only": faults.answer(429, "", headers={"Retry-After": "1"}),
}


@pytest_asyncio.fixture
async def proxy(homeserver: Homeserver) -> AsyncIterator[FaultProxy]:
    async with FaultProxy.before(homeserver.url) as before:
        yield before


def be_impatient() -> None:
    """The clocks of reading run down sooner, and one that was up for a moment has not failed before."""
    for name, seconds in {"PROBE_S": 0.5, "FIRST_SYNC_S": 1.5, "POLL_S": 1, "POLL_LIMIT_S": 1.5}.items():
        setattr(reading, name, seconds)
    supervise.STEADY_S = 0.0


@pytest_asyncio.fixture
async def process(proxy: FaultProxy, bot: Account, tmp_path: Path) -> AsyncIterator[HostProcess]:
    """The real host, which reaches the homeserver through the proxy."""
    settings = settings_text(proxy.url, bot, defaults='busy = "queue"\nrate_per_minute = 0\nloop_limit = 0')
    with HostProcess(tmp_path / "host", settings, first=be_impatient) as process:
        await asyncio.to_thread(process.wait_ready)
        yield process
        proxy.faults.release()


async def test_no_answer_to_a_sync_loses_or_doubles_anything(
    process: HostProcess, proxy: FaultProxy, alice: MatrixPerson, bot: Account
) -> None:
    room = await direct_chat(alice, bot)
    for name, fault in BROKEN.items():
        # A poll; and for some the first sync of the connection after it, which still has to go on from its token.
        proxy.faults.plan(SYNC, fault, times=2 if name in ("500", "502 HTML") else 1)
        question = await alice.send(room, name)
        await alice.replies(room, after=question, from_=bot.user_id)
    assert not proxy.faults.is_planned
    assert alice.seen.said(room, bot.user_id)[1:] == [f"echo: {name}" for name in BROKEN]
    syncs = proxy.of(SYNC)
    waited = [then.started - one.ended for one, then in pairwise(syncs) if one.status == 429]
    assert len(waited) == 2
    # What it was told: not the half second that the host waits at least, nor the five of an answer that tells nothing.
    assert 2 <= waited[0] < 5
    assert 1 <= waited[1] < 5
    # Each costs one connection, and nothing spins. (A call on a kept connection that is reset aiohttp makes again.)
    assert len(losses(process)) in (len(BROKEN) + 1, len(BROKEN) + 2)
    assert "Traceback" not in process.log_text()


def losses(process: HostProcess) -> list[str]:
    """What the host logged when it had lost its connection."""
    return [line for line in process.log_text().splitlines() if "is not listening" in line]


async def test_a_silent_homeserver_is_given_up_and_asked_again(
    process: HostProcess, proxy: FaultProxy, alice: MatrixPerson, bot: Account
) -> None:
    room = await direct_chat(alice, bot)
    proxy.faults.plan(SYNC, faults.hang(), times=2)
    question = await alice.send(room, "are you there?")
    await alice.replies(room, after=question, from_=bot.user_id)
    proxy.faults.plan(SYNC, faults.delay(0.5, acts=True), times=2)
    slow = await alice.send(room, "and slow?")
    await alice.replies(room, after=slow, from_=bot.user_id)
    proxy.faults.release()
    assert len(proxy.of(WHOAMI)) >= 2 + 1  # each connection asks who it is, and the first sync whether anybody is there
    assert len(losses(process)) >= 2
    assert all("in time" in line for line in losses(process))
    assert alice.seen.said(room, bot.user_id)[1:] == ["echo: are you there?", "echo: and slow?"]


async def test_a_room_without_its_history_waits_and_all_of_it_is_answered_later(
    process: HostProcess, proxy: FaultProxy, alice: MatrixPerson, bot: Account
) -> None:
    room, other = [await direct_chat(alice, bot) for _ in range(2)]
    history = f"GET */rooms/*{room[1:]}/messages"

    async def away(numbers: range, answer: Fault) -> None:
        """Write more than a first sync brings while it is away, and have it come back to this *answer*."""
        process.kill()
        for number in numbers:
            await alice.send(room, str(number))
        proxy.faults.plan(history, answer, times=None)
        await asyncio.to_thread(process.start)

    await away(range(12), BROKEN["500"])
    assert await asked(alice, other, bot, "one") == "echo: one"
    await alice.send(room, "12")
    process.kill()
    await asyncio.to_thread(process.start)  # what waits is kept over that
    assert await asked(alice, other, bot, "two") == "echo: two"
    assert len(alice.seen.said(room, bot.user_id)) == 1  # the greeting
    proxy.faults.clear(history)
    await alice.wait_for(lambda: len(alice.seen.said(room, bot.user_id)) == 14)
    assert alice.seen.said(room, bot.user_id)[1:] == [f"echo: {number}" for number in range(13)]

    await away(range(13, 28), faults.answer(400, {"errcode": "M_UNKNOWN", "error": "no such place"}))
    assert await asked(alice, other, bot, "three") == "echo: three"
    await alice.wait_for(lambda: alice.seen.said(room, bot.user_id)[-1] == "echo: 27")
    assert alice.seen.said(room, bot.user_id)[14:] == [f"echo: {number}" for number in range(18, 28)]
    assert f"the history of {room} is closed to us" in process.log_text()
