"""Under the limits of a Synapse that nobody configured, the host killed in the middle of a pause.

Its manual, "Ratelimiting": ten messages, then one in five seconds; ten joins, then one in ten seconds; ten new rooms,
then one a minute. Two accounts in one host, each with a proxy of its own before the homeserver, side by side.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from tests.both.conftest import PASSWORD, unique
from tests.matrix.smallhost import direct_chat
from tests.matrix.test_keyrequests import notes
from tests.matrix.test_provision import rooms_in

from surfacehost_devkit.faultproxy import FaultProxy
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.matrixfaults import SENDS, limit_exceeded
from surfacehost_devkit.matrixperson import MatrixPerson, RoomEvent

JOINS, NEW_ROOMS = "POST */join", "POST */createRoom"
SPACE = '[surfaces.guide.space]\nname = "Assistant"\nrooms = ["One", "Two", "Three", "Four", "Five"]\n'
DEFAULTS = """
[defaults]
dm_policy = "open"
busy = "queue"
rate_per_minute = 0
loop_limit = 0
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """The host, its accounts and what stands before each, and the people, whom nothing limits."""

    host: HostProcess
    bots: dict[str, Account]
    proxies: dict[str, FaultProxy]
    alice: MatrixPerson
    bob: MatrixPerson

    async def until_refused(self, name: str, pattern: str, *, longer_than_s: float = 0.0) -> None:
        """Wait until the homeserver has refused *name* a call and named a pause."""

        def is_refused() -> bool:
            return any(one.pause_s > longer_than_s for one in self.proxies[name].of(pattern))

        await self.host.seen(lambda _: is_refused(), 60)


@pytest_asyncio.fixture
async def stock(tmp_path: Path, synapse_cache: Path) -> AsyncIterator[Stock]:
    async with AsyncExitStack() as stack:
        server = Homeserver(tmp_path / "stock", synapse=synapse_cache, rate_limits="stock")
        await stack.enter_async_context(server)
        bots = {name: server.register(unique(name), PASSWORD) for name in ("talker", "guide")}
        people = [server.register(unique(name), PASSWORD) for name in ("alice", "bob")]
        for one in people:
            await asyncio.to_thread(server.lift_rate_limit, one.user_id)
        proxies = {name: await stack.enter_async_context(FaultProxy.before(server.url)) for name in bots}
        tables = [
            f'[surfaces.{name}]\nplugin = "matrix"\nhomeserver = "{proxies[name].url}"\nuser_id = "{bot.user_id}"\n'
            f'password = "{PASSWORD}"\ninvites = "allow"\nencryption = false\n'
            for name, bot in bots.items()
        ]
        host = HostProcess(tmp_path / "host", DEFAULTS + "".join(tables) + SPACE)
        stack.callback(host.close)
        await asyncio.to_thread(host.start)
        await asyncio.to_thread(host.wait_ready)
        alice, bob = [await stack.enter_async_context(MatrixPerson(server.url, one)) for one in people]
        yield Stock(host=host, bots=bots, proxies=proxies, alice=alice, bob=bob)


@pytest.mark.timeout(240)
async def test_under_stock_limits_and_killed_in_a_pause_nothing_is_asked_too_early_lost_or_doubled(
    stock: Stock,
) -> None:
    await asyncio.gather(_a_chat(stock), _spaces(stock), _killed(stock))
    for name, proxy in stock.proxies.items():
        assert len(proxy.of("POST */login")) == 1, name  # of which there are five, and then one in five minutes
        for pattern in (SENDS, JOINS, NEW_ROOMS, "PUT */state/*"):
            assert proxy.in_pauses(pattern) == [], name


async def _killed(stock: Stock) -> None:
    """As soon as a pause is noted."""
    await stock.host.seen(lambda _: any(notes(stock.host.folder.parent, "limited")))
    stock.host.kill()
    await asyncio.to_thread(stock.host.start)


async def _a_chat(stock: Stock) -> None:
    """Answers are shown as they grow, until there is no room for that; whole, and in order, they all come."""
    alice, bot = stock.alice, stock.bots["talker"]
    room = await direct_chat(alice, bot)
    asked = ["!demo stream 40 0.1", *(f"number {number}" for number in range(8)), "!demo stream 41 0.1"]
    for text in asked:
        await alice.send(room, text)
    await alice.wait_for(lambda: "word41" in alice.seen.said(room, bot.user_id)[-1], 90)
    first, *answers, final = alice.seen.said(room, bot.user_id)[1:]
    assert (first[-6:], answers, final[-6:]) == ("word40", [f"echo: number {number}" for number in range(8)], "word41")
    _, first_shown, *_, last_shown = [one.event_id for one in said_by(alice, room, bot) if not one.replaces]
    replaced = [one.replaces for one in said_by(alice, room, bot)]
    assert replaced.count(first_shown) >= 2
    assert replaced.count(last_shown) <= 1  # the whole of it, in place of what was shown once at the most


def said_by(person: MatrixPerson, room: str, bot: Account) -> list[RoomEvent]:
    return [one for one in person.seen.events[room] if one.sender == bot.user_id and one.body]


async def _spaces(stock: Stock) -> None:
    """A Space is whole in the end; that it has to wait with another one keeps no answer from anybody."""
    alice, bob, bot = stock.alice, stock.bob, stock.bots["guide"]
    await alice.create_room(direct=True, invite=[bot.user_id])
    space = (await alice.wait_invite(bot.user_id)).room_id
    await alice.join(space)
    await alice.wait_for(lambda: sum(one.type == "m.space.child" for one in alice.seen.events[space]) == 5, 90)
    rooms = await rooms_in(alice, space)
    assert [one["name"] for one in rooms] == ["One", "Two", "Three", "Four", "Five"]
    assert not [invite for invite in alice.seen.invites.values() if invite.inviter == bot.user_id]
    one = await alice.join(rooms[0]["room_id"])
    await alice.wait_for(lambda: alice.seen.said(one, bot.user_id))
    for pattern in (NEW_ROOMS, JOINS):
        stock.proxies["guide"].faults.plan(pattern, limit_exceeded(300))  # as after some more of them
        await bob.create_room(direct=True, invite=[bot.user_id])
        await stock.until_refused("guide", pattern, longer_than_s=100)
    question = await alice.send(one, "still there?")
    await alice.replies(one, after=question, from_=bot.user_id, timeout_s=25)
