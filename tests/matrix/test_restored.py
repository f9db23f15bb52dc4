"""Keys from an older copy: the device is replaced, and encrypted rooms are readable both ways again."""

import asyncio
import shutil
from contextlib import aclosing
from pathlib import Path

from tests.matrix.secretperson import SecretPerson
from tests.matrix.smallhost import PASSWORD, settings_text
from tests.matrix.test_crosssigning import shown
from tests.matrix.test_keyrequests import heard, note, until

from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess, surface_in
from surfacehost_devkit.matrixapi import MatrixApi
from surfacehost_devkit.matrixperson import login
from surfacehost_devkit.restoring import back_up, restore


async def test_what_was_written_meanwhile_is_read_and_what_is_written_then(
    homeserver: Homeserver, carol: SecretPerson, bot: Account, tmp_path: Path
) -> None:
    """What was written under a key that waits for the old device, which has to fetch it first."""
    defaults = 'busy = "queue"\nrate_per_minute = 0'
    with HostProcess(tmp_path / "host", settings_text(homeserver.url, bot, defaults=defaults)) as host:
        await asyncio.to_thread(host.wait_ready)
        room = await carol.chat_with(bot.user_id)
        await carol.until(lambda: heard(carol, bot, room))
        await answered(carol, bot, room, "before the copy")
        first, master = await vouched_for(carol, bot, tmp_path)
        copy = await asyncio.to_thread(back_up, host, tmp_path / "copy")
        await asyncio.to_thread(host.stop)
        carol.nio.invalidate_outbound_session(room)
        await carol.send(room, "while away")
        await asyncio.to_thread(restore, host, copy)
        await asyncio.to_thread(host.start)
        await carol.until(lambda: heard(carol, bot, room)[-1] == "echo: while away")
        await carol.until(lambda: len([*carol.nio.device_store.active_user_devices(bot.user_id)]) == 1)
        await answered(carol, bot, room, "and now?")
        second, by = await vouched_for(carol, bot, tmp_path)
        assert (second != first, by) == (True, master)
        host.kill()
        gap = [f"number {number}" for number in range(15)]  # the first sync of a host brings ten
        for text in gap:
            await carol.send(room, text)
        await asyncio.to_thread(host.start)
        await answered(carol, bot, room, "once is enough")
        assert heard(carol, bot, room)[-16:-1] == [f"echo: {text}" for text in gap]
        assert await vouched_for(carol, bot, tmp_path) == (second, master)

        host.kill()
        shutil.rmtree(tmp_path / "host" / "var" / "matrix" / "crypto")  # which the recovery key lies beside
        await asyncio.to_thread(host.start)
        await until(lambda: note(tmp_path, "device")["id"] not in (first, second))
        third, by = await vouched_for(carol, bot, tmp_path)
        assert (third not in (first, second), by) == (True, master)
        await carol.until(lambda: third in carol.nio.device_store[bot.user_id])
        await answered(carol, bot, room, "do you know me?")


async def test_without_a_password_it_asks_for_a_new_token_and_tells_of_keys_that_can_not_be_read(
    homeserver: Homeserver, carol: SecretPerson, bot: Account, tmp_path: Path
) -> None:
    def settings(token: str) -> str:
        return settings_text(homeserver.url, bot).replace(f'password = "{PASSWORD}"', f'access_token = "{token}"')

    old = (await login(homeserver.url, bot.user_id, PASSWORD)).access_token
    with HostProcess(tmp_path / "host", settings(old)) as host:
        await asyncio.to_thread(host.wait_ready)
        room = await carol.chat_with(bot.user_id)
        await carol.until(lambda: heard(carol, bot, room))
        copy = await asyncio.to_thread(back_up, host, tmp_path / "copy")
        await asyncio.to_thread(host.stop)
        await asyncio.to_thread(restore, host, copy)
        await asyncio.to_thread(host.start)
        status = await asyncio.to_thread(host.wait_for, lambda told: surface_in(told, "matrix")["state"] == "parked")
        reason = surface_in(status, "matrix")["reason"]
        assert reason == "the encryption keys of the access token's device are an older copy; make a new token"
        await asyncio.to_thread(host.stop)
        anew = await login(homeserver.url, bot.user_id, PASSWORD)
        host.configure(settings(anew.access_token))
        await asyncio.to_thread(host.start)
        await carol.until(lambda: anew.device_id in carol.nio.device_store[bot.user_id])  # what came before is lost
        await answered(carol, bot, room, "and now?")
        host.kill()
        keys = tmp_path / "host" / "var" / "matrix" / "crypto"
        (keys / "secret").write_text("another")
        await asyncio.to_thread(host.start)
        status = await asyncio.to_thread(host.wait_for, lambda told: surface_in(told, "matrix")["state"] == "parked")
        assert f"the keys in {keys} can't be read" in surface_in(status, "matrix")["reason"]


async def answered(carol: SecretPerson, bot: Account, room: str, text: str) -> None:
    """Carol asks, and can read the answer."""
    await carol.send(room, text)
    await carol.until(lambda: heard(carol, bot, room)[-1] == f"echo: {text}")


async def vouched_for(carol: SecretPerson, bot: Account, folder: Path) -> tuple[str, str | None]:
    """The bot's device, once its account has signed it, and the account's master key."""
    async with aclosing(MatrixApi(carol.nio.homeserver, carol.nio.access_token)) as api, asyncio.timeout(20):
        while not (now := await shown(api, bot.user_id)).vouches_for(device := note(folder, "device")["id"]):
            pass
        return device, now.master_key
