"""An owner verifies the bot by emoji, through one real ``surfacehost run``, and what the doctor says of it."""

import asyncio
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from tests.matrix.conftest import MakePerson
from tests.matrix.secretperson import SecretPerson
from tests.matrix.smallhost import PASSWORD, direct_chat, register, settings_text
from tests.matrix.verifier import KIND, START, Verifier, cross_sign
from tests.matrix.wholehost import device_of, read_by
from tests.matrix.wholemore import vouched_elsewhere

from surfacehost import NotReady
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.matrixapi import MatrixApi
from surfacehost_devkit.matrixperson import login
from surfacehost_matrix import sync
from surfacehost_matrix.homeserver import Homeserver as Connection
from surfacehost_matrix.identity.sas import Comparison
from surfacehost_matrix.identity.seeds import Seeds, is_signed
from surfacehost_matrix.identity.verification import read_step

SHAKEN, UNTHOUGHT = "org.example.shaken", "org.example.unthought"
WAYS = ("in the room", "from device to device")


def be_unlucky() -> None:
    """In the host's process: what encryption needs fails once behind the sync that brings a step marked ``SHAKEN``,
    and a start marked ``UNTHOUGHT`` meets what nobody has thought of.
    """
    heard, accept = Connection.heard, Comparison.accept
    shaken: list[object] = []

    def read_shaken(*args: Any, **more: Any) -> Any:
        step = read_step(*args, **more)
        shaken.extend([step] if step and SHAKEN in step.content else [])
        return step

    async def stumble(connection: Connection) -> None:
        if shaken:
            shaken.clear()
            raise NotReady("no keys can be published now")
        await heard(connection)

    def accept_the_thinkable(comparison: Comparison, start: Mapping[str, Any]) -> dict[str, Any]:
        if UNTHOUGHT in start:
            raise KeyError(UNTHOUGHT)
        return accept(comparison, start)

    patch.object(sync, "read_step", read_shaken).start()
    patch.object(Connection, "heard", stumble).start()
    patch.object(Comparison, "accept", accept_the_thinkable).start()


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouching:
    """The process with its bots and their owners."""

    process: HostProcess
    homeserver: Homeserver
    bot: Account
    foreign: Account
    """One that was cross-signed by another client."""
    owners: list[Account]
    master: str
    """The foreign one's master key."""
    recovery: Path
    """The file of its recovery key."""

    def configure(self, more: str = "") -> None:
        """Write the settings, with *more* of the foreign bot's."""
        self.process.configure(settings(self.homeserver, self.bot, self.foreign, self.owners, more))

    def owner(self, number: int, folder: Path) -> SecretPerson:
        """An owner on a device of theirs."""
        return SecretPerson(self.homeserver, self.owners[number], folder / "owner")

    async def doctor(self, name: str = "matrix") -> str:
        """What the doctor says of a surface: its lines, which are indented."""
        said = (await asyncio.to_thread(self.process.command, "doctor")).stdout
        return re.split(r"\n(?=\S)", f"\n{said}".partition(f"\n{name}\n")[2])[0]


@pytest.fixture(scope="module")
def vouching(homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vouching]:
    folder = tmp_path_factory.mktemp("vouching")
    bot, foreign = (register(homeserver, name) for name in ("bot", "foreign"))
    owners = [register(homeserver, "owner") for _ in range(4)]
    master = asyncio.run(vouched_elsewhere(homeserver, foreign, folder))
    with HostProcess(folder / "host", settings(homeserver, bot, foreign, owners), first=be_unlucky) as process:
        process.wait_ready()
        yield Vouching(
            process=process, homeserver=homeserver, bot=bot, foreign=foreign, owners=owners, master=master,
            recovery=folder / "recovery",
        )  # fmt: skip


def settings(homeserver: Homeserver, bot: Account, foreign: Account, owners: list[Account], more: str = "") -> str:
    named = "owners = [" + ", ".join(f'"{one.user_id}"' for one in owners) + "]"
    return settings_text(
        homeserver.url, bot, defaults='busy = "queue"\nrate_per_minute = 0\nloop_limit = 0\n' + named,
        more=f"""
        [surfaces.elsewhere]
        plugin = "matrix"
        homeserver = "{homeserver.url}"
        user_id = "{foreign.user_id}"
        password = "{PASSWORD}"
        invites = "allow"
        {more}
        """,
    )  # fmt: skip


@pytest.fixture
def bot(vouching: Vouching) -> Account:
    return vouching.bot


async def of_bot(vouching: Vouching, *users: str) -> dict[str, Any]:
    """What the homeserver shows the bot of people's keys."""
    account = await login(vouching.homeserver.url, vouching.bot.user_id, vouching.bot.password)
    async with aclosing(MatrixApi(vouching.homeserver.url, account.access_token)) as api:
        return dict(await api.call("POST", "keys", "query", json={"device_keys": {user: [] for user in users}}))


async def met(person: SecretPerson, bot: Account) -> str:
    """An encrypted direct chat with *bot*, which has said hello."""
    room = await person.chat_with(bot.user_id)
    await person.until(lambda: read_by(person, room, bot))
    return room


@pytest.mark.parametrize("way", WAYS)
async def test_both_see_the_same_emoji_and_vouch_for_each_other(
    vouching: Vouching, bot: Account, tmp_path: Path, way: str
) -> None:
    async with vouching.owner(WAYS.index(way), tmp_path) as carol:
        seeds = await cross_sign(carol)
        room = await met(carol, bot)
        async with aclosing(MatrixApi(vouching.homeserver.url, carol.nio.access_token)) as api:
            device, keys = await device_of(api, bot)

        def side() -> Verifier:
            return Verifier(carol, bot, device, room if way == WAYS[0] else "")

        await not_the_same(side())
        await not_her_key(side())
        before = await vouching.doctor()
        assert f"device {device} is signed by its account, whose master key is " in before
        assert f"the recovery key is in {vouching.process.folder / 'var' / 'matrix' / 'recovery-key'}" in before
        assert carol.user_id not in before

        good = side()
        ready = await good.request(**{SHAKEN: True})
        assert (ready["from_device"], ready["methods"]) == (device, ["m.sas.v1"])
        agreed, emoji = await good.compare()
        await carol.hears(emoji)
        assert f"verification with {carol.user_id}: compare {emoji}" in vouching.process.log_text()
        assert not good.heard("mac")  # it is she who compares
        mine = {good.me: carol.nio.olm.account.identity_keys["ed25519"]}
        await good.send("mac", good.mac(agreed, mine | {f"ed25519:{seeds.master.public}": seeds.master.public}))
        mac = await good.hears("mac")
        await good.hears("done")
        await good.send("done", {})
        seen = await of_bot(vouching, carol.user_id, bot.user_id)
        master, signing = (
            next(iter(seen[kind][bot.user_id]["keys"].values())) for kind in ("master_keys", "user_signing_keys")
        )
        good.verify(agreed, mac, {f"ed25519:{device}": keys["ed25519"], f"ed25519:{master}": master})
        assert is_signed(seen["master_keys"][carol.user_id], bot.user_id, signing)
        after = await vouching.doctor()
        assert f"device {device} is signed by its account, whose master key is {master}\n" in after
        [verified] = [line for line in after.splitlines() if "verified by " in line]
        assert carol.user_id in verified
        await carol.send(room, "and now?")
        await carol.hears("echo: and now?")
    assert "no keys can be published now" in vouching.process.log_text()


async def not_the_same(side: Verifier) -> None:
    """She sees other emoji, and what comes after that counts no more."""
    await side.request()
    agreed, emoji = await side.compare()
    await side.carol.hears(emoji)
    await side.send("cancel", {"code": "m.mismatched_sas", "reason": "they are not the same"})
    await side.send("mac", side.mac(agreed, {side.me: side.carol.nio.olm.account.identity_keys["ed25519"]}))
    assert (await side.hears("cancel"))["code"] == "m.unknown_transaction"
    assert not side.heard("mac")


async def not_her_key(side: Verifier) -> None:
    """What is vouched for is not what the homeserver shows of her."""
    await side.request()
    agreed, _ = await side.compare()
    await side.send("mac", side.mac(agreed, {side.me: "A" * 43}))
    assert (await side.hears("cancel"))["code"] == "m.key_mismatch"
    assert not side.heard("mac")


async def test_what_does_not_fit_is_cancelled_and_strangers_are_not_answered(
    vouching: Vouching, bot: Account, person: MakePerson, tmp_path: Path
) -> None:
    async with vouching.owner(2, tmp_path) as carol:
        room = await met(carol, bot)
        async with aclosing(MatrixApi(vouching.homeserver.url, carol.nio.access_token)) as api:
            device, _ = await device_of(api, bot)

        async def cancelled(side: Verifier) -> str:
            return str((await side.hears("cancel"))["code"])

        def side() -> Verifier:
            return Verifier(carol, bot, device)

        early = side()  # by a clock of hers, or of ours, that is wrong: the operator is told
        asks = {"from_device": carol.nio.device_id, "methods": ["m.sas.v1"]}
        await early.send("request", asks | {"timestamp": int((time.time() - 3600) * 1000)})

        unlucky = side()  # what nobody has thought of ends this one, and not those that follow
        await unlucky.request()
        await unlucky.send("start", START | {"from_device": carol.nio.device_id, UNTHOUGHT: True})
        assert await cancelled(unlucky) == "org.surfacehost.failure"

        assert "60 minutes ago by this machine's clock" in vouching.process.log_text()
        assert not early.heard("ready")

        unknown = side()
        await unknown.send("key", {"key": "?"})
        assert await cancelled(unknown) == "m.unknown_transaction"

        hasty = side()
        await hasty.request()
        await hasty.send("mac", {})
        assert await cancelled(hasty) == "m.unexpected_message"

        other = side()
        await other.request()
        await other.send("start", START | {"hashes": ["md5"], "from_device": carol.nio.device_id})
        assert await cancelled(other) == "m.unknown_method"

        garbled = side()
        await garbled.request()
        await garbled.send("start", START | {"from_device": carol.nio.device_id})
        await garbled.send("key", {"key": "?"})
        assert await cancelled(garbled) == "m.invalid_message"

        alice = await person("alice")
        place = await direct_chat(alice, bot)
        request = {"msgtype": KIND + "request", "body": "verify me", "to": bot.user_id, "methods": ["m.sas.v1"]}
        await alice.send(place, "verify me", content=request | {"from_device": "X"})
        await alice.send(place, "?")
        await alice.wait_for(lambda: alice.seen.said(place, bot.user_id)[-1] == "echo: ?")
        assert not [event for event in alice.seen.events[place] if event.type.startswith(KIND)]
        await carol.send(room, "still there?")
        await carol.hears("echo: still there?")


async def test_what_another_client_has_signed_is_trusted_with_its_recovery_key_alone(
    vouching: Vouching, tmp_path: Path
) -> None:
    """Without it an owner can verify the bot all the same, for that device, and the doctor says what is missing."""
    async with vouching.owner(3, tmp_path) as carol:
        seeds = await cross_sign(carol)
        room = await met(carol, vouching.foreign)
        device, vouched = await verified(carol, seeds, vouching.foreign, room)
        assert vouched == {f"ed25519:{device}"}
        without = await vouching.doctor("elsewhere")
        assert f"warn  device {device} is not signed: the account was cross-signed elsewhere\n" in without
        assert "warn  there is no recovery key here" in without
        assert "→ give the account's recovery key as recovery_key_file" in without
        assert "verified by no owner" in without

        vouching.process.kill()
        vouching.configure(f'recovery_key_file = "{vouching.recovery}"')
        await asyncio.to_thread(vouching.process.start)
        again = await verified(carol, seeds, vouching.foreign, room)
        assert again == (device, {f"ed25519:{device}", f"ed25519:{vouching.master}"})
        given = await vouching.doctor("elsewhere")
        assert f"device {device} is signed by its account, whose master key is {vouching.master}\n" in given
        assert "the recovery key is the one in the settings" in given
        assert f"verified by {carol.user_id}" in given


async def verified(carol: SecretPerson, seeds: Seeds, bot: Account, room: str) -> tuple[str, set[str]]:
    """The device of *bot* that carol has verified in *room*, and the keys that it vouches for."""
    side = Verifier(carol, bot, "", room)
    side.device = (await side.request())["from_device"]
    agreed, emoji = await side.compare()
    await carol.until(lambda: emoji in read_by(carol, room, bot))
    mine = {side.me: carol.nio.olm.account.identity_keys["ed25519"]}
    await side.send("mac", side.mac(agreed, mine | {f"ed25519:{seeds.master.public}": seeds.master.public}))
    mac = await side.hears("mac")
    await side.hears("done")
    async with aclosing(MatrixApi(carol.nio.homeserver, carol.nio.access_token)) as api:
        seen = await api.call("POST", "keys", "query", json={"device_keys": {bot.user_id: []}})
    (master,) = seen["master_keys"][bot.user_id]["keys"].items()
    shown = seen["device_keys"][bot.user_id][side.device]["keys"] | dict([master])
    side.verify(agreed, mac, {name: shown[name] for name in mac["mac"]})
    return side.device, set(mac["mac"])
