"""Messages whose keys have not come: they are asked for, and people are told where none comes."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.matrix.conftest import MakeHost
from tests.matrix.secretperson import SecretPerson
from tests.matrix.smallhost import SmallHost, settings_text

from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess, wait_until
from surfacehost_matrix.surface import NO_KEY

SENTENCE = NO_KEY["en"]


def asked(carol: SecretPerson, action: str) -> list[dict[str, Any]]:
    requests = [told["content"] for told in carol.told if told["type"] == "m.room_key_request"]
    return [content for content in requests if content["action"] == action]


async def forward(carol: SecretPerson, bot: Account, request: dict[str, Any], sender_key: str = "") -> None:
    """Answer a request as the device that has made the session, or pretending that it was made by another one."""
    body, olm = request["body"], carol.nio.olm
    session = olm.inbound_group_store.get(body["room_id"], olm.account.identity_keys["curve25519"], body["session_id"])
    device = carol.nio.device_store[bot.user_id][request["requesting_device_id"]]
    made_by, session.sender_key = session.sender_key, sender_key or session.sender_key
    message = olm._encrypt_forwarding_key(body["room_id"], session, olm.session_store.get(device.curve25519), device)
    session.sender_key = made_by
    await carol.nio.to_device(message)


@pytest.mark.parametrize("sparse", [False, True])  # with and without what is deprecated
async def test_a_missing_key_is_asked_for_and_withdrawn_once(
    make: MakeHost, carol: SecretPerson, bot: Account, caplog: pytest.LogCaptureFixture, *, sparse: bool
) -> None:
    carol.nio.sparse = sparse
    async with make() as first:
        room = await carol.chat_with(bot.user_id)
        await carol.hears("hello")
        carol.nio.holding = True
        await carol.send(room, "one")
        await carol.send(room, "two")
        await carol.until(lambda: asked(carol, "request"))
        await first.until(lambda: len(open_requests(first)) == 1)
    async with make(first) as second:
        await second.online()
        (request,) = asked(carol, "request")
        assert request["body"]["room_id"] == room
        assert request["body"]["sender_key"] == carol.nio.olm.account.identity_keys["curve25519"]  # as for any device
        assert request["requesting_device_id"] == second.memory.values["login"]["device_id"]
        await forward(carol, bot, request, sender_key="x" * 43)
        await second.until(lambda: "forwards a key that is not theirs" in caplog.text)
        assert not second.messages
        await forward(carol, bot, request)
        await carol.hears("echo: two")
        await carol.until(lambda: asked(carol, "request_cancellation"))
        await second.until(lambda: not open_requests(second))
        await forward(carol, bot, request)  # not asked for any more
        await second.until(lambda: "or was not asked for" in caplog.text)
        carol.nio.holding = False
        carol.nio.invalidate_outbound_session(room)
        await carol.send(room, "three")
        await carol.hears("echo: three")
    assert [message.text for message in second.messages] == ["one", "two", "three"]
    assert [len(asked(carol, action)) for action in ("request", "request_cancellation")] == [1, 1]
    assert not await second.memory.items("unread:")
    assert not second.down


def open_requests(host: SmallHost) -> list[str]:
    return [key for key in host.memory.values if key.startswith("asked:")]


async def test_where_no_key_comes_people_are_told_once_wherever_it_is_killed(
    carol: SecretPerson, bot: Account, homeserver: Homeserver, tmp_path: Path
) -> None:
    settings = settings_text(homeserver.url, bot, defaults='busy = "queue"')
    with HostProcess(tmp_path / "host", settings) as host:
        await asyncio.to_thread(host.wait_ready)
        talk = room = await carol.chat_with(bot.user_id)
        await carol.until(lambda: heard(carol, bot, room))
        carol.nio.holding = True
        await carol.send(room, "unreadable")
        await carol.send(room, "this one too")
        await asyncio.to_thread(wait_until, lambda: len([*unread(tmp_path)]) == 2, 20)
        host.kill()
        for key, kept in unread(tmp_path):
            write(tmp_path, key, kept | {"at": kept["at"] - 61})
        host.start()
        await carol.until(lambda: SENTENCE in heard(carol, bot, room))
        host.kill()  # perhaps before it knows that this has arrived
        host.start()
        carol.nio.invalidate_outbound_session(room)
        await carol.nio.hand_over()
        carol.nio.holding = False
        await carol.send(room, "and now?")
        await carol.until(lambda: "echo: and now?" in heard(carol, bot, room))
        device = (await asyncio.to_thread(note, tmp_path, "login"))["device_id"]
        for code, is_told_first in (("m.unverified", True), ("m.blacklisted", False)):
            await withheld(carol, bot, device, code, is_told_first=is_told_first)
        logged = host.log_text()
    assert all(f"{code}: not you\\n'" in logged for code in ("m.unverified", "m.blacklisted"))
    assert heard(carol, bot, talk)[1:] == [SENTENCE, "echo: unreadable", "echo: this one too", "echo: and now?"]


async def withheld(carol: SecretPerson, bot: Account, device: str, code: str, *, is_told_first: bool) -> None:
    """Her client keeps a key to itself and says so: people are told at once, which takes no minute."""
    room = await carol.chat_with(bot.user_id)
    await carol.until(lambda: heard(carol, bot, room))
    carol.nio.holding = True
    await carol.nio.share_group_session(room, ignore_unverified_devices=True)
    if is_told_first:
        await carol.withhold(room, bot.user_id, device, code, "not you\n")
    await carol.send(room, "not for you")
    if not is_told_first:
        await carol.withhold(room, bot.user_id, device, code, "not you\n")
    await carol.until(lambda: heard(carol, bot, room)[1:] == [SENTENCE])
    carol.nio.holding = False


def heard(carol: SecretPerson, bot: Account, room: str) -> list[str]:
    kinds = ("m.room.message", "m.room.encrypted")
    events = [event for event in carol.seen_in[room] if event.sender == bot.user_id and event.source["type"] in kinds]
    return [getattr(event, "body", "?") for event in events]


def unread(folder: Path) -> Iterator[tuple[str, Any]]:
    """What the host has noted of what it can't read."""
    return notes(folder, "unread:%")


def note(folder: Path, key: str) -> Any:
    return next(value for _, value in notes(folder, key))


def notes(folder: Path, like: str) -> Iterator[tuple[str, Any]]:
    file = folder / "host" / "var" / "surfacehost.db"
    with closing(sqlite3.connect(file)) as database:
        rows = database.execute("select key, value from note where key like ?", (like,)).fetchall()
    return ((key, json.loads(value)) for key, value in rows)


def write(folder: Path, key: str, value: Any) -> None:
    file = folder / "host" / "var" / "surfacehost.db"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("update note set value = ? where key = ?", (json.dumps(value), key))
