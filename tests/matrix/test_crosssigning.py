"""The bot's device is signed by its account, wherever it is killed on the way there."""

import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import pytest_asyncio
from tests.matrix.smallhost import settings_of, settings_text

from surfacehost import Home
from surfacehost_devkit.chaos.doom import Doom
from surfacehost_devkit.chaos.lives import Lives
from surfacehost_devkit.fakes import FakeMemory
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.matrixapi import MatrixApi
from surfacehost_devkit.matrixperson import MatrixPerson, login
from surfacehost_matrix.device import Device
from surfacehost_matrix.failures import Declined, ProofWanted
from surfacehost_matrix.homeserver import Homeserver as Connection
from surfacehost_matrix.identity import crosssigning
from surfacehost_matrix.identity.crosssigning import CrossSigning, Published, Standing, publish
from surfacehost_matrix.identity.recovery import read_recovery_key, write_recovery_key
from surfacehost_matrix.identity.seeds import USAGES, Seeds, SigningKey, from_base64
from surfacehost_matrix.identity.storage import SecretStorage, describe, is_described, seal, unseal
from surfacehost_matrix.login import enter
from surfacehost_matrix.private import write_private


@pytest_asyncio.fixture
async def operator(homeserver: Homeserver, bot: Account) -> AsyncIterator[MatrixApi]:
    """The bot's account in another client."""
    account = await login(homeserver.url, bot.user_id, bot.password)
    api = MatrixApi(homeserver.url, account.access_token)
    yield api
    await api.aclose()


async def shown(api: MatrixApi, user_id: str) -> Published:
    answer = await api.call("POST", "keys", "query", json={"device_keys": {user_id: []}})
    return Published.read(answer, user_id)


SIGNING = (
    "recovery key after",  # it is on the disk
    "seeds after",  # and so are the seeds
    "PUT user/*/account_data/* after",  # the account's data say what the recovery key is
    "PUT user/*/account_data/m.cross_signing.self_signing after",  # and hold two of three secrets
    "PUT user/*/account_data/m.secret_storage.default_key after",  # and all, for clients to find
    "POST keys/device_signing/upload after",  # the account is cross-signed
    "POST keys/signatures/upload after",  # and its device is signed
)
"""The steps of a first start, each of which leaves something else behind."""


class Deadly(Doom):
    """Knows what is written to the disk on the way as well."""

    def arm(self) -> None:
        """Wrap that too."""
        Doom.arm(self)
        write, save = write_private, Device.save_seeds

        def write_and_die(file: Path, text: str) -> None:
            write(file, text)
            self.reach("recovery key after")

        def save_and_die(device: Device, seeds: Seeds) -> None:
            save(device, seeds)
            self.reach("seeds after")

        patch.object(crosssigning, "write_private", write_and_die).start()
        patch.object(Device, "save_seeds", save_and_die).start()


@pytest_asyncio.fixture
async def connection(homeserver: Homeserver, bot: Account, tmp_path: Path) -> AsyncIterator[Connection]:
    """The bot, logged in with its device published and nothing else done."""
    settings = settings_of(homeserver, bot)
    async with Connection(settings, tmp_path / "crypto") as connection:
        await enter(connection, settings, Home(name="matrix", data_dir=tmp_path, memory=FakeMemory()))
        await connection.sync(None, first=True)
        await connection.heard()
        yield connection


async def test_killed_at_any_step_it_goes_on_with_the_same_identity_which_others_see(
    homeserver: Homeserver, bot: Account, alice: MatrixPerson, operator: MatrixApi, tmp_path: Path
) -> None:
    data, keys, masters = tmp_path / "host" / "var" / "matrix", set(), set()
    with Lives.of(tmp_path / "host", settings_text(homeserver.url, bot)) as lives:
        for point in SIGNING:
            lives.begin(Deadly(point=point))
            assert await lives.ended() == -signal.SIGKILL, point
            keys.add((data / "recovery-key").read_text())
            masters |= {seeds.master for seeds in [seeds_in(data / "crypto")] if seeds}
        lives.begin(Doom())
        await lives.ready()
    assert (len(keys), len(masters)) == (1, 1)
    assert "signed" not in lives.log.read_text()  # which is told after the last step: it was not come to again
    shown_now = await shown(alice.api, bot.user_id)
    assert shown_now.master_key == masters.pop().public
    ours = [device for device in shown_now.devices if shown_now.vouches_for(device)]
    assert len(ours) == 1
    seeds = await kept_for(operator, bot, read_recovery_key(keys.pop()))
    assert seeds == seeds_in(data / "crypto")
    assert seeds.master.seed not in b"".join(file.read_bytes() for file in (data / "crypto").iterdir())
    assert (data / "recovery-key").stat().st_mode & 0o777 == 0o600


def seeds_in(folder: Path) -> Seeds | None:
    """What the host has on the disk."""
    return Seeds.load(folder, (folder / "secret").read_text())


async def kept_for(operator: MatrixApi, bot: Account, recovery: bytes) -> Seeds:
    """What the account's secret storage gives to whoever has the *recovery* key."""

    async def read(kind: str) -> dict[str, Any]:
        return dict(await operator.call("GET", "user", bot.user_id, "account_data", kind))

    named = (await read("m.secret_storage.default_key"))["key"]
    assert is_described(recovery, await read(f"m.secret_storage.key.{named}"))
    secrets = {f"m.cross_signing.{usage}": await read(f"m.cross_signing.{usage}") for usage in USAGES}
    opened = [unseal(recovery, name, sealed["encrypted"][named]) for name, sealed in secrets.items()]
    return Seeds(*(SigningKey(from_base64(seed.decode())) for seed in opened))


async def test_keys_of_somebody_elses_making_are_not_replaced_but_recovered(
    homeserver: Homeserver, bot: Account, connection: Connection, tmp_path: Path
) -> None:
    theirs, key = Seeds.make(), bytes(range(32))
    await publish(connection, theirs, None)
    alone = CrossSigning(settings_of(homeserver, bot), tmp_path)
    assert await alone.settle(connection) is Standing.FOREIGN
    assert alone.seeds is None
    await SecretStorage(connection).keep(key, theirs)
    wrong = settings_of(homeserver, bot, recovery_key=write_recovery_key(bytes(32)))
    assert await CrossSigning(wrong, tmp_path).settle(connection) is Standing.FOREIGN
    assert not (tmp_path / "recovery-key").exists()
    right = settings_of(homeserver, bot, recovery_key=write_recovery_key(key))
    assert await CrossSigning(right, tmp_path).settle(connection) is Standing.OURS
    now = await Published.of(connection, bot.user_id)
    assert now.master_key == theirs.master.public
    assert now.vouches_for(connection.device_id)
    assert await CrossSigning(settings_of(homeserver, bot), tmp_path).settle(connection) is Standing.OURS


async def test_replacing_keys_takes_the_password(bot: Account, connection: Connection) -> None:
    await publish(connection, Seeds.make(), None)
    second = Seeds.make()
    with pytest.raises(ProofWanted):
        await publish(connection, second, None)
    with pytest.raises(Declined):
        await publish(connection, second, "wrong")
    await publish(connection, second, bot.password)
    assert (await Published.of(connection, bot.user_id)).master_key == second.master.public


def test_a_recovery_key_is_read_as_people_write_it() -> None:
    written = "EsSz ykH7 LCZx 7Cae cmKD wcmY JRXi Ybtu 8iQ3 t8Ez nRwK pUY1"  # by matrix-js-sdk, of 0 … 31
    assert write_recovery_key(bytes(range(32))) == written
    assert read_recovery_key(f" {written.replace(' ', '')}\n") == bytes(range(32))
    for wrong in ("", written[:-1], written.replace("z", "y"), "0" + written, "1" * 48):
        with pytest.raises(ValueError, match="recovery key"):
            read_recovery_key(wrong)


def test_a_secret_is_read_with_its_key_and_by_its_name_alone() -> None:
    key = bytes(range(32))
    by_another_client = {
        "iv": "EzxP2/7IdaYbeGcSPVmQHg==",
        "ciphertext": "cLgdKrx81aA=",
        "mac": "Fe7tJmIxwn84nQOiJfRr/RPlxkXqRPcDBeEOXXaADGQ=",
    }
    assert unseal(key, "m.cross_signing.master", by_another_client) == b"a secret"
    check = {"iv": "jg9b0Wg7MGB5lqEcFq6Jow==", "mac": "ElDhtbAPKPaa7j73Jh9DXpzDA8lb6soqNejyamhvyC4="}
    assert is_described(key, {"algorithm": "m.secret_storage.v1.aes-hmac-sha2", **check})
    sealed = seal(key, "m.a", b"secret")
    assert unseal(key, "m.a", sealed) == b"secret"
    wrong: list[tuple[bytes, str, Mapping[str, str]]] = [
        (bytes(32), "m.a", sealed),
        (key, "m.b", sealed),
        (key, "m.a", sealed | {"ciphertext": sealed["iv"]}),
        (key, "m.a", {}),
    ]
    for case in wrong:
        with pytest.raises(ValueError, match="secret"):
            unseal(*case)
    assert not is_described(bytes(32), describe(key))
