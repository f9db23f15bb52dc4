"""A disk without room for the keys: what they are needed for waits, and none is lost."""

from contextlib import AsyncExitStack
from pathlib import Path

import peewee  # type: ignore[import-untyped]  # peewee ships no types
import pytest
from nio.store import DefaultStore  # type: ignore[import-untyped]  # nio ships no type marker
from tests.matrix.secretperson import SecretPerson
from tests.matrix.smallhost import SmallHost, settings_of

from surfacehost import NotReady
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.smalldisk import SmallDisk


async def test_a_key_that_the_disk_did_not_take_is_had_again(
    homeserver: Homeserver, bot: Account, carol: SecretPerson, tmp_path: Path, stack: AsyncExitStack
) -> None:
    disk = stack.enter_context(SmallDisk(tmp_path / "disk"))
    settings = settings_of(homeserver, bot)
    async with SmallHost(settings, disk.path) as first:
        room = await carol.chat_with(bot.user_id)
        await carol.hears("hello")
        disk.fill()
        await carol.send(room, "is there room?")  # her first: with it comes the key
        await first.until(lambda: first.down)
        assert all(isinstance(error, NotReady) and "the keys can't be stored" in str(error) for error in first.down)
        disk.free()
        await carol.hears("echo: is there room?")
    async with SmallHost(settings, disk.path, first) as second:
        await carol.send(room, "and after a restart?")  # under the same key
        await carol.hears("echo: and after a restart?")
    assert not second.failed


async def test_without_room_at_the_very_start_it_waits(
    homeserver: Homeserver, bot: Account, tmp_path: Path, stack: AsyncExitStack
) -> None:
    disk = stack.enter_context(SmallDisk(tmp_path / "disk"))
    disk.fill()
    async with SmallHost(settings_of(homeserver, bot), disk.path) as host:
        await host.until(lambda: host.down)
        disk.free()
        await host.online()
    assert all(isinstance(error, NotReady) for error in host.down)
    assert any("the keys can't be stored" in str(error) for error in host.down)


async def test_keys_that_are_damaged_are_no_matter_of_room(
    homeserver: Homeserver, bot: Account, tmp_path: Path
) -> None:
    async with SmallHost(settings_of(homeserver, bot), tmp_path) as first:
        await first.online()
    (store,) = (tmp_path / "crypto").glob("*.db")
    store.write_bytes(b"no database" * 1000)
    async with SmallHost(settings_of(homeserver, bot), tmp_path, first) as second:
        await second.until(lambda: second.down)
    (error,) = second.down
    assert "can't be read" in str(error)
    assert not isinstance(error, NotReady)


async def test_of_a_key_that_comes_everything_is_stored_or_nothing(
    host: SmallHost, carol: SecretPerson, bot: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step of the ratchet would still find room, the key that it brings does not."""
    room = await carol.chat_with(bot.user_id)
    await carol.hears("hello")
    save, refusals = DefaultStore.save_inbound_group_session, [peewee.OperationalError("database or disk is full")]

    def save_the_second_time(self: DefaultStore, session: object) -> None:
        if refusals and self.user_id == bot.user_id:
            raise refusals.pop()
        save(self, session)

    monkeypatch.setattr(DefaultStore, "save_inbound_group_session", save_the_second_time)
    await carol.send(room, "is there room?")
    await carol.hears("echo: is there room?")
    assert [str(error) for error in host.down] == ["the keys can't be stored: database or disk is full"]
