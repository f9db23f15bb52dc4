"""What a Matrix surface promises in encrypted rooms, through one real ``surfacehost run``; the person is nio."""

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.matrix.secretperson import SecretPerson, raw_events
from tests.matrix.smallhost import PASSWORD, direct_chat, register
from tests.matrix.test_hazards import TO_DEVICE, claim, garbled, last_key, never_offered, seal, sealed_in
from tests.matrix.wholehost import (
    Whole,
    contents_read_by,
    delete_device,
    read_by,
    whole_host,
)

from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.matrixapi import MatrixApi
from surfacehost_devkit.matrixperson import MatrixPerson
from surfacehost_matrix import guards


@pytest.fixture(scope="module")
def whole(homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with whole_host(tmp_path_factory.mktemp("whole") / "host", homeserver) as whole:
        yield whole


@pytest.fixture
def bot(whole: Whole) -> Account:
    return whole.bot


@pytest_asyncio.fixture
async def hers(carol: SecretPerson) -> AsyncIterator[MatrixApi]:
    """Carol's session over plain HTTP."""
    async with aclosing(MatrixApi(carol.nio.homeserver, carol.nio.access_token)) as api:
        yield api


def another(whole: Whole, carol: SecretPerson, folder: Path) -> SecretPerson:
    """Carol on another device of hers."""
    account = Account(user_id=carol.user_id, device_id="", access_token="", password=PASSWORD)
    return SecretPerson(whole.homeserver, account, folder / "another")


async def test_both_ways_nothing_is_in_clear_whatever_the_client_tells_of_itself(
    room: str, carol: SecretPerson, bot: Account
) -> None:
    await carol.send(room, "a secret")
    await carol.hears("echo: a secret")
    carol.nio.sparse = True  # no key and no device of the sender in the event, as newer clients send it
    await carol.send(room, "another secret")
    await carol.hears("echo: another secret")
    held = await raw_events(carol, room, bot.user_id)
    assert {event["type"] for event in held} == {"m.room.encrypted"}
    assert "secret" not in json.dumps(held)


async def test_a_long_answer_takes_the_place_of_its_beginning_whole_and_formatted(
    room: str, carol: SecretPerson, bot: Account
) -> None:
    await carol.send(room, "!demo stream 1400 0.001 wide")
    await carol.until(lambda: "**длинный1400**" in read_by(carol, room, bot)[-1], 60)
    first, *others = contents_read_by(carol, room, bot)[1:]
    assert others
    body, formatted = (" ".join(one[kind] for one in (first, *others)) for kind in ("body", "formatted_body"))
    words = [f"длинный{number}" for number in range(1, 1401)]
    assert re.findall(r"\*\*(\w+)\*\*", body) == re.findall(r"<strong>(\w+)</strong>", formatted) == words
    sealed = [event["content"] for event in await raw_events(carol, room, bot.user_id)]
    edits = [content for content in sealed if content.get("m.relates_to", {}).get("rel_type") == "m.replace"]
    assert len(json.dumps(edits[0])) > 55_000  # the latest: all that an event may hold is 65,536 bytes


async def test_a_new_device_that_nobody_has_verified_can_read_what_is_said_from_then_on(
    whole: Whole, room: str, carol: SecretPerson, tmp_path: Path
) -> None:
    async with another(whole, carol, tmp_path) as again:
        await again.send(room, "and here?")
        await carol.hears("echo: and here?")
        await again.hears("echo: and here?")


async def test_odd_devices_of_one_hide_nobody_elses(
    whole: Whole, room: str, carol: SecretPerson, alice: MatrixPerson
) -> None:
    guards.guard(carol.nio.olm, dict)  # or she would stumble herself
    await carol.nio.room_invite(room, alice.user_id)
    await alice.wait_invite(carol.user_id)
    device = alice.account.device_id
    keys = {f"ed25519:{device}": "?", f"curve25519:{device}": "?"}
    body = {"user_id": alice.user_id, "device_id": device, "algorithms": ["x"], "keys": keys}
    signed = body | {"signatures": {alice.user_id: {f"ed25519:{device}": "?"}}}
    await alice.api.call("POST", "keys", "upload", json={"device_keys": signed})
    with whole.process.unharmed():
        await carol.send(room, "!demo slow 1")
        await alice.join(room)
        await carol.hears("I waited 1 s.")


async def test_switched_off_it_says_nothing_at_all(whole: Whole, carol: SecretPerson) -> None:
    room = await carol.chat_with(whole.guide.user_id)
    await carol.send(room, "hello?")
    await asyncio.to_thread(
        whole.process.wait_for, lambda _: "switched off: nothing is read" in whole.process.log_text()
    )
    assert await raw_events(carol, room, whole.guide.user_id) == []


async def room_behind(hers: MatrixApi, room: str, last: str) -> str:
    """A room that says it takes the place of *room*, which says nothing of it; who is told of it may come."""
    begins = {"preset": "public_chat", "creation_content": {"predecessor": {"room_id": room, "event_id": last}}}
    return str((await hers.call("POST", "createRoom", json=begins))["room_id"])


async def test_what_one_has_sealed_is_not_said_by_another_who_sends_it(
    whole: Whole, carol: SecretPerson, bot: Account, tmp_path: Path
) -> None:
    group = whole.group
    mentions: dict[str, Any] = {"m.mentions": {"user_ids": [bot.user_id]}}
    async with aclosing(MatrixApi(whole.homeserver.url, whole.owner.access_token)) as api:
        algorithm = {"algorithm": "m.megolm.v1.aes-sha2"}
        await api.call("PUT", "rooms", group, "state", "m.room.encryption", json=algorithm)
    async with SecretPerson(whole.homeserver, register(whole.homeserver, "mallory"), tmp_path / "mallory") as mallory:
        await mallory.nio.join(group)
        await carol.nio.join(group)
        await carol.until(lambda: group in carol.nio.rooms and mallory.user_id in carol.nio.rooms[group].users)
        await mallory.until(lambda: group in mallory.nio.rooms and carol.user_id in mallory.nio.rooms[group].users)
        for person, text in ((carol, "in her own words"), (mallory, "in other words")):
            await person.send(group, text, **mentions)
            await carol.hears(f"echo: {text}")
        sealed = await raw_events(carol, group, carol.user_id)
        whole.process.kill()  # it forgets which messages it has seen
        await asyncio.to_thread(whole.process.start)
        async with aclosing(MatrixApi(whole.homeserver.url, mallory.nio.access_token)) as api:
            for event in sealed:
                await api.call("PUT", "rooms", group, "send", event["type"], "again", json=event["content"])
        await mallory.send(group, "still there?", **mentions)
        await carol.hears("echo: still there?")
    assert len(sealed) == 1
    echoed = [text for text in read_by(carol, group, bot) if text.startswith("echo: ")]
    assert echoed == [f"echo: {text}" for text in ("in her own words", "in other words", "still there?")]
    assert f"was sealed by somebody else than {mallory.user_id}" in whole.process.log_text()


async def test_nothing_that_is_found_in_encrypted_events_does_harm(
    whole: Whole, room: str, carol: SecretPerson, bot: Account, alice: MatrixPerson, hers: MatrixApi
) -> None:
    elsewhere = await direct_chat(alice, bot)
    guards.guard(carol.nio.olm, dict)  # or she would stumble herself
    question = await carol.send(room, "first")
    await carol.hears("echo: first")
    odd = {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "?", "device_id": "X"}
    trap = await room_behind(hers, room, question)
    payloads = sealed_in(question, bot.user_id, carol.user_id, whole.owner.user_id, trap)
    contents = [await seal(carol, room, payload) for payload in payloads.values()]
    contents += [odd | {"sender_key": "", "session_id": "x"}, odd | {"sender_key": "x", "session_id": ""}, odd, {}]
    contents += [{"algorithm": ["x"], "ciphertext": {}}]
    with whole.process.unharmed():
        for number, content in enumerate(contents):
            await hers.call("PUT", "rooms", room, "send", "m.room.encrypted", f"sealed{number}", json=content)
        await carol.send(room, "still there?")
        await carol.hears("echo: still there?")
        await alice.send(elsewhere, "and here?")
        await alice.wait_for(lambda: "echo: and here?" in alice.seen.said(elsewhere, bot.user_id))
    said = read_by(carol, room, bot)
    assert said[1] == "echo: first"
    assert said.count("Only an owner can do that.") == 1
    assert bot.user_id not in (await hers.call("GET", "rooms", trap, "joined_members"))["joined"]
    await carol.send(room, "!demo memory")
    await carol.until(lambda: "1. first\n" in read_by(carol, room, bot)[-1])
    held = await raw_events(carol, room, bot.user_id)
    assert {event["type"] for event in held} == {"m.room.encrypted"}


async def test_nothing_that_is_sent_to_its_device_does_harm_and_its_keys_come_again(
    whole: Whole, room: str, carol: SecretPerson, bot: Account, alice: MatrixPerson, tmp_path: Path
) -> None:
    device, keys = await whole.device(alice.api)
    poison = [*TO_DEVICE, ("m.room.encrypted", never_offered(keys["curve25519"]))]
    poison += [("m.room.encrypted", odd) for odd in garbled(keys["curve25519"])]
    with whole.process.unharmed():
        for number, (kind, content) in enumerate(poison):
            messages = {"messages": {bot.user_id: {device: content}}}
            await alice.api.call("PUT", "sendToDevice", kind, f"poison{number}", json=messages)
        while await claim(alice.api, bot, device, 25) == 25:
            pass
        await carol.send(room, "still there?")
        await carol.hears("echo: still there?")
        async with another(whole, carol, tmp_path) as again:  # a session can be begun with it, for which it takes a key
            await again.send(room, "and here?")
            await carol.hears("echo: and here?")


async def test_used_up_while_it_hears_nothing_a_last_key_is_left_that_is_replaced(
    whole: Whole, room: str, carol: SecretPerson, bot: Account, alice: MatrixPerson, tmp_path: Path
) -> None:
    device, _ = await whole.device(alice.api)
    await carol.send(room, "first")
    await carol.hears("echo: first")
    with whole.process.unharmed():
        whole.process.send_signal(signal.SIGSTOP)
        try:
            last = await last_key(alice.api, bot, device)
            async with another(whole, carol, tmp_path) as again:
                await again.send(room, "and here?")
                whole.process.send_signal(signal.SIGCONT)
                await carol.hears("echo: and here?")
                await again.hears("echo: and here?")
        finally:
            whole.process.send_signal(signal.SIGCONT)
        async with asyncio.timeout(20):
            while await last_key(alice.api, bot, device) == last:
                pass


async def test_a_second_run_on_its_data_is_refused_while_commands_work_and_its_keys_are_under_a_secret(
    whole: Whole, room: str, carol: SecretPerson
) -> None:
    data_dir = whole.process.folder / "var"
    refused = await asyncio.to_thread(whole.process.command, "run")
    said = f"surfacehost: another surfacehost is using {data_dir}: stop it, or give this one its own\n"
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.endswith(said)
    doctor = await asyncio.to_thread(whole.process.command, "doctor")
    assert (doctor.returncode, "others can encrypt for our device" in doctor.stdout) == (0, True)
    reset = await asyncio.to_thread(whole.process.command, "reset", "guide", "--person", carol.user_id)
    assert reset.stderr == f"surfacehost: guide has made nothing for {carol.user_id}\n"
    await carol.send(room, "still there?")
    await carol.hears("echo: still there?")
    folder = data_dir / "matrix" / "crypto"
    assert (folder.stat().st_mode & 0o777, (folder / "secret").stat().st_mode & 0o777) == (0o700, 0o600)
    assert (folder / "secret").read_text().strip() not in ("", "DEFAULT_KEY")


async def test_a_session_that_an_administrator_has_ended_comes_back_by_password_with_its_keys(
    whole: Whole, room: str, carol: SecretPerson, bot: Account, alice: MatrixPerson, tmp_path: Path
) -> None:
    elsewhere = await direct_chat(alice, bot)
    device, keys = await whole.device(alice.api)
    await carol.send(room, "before")
    await carol.hears("echo: before")
    await delete_device(whole.homeserver, bot, device)
    await alice.send(elsewhere, "still there?")
    await alice.wait_for(lambda: "echo: still there?" in alice.seen.said(elsewhere, bot.user_id))
    assert await whole.device(alice.api) == (device, keys)
    async with another(whole, carol, tmp_path) as again:  # nio never forgets that it saw a device go
        await again.send(room, "and after?")
        await again.hears("echo: and after?")
