"""Keys from an older copy: the device is replaced, and encrypted rooms are readable both ways again."""

import asyncio
import shutil
import signal
from contextlib import aclosing
from pathlib import Path

from tests.matrix.secretperson import SecretPerson
from tests.matrix.smallhost import PASSWORD, settings_text
from tests.matrix.test_crosssigning import shown
from tests.matrix.test_hazards import claim
from tests.matrix.test_keyrequests import asked, forward, heard, note, until

from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess, surface_in
from surfacehost_devkit.matrixapi import MatrixApi
from surfacehost_devkit.matrixperson import MatrixPerson, login
from surfacehost_devkit.restoring import back_up, restore
from surfacehost_devkit.turnedclock import TurnedClock


async def test_what_was_written_meanwhile_is_read_and_what_is_written_then(
    homeserver: Homeserver, carol: SecretPerson, bot: Account, tmp_path: Path
) -> None:
    """What was written under a key that waits for the old device, which has to fetch it first.

    The clock is a day fast when the copy is put back, and right from then on: a device is replaced once for each copy.
    """
    defaults, clock = 'busy = "queue"\nrate_per_minute = 0', TurnedClock(tmp_path / "clock")
    with HostProcess(tmp_path / "host", settings_text(homeserver.url, bot, defaults=defaults), first=clock) as host:
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
        clock.turn(86_400)
        await asyncio.to_thread(host.start)
        await carol.until(lambda: heard(carol, bot, room)[-1] == "echo: while away")
        clock.turn(0)
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
        host.kill()
        await asyncio.to_thread(host.start)
        await answered(carol, bot, room, "and still?")
        assert await vouched_for(carol, bot, tmp_path) == (third, master)


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
        status = await host.seen(lambda told: surface_in(told, "matrix")["state"] == "parked")
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
        status = await host.seen(lambda told: surface_in(told, "matrix")["state"] == "parked")
        assert f"the keys in {keys} can't be read" in surface_in(status, "matrix")["reason"]


async def test_keys_older_than_the_rest_of_the_data_are_replaced_and_one_time_keys_that_nobody_has_are_given_up(
    homeserver: Homeserver, carol: SecretPerson, alice: MatrixPerson, bot: Account, tmp_path: Path
) -> None:
    """What stands under a key that went to the lost state is asked for, and answered when the key is there."""
    defaults = 'busy = "queue"\nrate_per_minute = 0'
    keys, older = tmp_path / "host" / "var" / "matrix" / "crypto", tmp_path / "older"
    with HostProcess(tmp_path / "host", settings_text(homeserver.url, bot, defaults=defaults)) as host:
        await asyncio.to_thread(host.wait_ready)
        room = await carol.chat_with(bot.user_id)
        await carol.until(lambda: heard(carol, bot, room))
        first, master = await vouched_for(carol, bot, tmp_path)
        host.kill()
        shutil.copytree(keys, older)
        await used_up(alice, bot, first)  # while it is away
        await asyncio.to_thread(host.start)
        await answered(carol, bot, room, "with what comes then")
        await offered(alice, bot, first)
        host.kill()
        put_back(older, keys)
        async with another(homeserver, carol, tmp_path / "second") as she:  # by a key that this store never had
            await she.send(room, "while away")
            await asyncio.to_thread(host.start)
            await she.until(lambda: asked(she, "request"))
            second, by = await vouched_for(carol, bot, tmp_path)
            assert (second != first, by) == (True, master)
            await she.nio.keys_claim({bot.user_id: [second]})
            await forward(she, bot, asked(she, "request")[0])
            await she.until(lambda: heard(she, bot, room)[-1] == "echo: while away")
            for person, text in ((carol, "can you read me?"), (she, "and me?")):
                await answered(person, bot, room, text)

        shutil.rmtree(older)
        host.send_signal(signal.SIGSTOP)
        shutil.copytree(keys, older)
        host.send_signal(signal.SIGCONT)
        await used_up(alice, bot, second)
        await answered(carol, bot, room, "once more")
        await offered(alice, bot, second)
        host.kill()
        put_back(older, keys)  # no older than the last start: nothing shows it until more keys are due
        assert await claim(alice.api, bot, second, 40) == 40
        await asyncio.to_thread(host.start)
        await until(lambda: "our store, an older copy, does not know; they are given up" in host.log_text())
        await offered(alice, bot, second)
        async with another(homeserver, carol, tmp_path / "third") as she:
            await she.send(await met(she, bot), "can I begin with you?")
            await she.hears("echo: can I begin with you?")


def another(homeserver: Homeserver, carol: SecretPerson, folder: Path) -> SecretPerson:
    """Carol on another device of hers."""
    account = Account(user_id=carol.user_id, device_id="", access_token="", password=PASSWORD)
    return SecretPerson(homeserver, account, folder)


async def met(person: SecretPerson, bot: Account) -> str:
    """A new chat of theirs, in which the bot has said hello."""
    room = await person.chat_with(bot.user_id)
    await person.until(lambda: heard(person, bot, room)[-1:] not in ([], ["?"]))
    return room


def put_back(older: Path, keys: Path) -> None:
    shutil.rmtree(keys)
    shutil.copytree(older, keys)


async def used_up(alice: MatrixPerson, bot: Account, device: str) -> None:
    """Take every one-time key that the homeserver has of the bot's device."""
    while await claim(alice.api, bot, device, 25) == 25:
        pass


async def offered(alice: MatrixPerson, bot: Account, device: str) -> None:
    """Wait until there are one-time keys of it again."""
    async with asyncio.timeout(20):
        while not await claim(alice.api, bot, device, 1):
            pass


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
