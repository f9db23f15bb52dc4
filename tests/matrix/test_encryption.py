"""End-to-end encrypted rooms, with nio as the other side."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from nio import ErrorResponse  # type: ignore[import-untyped]  # nio ships no type marker
from tests.matrix.conftest import MakeHost
from tests.matrix.secretperson import SecretPerson
from tests.matrix.smallhost import SmallHost

from surfacehost import Message, NotReady, Refused, Reply, Undeliverable
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.matrixapi import MatrixApi
from surfacehost_devkit.matrixperson import MatrixPerson
from surfacehost_matrix import crypto, guards, keystore
from surfacehost_matrix.send import Sender


async def raw_events(person: SecretPerson, room: str, sender: str) -> list[dict[str, Any]]:
    """What the homeserver holds of a sender's messages in a room."""
    api = MatrixApi(person.nio.homeserver, person.nio.access_token)
    try:
        events = [event async for event in api.messages(room)]
    finally:
        await api.aclose()
    kinds = ("m.room.message", "m.room.encrypted")
    return [{"type": e.type, "content": e.content} for e in events if e.sender == sender and e.type in kinds]


async def test_a_long_absence_leaves_no_gap(make: MakeHost, carol: SecretPerson, bot: Account) -> None:
    async with make() as first:
        room = await carol.chat_with(bot.user_id)
        await carol.hears("hello")
    await carol.send(room, "0")
    await asyncio.gather(*(carol.send(room, str(number)) for number in range(1, 104)))
    async with make(first) as second:
        await second.until(lambda: len(second.settled) == 105, timeout_s=60)
    assert sorted(int(message.text) for message in second.messages) == list(range(104))


async def test_encrypted_state_is_no_state(host: SmallHost, carol: SecretPerson, bot: Account) -> None:
    room = await carol.chat_with(bot.user_id)
    await carol.hears("hello")
    await carol.send(room, "", "m.room.name", name="Forged", state_key="")
    await carol.send(room, "", "m.room.power_levels", users={carol.user_id: 100})
    await carol.send(room, "still there?")
    await carol.hears("echo: still there?")
    homeserver = host.surface._homeserver
    assert homeserver is not None
    assert homeserver.nio.rooms[room].name is None
    assert carol.user_id not in homeserver.nio.rooms[room].power_levels.users
    assert not host.down


def garbled(bot_key: str, **content: Any) -> dict[str, Any]:
    return {
        "algorithm": "m.olm.v1.curve25519-aes-sha2",
        "sender_key": "x" * 43,
        "ciphertext": {bot_key: {"type": 0, "body": "AAAA"}},
        **content,
    }


async def test_crafted_key_messages_end_nothing(
    host: SmallHost, carol: SecretPerson, bot: Account, homeserver: Homeserver
) -> None:
    room = await carol.chat_with(bot.user_id)
    await carol.hears("hello")
    key = host.surface._homeserver.identity_key if host.surface._homeserver else ""
    login = await host.memory.get("login")
    api = MatrixApi(homeserver.url, carol.nio.access_token)
    for number, content in enumerate(
        [
            garbled(key),
            garbled(key, sender_key=""),
            garbled(key, sender_key="!!!"),
            garbled(key, ciphertext={key: {"type": 1, "body": "?"}}),
            garbled(key, ciphertext={key: {"type": 7}}),
            garbled(key, ciphertext={key: []}),
            garbled(key, ciphertext=[]),
            {},
        ]
    ):
        messages = {"messages": {bot.user_id: {login["device_id"]: content}}}
        await api.call("PUT", "sendToDevice", "m.room.encrypted", f"poison{number}", json=messages)
    megolm = {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AAAA", "device_id": "X"}
    for number, odd in enumerate(
        [
            {"sender_key": "", "session_id": "x"},
            {"sender_key": "x", "session_id": ""},
            {"sender_key": "x", "session_id": "x"},
            {"sender_key": "x", "session_id": "x", "ciphertext": "?"},
        ]
    ):
        await api.call("PUT", "rooms", room, "send", "m.room.encrypted", f"odd{number}", json=megolm | odd)
    await api.aclose()
    await carol.send(room, "still there?")
    await host.until(lambda: len(host.settled) == 2)  # carol has no guards: her own sync has ended by now
    assert [message.text for message in host.messages] == ["still there?"]
    assert not host.down


async def test_logged_out_it_publishes_its_keys_again(
    make: MakeHost, carol: SecretPerson, bot: Account, homeserver: Homeserver
) -> None:
    async with make() as first:
        await carol.chat_with(bot.user_id)
        await carol.hears("hello")
    login = await first.memory.get("login")
    api = MatrixApi(homeserver.url, login["access_token"])
    await api.call("POST", "logout", json={})
    await api.aclose()
    await carol.until(lambda: carol.nio.device_store[bot.user_id][login["device_id"]].deleted)
    async with make(first) as second:
        await second.online()
        after = await second.memory.get("login")
        assert after["device_id"] == login["device_id"]
        device = {bot.user_id: {login["device_id"]: "signed_curve25519"}}
        api = MatrixApi(homeserver.url, carol.nio.access_token)
        claimed = await api.call("POST", "keys", "claim", json={"one_time_keys": device})
        await api.aclose()
        assert claimed["one_time_keys"][bot.user_id][login["device_id"]]
    assert not second.down


async def test_odd_devices_of_one_hide_nobody_elses(
    host: SmallHost, carol: SecretPerson, alice: MatrixPerson, bot: Account
) -> None:
    room = await carol.chat_with(bot.user_id)
    await carol.hears("hello")
    guards.guard(carol.nio.olm, dict)  # or she would stumble herself
    await carol.nio.room_invite(room, alice.user_id)
    await alice.wait_invite(carol.user_id)
    device = alice.account.device_id
    keys = {f"ed25519:{device}": "?", f"curve25519:{device}": "?"}
    body = {"user_id": alice.user_id, "device_id": device, "algorithms": ["x"], "keys": keys}
    signed = body | {"signatures": {alice.user_id: {f"ed25519:{device}": "?"}}}
    await alice.api.call("POST", "keys", "upload", json={"device_keys": signed})
    await alice.join(room)
    homeserver = host.surface._homeserver
    assert homeserver is not None
    await homeserver._told_of(room)
    await Sender().send(homeserver, reply_to(room), room)
    await carol.hears("to you all")
    assert not host.down


def reply_to(room: str) -> Reply:
    message = Message(surface="matrix", id="$question", chat=room, sender="@a:b", direct=False, text="?")
    return Reply(id="$question/0", event=message, kind="answer", body={"body": "to you all"})


@pytest.mark.parametrize("odd", ["raises", "is refused by the parser"])
async def test_one_users_keys_are_left_out_alone(odd: str) -> None:
    tracked: set[str] = set()
    known: set[str] = set()
    machine = SimpleNamespace(users_for_key_query={"@good:x", "@odd:x"}, tracked_users=tracked)
    ok = SimpleNamespace(transport_response=SimpleNamespace(status=200))

    async def query() -> object:
        users = set(machine.users_for_key_query)
        if "@odd:x" in users:
            if odd == "raises":
                raise KeyError
            refused = ErrorResponse("unknown error")
            refused.transport_response = ok.transport_response
            return refused
        machine.users_for_key_query = {"@new:x"}  # a sync adds one
        known.update(users)
        return ok

    await crypto.ask_devices(machine, query)
    assert known == {"@good:x"}
    assert tracked == {"@odd:x"}
    assert machine.users_for_key_query == {"@new:x"}


async def test_switched_off_it_stays_silent(
    make: MakeHost, carol: SecretPerson, bot: Account, caplog: pytest.LogCaptureFixture
) -> None:
    async with make(encryption=False) as host:
        await host.online()
        room = await carol.chat_with(bot.user_id)
        await host.until(lambda: host.failed)
        assert isinstance(host.failed[0], Undeliverable)
        await carol.send(room, "hello?")
        await host.until(lambda: "switched off: nothing is read" in caplog.text)
    assert not host.messages
    assert await raw_events(carol, room, bot.user_id) == []


async def test_keys_that_could_not_be_handed_over_are_no_keys(
    host: SmallHost, carol: SecretPerson, bot: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await carol.chat_with(bot.user_id)
    await carol.hears("hello")
    homeserver = host.surface._homeserver
    assert homeserver is not None
    homeserver.nio.invalidate_outbound_session(room)
    send, broken = homeserver.nio.send, [True, True]

    async def flaky(method: str, path: str, *args: Any) -> Any:
        if "/sendToDevice/" in path and broken:
            broken.pop()
            raise ConnectionError
        return await send(method, path, *args)

    monkeypatch.setattr(homeserver.nio, "send", flaky)
    await carol.send(room, "can you read this?")
    await carol.hears("echo: can you read this?")
    assert not broken
    assert [type(error) for error in host.failed] == [NotReady, NotReady]


async def test_a_store_has_one_owner(tmp_path: Path) -> None:
    with keystore.store(tmp_path / "crypto") as secret:
        with pytest.raises(NotReady), keystore.store(tmp_path / "crypto"):
            pass
        assert (tmp_path / "crypto").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "crypto" / "secret").stat().st_mode & 0o777 == 0o600
    with keystore.store(tmp_path / "crypto") as again:
        assert again == secret


async def test_keys_that_can_not_be_read_are_told(make: MakeHost, tmp_path: Path) -> None:
    async with make() as first:
        await first.online()
    (tmp_path / "crypto" / "secret").write_text("another")
    async with make(first) as second:
        await second.until(lambda: second.down)
    (error,) = second.down
    assert isinstance(error, Refused)
    assert str(tmp_path / "crypto") in str(error)
