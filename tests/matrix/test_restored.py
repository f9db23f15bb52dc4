"""Keys from an older copy: the device is replaced, and encrypted rooms are readable both ways again."""

import shutil
import time
from copy import deepcopy
from pathlib import Path

import pytest
from tests.matrix.conftest import MakeHost
from tests.matrix.secretperson import SecretPerson
from tests.matrix.smallhost import SmallHost, settings_of

from surfacehost import NotReady, Refused
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.matrixperson import login


class Copy:
    """What a host has, as it was."""

    def __init__(self, host: SmallHost, data_dir: Path) -> None:
        self._kept = deepcopy((host.memory.values, host.put.cursor, host.put.events, host.settled))
        self._keys = shutil.copytree(data_dir / "crypto", data_dir / "copy")

    def restore(self, host: SmallHost, data_dir: Path) -> None:
        host.memory.values, host.put.cursor, host.put.events, host.settled = self._kept
        shutil.rmtree(data_dir / "crypto")
        self._keys.rename(data_dir / "crypto")


@pytest.mark.parametrize("meanwhile", ["the host restarts", "she takes a new key"])
async def test_what_was_written_meanwhile_is_read_and_what_is_written_then(
    make: MakeHost, homeserver: Homeserver, carol: SecretPerson, bot: Account, tmp_path: Path, meanwhile: str
) -> None:
    """A start hands out new keys by ratchets that turn; a key that waits for the old device must be fetched first."""
    async with make() as host:
        room = await carol.chat_with(bot.user_id)
        await carol.hears("hello")
        await carol.send(room, "before the copy")
        await carol.hears("echo: before the copy")
        await host.until(lambda: len(host.settled) == 2)
        copy = Copy(host, tmp_path)
    if meanwhile == "the host restarts":
        async with make(host) as host:
            await carol.send(room, "after the copy")
            await carol.hears("echo: after the copy")
    else:
        carol.nio.invalidate_outbound_session(room)
    await carol.send(room, "while away")
    before = host.memory.values["login"]["device_id"]
    copy.restore(host, tmp_path)
    restored_at = time.time()
    async with SmallHost(settings_of(homeserver, bot), tmp_path, host, restored_at=restored_at) as second:
        await carol.hears("echo: while away")
        assert second.memory.values["login"]["device_id"] != before
        await carol.until(lambda: len([*carol.nio.device_store.active_user_devices(bot.user_id)]) == 1)
        for number in range(3):
            await carol.send(room, f"and now {number}")
            await carol.hears(f"echo: and now {number}")
    assert [type(error) for error in second.down] == [NotReady]
    async with SmallHost(settings_of(homeserver, bot), tmp_path, second, restored_at=restored_at) as third:
        await carol.send(room, "once is enough")
        await carol.hears("echo: once is enough")
    assert third.memory.values["login"] == second.memory.values["login"]
    assert not third.down


async def test_without_a_password_it_asks_for_a_new_token(
    make: MakeHost, homeserver: Homeserver, carol: SecretPerson, bot: Account, tmp_path: Path
) -> None:
    async with make() as first:
        room = await carol.chat_with(bot.user_id)
        await carol.hears("hello")
        await carol.send(room, "before the copy")
        await carol.hears("echo: before the copy")
    old = first.memory.values["login"]["access_token"]
    new = (await login(homeserver.url, bot.user_id, bot.password)).access_token
    settings = {"password": None, "access_token": old}
    restored_at = time.time()
    async with SmallHost(settings_of(homeserver, bot, **settings), tmp_path, first, restored_at=restored_at) as second:
        await second.until(lambda: second.down)
    (error,) = second.down
    assert isinstance(error, Refused)
    assert str(error) == "the encryption keys of the access token's device are an older copy; make a new token"
    settings["access_token"] = new
    async with SmallHost(settings_of(homeserver, bot, **settings), tmp_path, second, restored_at=restored_at) as third:
        await third.online()
        await carol.send(room, "and now")
        await carol.hears("echo: and now")
