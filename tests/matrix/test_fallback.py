"""The key that is left when all one-time keys are used up, while the host dies and its homeserver refuses it."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from nio.crypto import Olm  # type: ignore[import-untyped]  # no types
from nio.store import SqliteMemoryStore  # type: ignore[import-untyped]  # likewise
from tests.matrix.secretperson import SecretPerson
from tests.matrix.smallhost import PASSWORD, direct_chat, settings_text
from tests.matrix.test_hazards import last_key
from tests.matrix.wholehost import device_of

from surfacehost_devkit import faults
from surfacehost_devkit.chaos.doom import Doom
from surfacehost_devkit.chaos.lives import Lives
from surfacehost_devkit.faultproxy import FaultProxy
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.matrixperson import MatrixPerson
from surfacehost_matrix.fallback import FallbackKey

UPLOAD = "POST */keys/upload"
REFUSED = faults.answer(400, {"errcode": "M_UNKNOWN", "error": "not today"})
IGNORED = faults.answer(200, {"one_time_key_counts": {"curve25519": 0, "signed_curve25519": 50}})


@pytest_asyncio.fixture
async def proxy(homeserver: Homeserver) -> AsyncIterator[FaultProxy]:
    async with FaultProxy.before(homeserver.url) as before:
        yield before


@pytest_asyncio.fixture
async def lives(proxy: FaultProxy, bot: Account, tmp_path: Path) -> AsyncIterator[Lives]:
    settings = settings_text(proxy.url, bot, defaults="debounce_s = 0")
    with Lives.of(tmp_path / "host", settings) as lives:
        yield lives


async def live(lives: Lives) -> None:
    lives.begin(Doom())
    await lives.ready()


async def test_its_last_key_is_never_lost_and_not_offered_again_and_again(
    homeserver: Homeserver, lives: Lives, proxy: FaultProxy, bot: Account, alice: MatrixPerson, carol: SecretPerson,
    tmp_path: Path,
) -> None:  # fmt: skip
    for doom in (
        Doom(point="POST keys/upload before", nth=2),  # the first one offers one-time keys; stored, it has not left
        Doom(point="POST keys/upload after"),  # it has arrived, and nobody has heard
    ):
        lives.begin(doom)
        assert await lives.ended() == -signal.SIGKILL
    device, _ = await device_of(alice.api, bot)
    last = await last_key(alice.api, bot, device)
    await live(lives)
    room = await carol.chat_with(bot.user_id)
    await carol.send(room, "first")
    await carol.hears("echo: first")
    await lives.end()

    assert await last_key(alice.api, bot, device) == last  # which was offered again: no other one was made
    account = Account(user_id=carol.user_id, device_id="", access_token="", password=PASSWORD)
    async with SecretPerson(homeserver, account, tmp_path / "another") as again:
        await again.send(room, "are you there?")
        proxy.faults.plan(UPLOAD, REFUSED, times=2)  # one-time keys as well
        await live(lives)
        await again.hears("echo: are you there?")
    elsewhere = await direct_chat(alice, bot)
    await hears_and_offers_nothing(proxy, alice, elsewhere, bot)
    await lives.end()

    proxy.faults.plan(UPLOAD, IGNORED)
    await live(lives)
    await hears_and_offers_nothing(proxy, alice, elsewhere, bot)
    await lives.end()

    await live(lives)
    await says(alice, elsewhere, bot, "three")
    assert await last_key(alice.api, bot, device) != last


async def hears_and_offers_nothing(proxy: FaultProxy, alice: MatrixPerson, room: str, bot: Account) -> None:
    """Each message is a sync, and each sync says that there is no such key."""
    await says(alice, room, bot, "one")
    offers = len(proxy.of(UPLOAD))
    await says(alice, room, bot, "two")
    await says(alice, room, bot, "three")
    assert not proxy.faults.is_planned
    assert len(proxy.of(UPLOAD)) == offers


async def says(alice: MatrixPerson, room: str, bot: Account, text: str) -> None:
    question = await alice.send(room, text)
    await alice.replies(room, after=question, from_=bot.user_id)


@pytest.fixture
def key() -> FallbackKey:
    """That of a device which its homeserver knows."""
    olm = Olm("@bot:b", "DEVICE", SqliteMemoryStore("@bot:b", "DEVICE"))
    olm.account.shared = True
    return FallbackKey(olm)


async def test_a_homeserver_that_knows_no_such_keys_is_asked_nothing(key: FallbackKey) -> None:
    for unused, is_due in ((None, False), ([], True), ("", False), (["signed_curve25519"], False)):
        key.told(unused)
        assert key.is_due is is_due


async def test_one_that_arrived_although_no_answer_came_is_followed_by_another(key: FallbackKey) -> None:
    offered: list[str] = []

    async def lose_answer(keys: dict[str, Any]) -> None:
        offered.extend(keys["fallback_keys"])

    for unused in ([], ["signed_curve25519"], []):
        key.told(unused)
        if key.is_due:
            await key.offer(lose_answer)
    assert len(set(offered)) == len(offered) == 2
