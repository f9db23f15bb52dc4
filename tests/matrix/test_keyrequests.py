"""Messages whose keys have not come: they are asked for, and people are told where none comes."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.matrix.secretperson import SecretPerson
from tests.matrix.smallhost import settings_text

from surfacehost_devkit.fakes import FakeMemory
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess, wait_until
from surfacehost_devkit.matrixapi import MatrixApi
from surfacehost_devkit.turnedclock import TurnedClock
from surfacehost_matrix import homeserver as reading
from surfacehost_matrix import unread
from surfacehost_matrix.chats import Chats
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.keyrequests import KeyRequests
from surfacehost_matrix.surface import NO_KEY
from surfacehost_matrix.unread import ASKED

ALGORITHM = "m.megolm.v1.aes-sha2"
ALICE, MALLORY = "@alice:ex.org", "@mallory:ex.org"
SENTENCE = NO_KEY["en"]
DAY = 86_400


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


@dataclass(frozen=True)
class Impatient(TurnedClock):
    """What a host does first: its clock can be set, and people are told of a missing key after two seconds."""

    def __call__(self) -> None:
        TurnedClock.__call__(self)
        unread.TELL_AFTER_S, reading.POLL_S = 2, 1


@asynccontextmanager
async def real_host(server: Homeserver, bot: Account, folder: Path, clock: TurnedClock) -> AsyncIterator[HostProcess]:
    settings = settings_text(server.url, bot, defaults='busy = "queue"')
    with HostProcess(folder / "host", settings, first=clock) as host:
        await asyncio.to_thread(host.wait_ready)
        yield host


async def test_a_missing_key_is_asked_for_and_withdrawn_once(
    carol: SecretPerson, bot: Account, homeserver: Homeserver, tmp_path: Path
) -> None:
    clock = TurnedClock(tmp_path / "clock")
    async with real_host(homeserver, bot, tmp_path, clock) as host:
        rooms = []
        for sparse in (False, True):  # with and without what is deprecated
            rooms.append(await carol.chat_with(bot.user_id))
            await carol.until(lambda: heard(carol, bot, rooms[-1]))
            await name_no_key(carol, rooms[-1])
            carol.nio.holding, carol.nio.sparse = True, sparse
            await carol.send(rooms[-1], "one")
            await noted(tmp_path, "unread:%", 2 * len(rooms) - 1)
            clock.turn(-DAY * len(rooms))
            await carol.send(rooms[-1], "two")
            await noted(tmp_path, "unread:%", 2 * len(rooms))
        await noted(tmp_path, "asked:%", 2)
        host.kill()
        await asyncio.to_thread(host.start)
        await carol.until(lambda: len(asked(carol, "request")) == 2)
        for room, request in zip(rooms, asked(carol, "request"), strict=True):
            await come_to_terms(host, carol, bot, room, request)
        await noted(tmp_path, "asked:%", 0)
        await noted(tmp_path, "unread:%", 0)
        carol.nio.holding = False
        for room in rooms:
            carol.nio.invalidate_outbound_session(room)
            await carol.send(room, "three")
            await carol.until(lambda room=room: "echo: three" in heard(carol, bot, room))  # type: ignore[misc]
        said = [heard(carol, bot, room)[1:] for room in rooms]
        assert said == [["echo: one", "echo: two", "echo: three"]] * 2
        assert [len(asked(carol, action)) for action in ("request", "request_cancellation")] == [2, 2]
        device = note(tmp_path, "login")["device_id"]
        for code, is_told_first in (("m.unverified", True), ("m.blacklisted", False)):
            await withheld(carol, bot, device, code, is_told_first=is_told_first)
        assert all(f"{code}: not you\\n'" in host.log_text() for code in ("m.unverified", "m.blacklisted"))


async def name_no_key(carol: SecretPerson, room: str) -> None:
    """Send what names its key by more than a request for it could hold (Synapse: 65,536 bytes to a device)."""
    sealed = {"algorithm": ALGORITHM, "ciphertext": "x", "session_id": "x" * 33_000}
    async with aclosing(MatrixApi(carol.nio.homeserver, carol.nio.access_token)) as api:
        await api.call("PUT", "rooms", room, "send", "m.room.encrypted", "no-key", json=sealed)


class Refusing:
    """A homeserver that takes no request for the key of one person, and what it was asked."""

    device_id = "DEVICE"

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def expect_keys(self, expected: object) -> None:
        self.expected = expected

    async def send_to_devices(self, user_id: str, _kind: str, contents: Any, *, transaction: str) -> None:
        assert transaction
        (content,) = contents.values()
        self.asked.append((user_id, content))
        if user_id == MALLORY:
            raise Declined(413, "M_TOO_LARGE", "content too large")


async def test_a_request_that_is_refused_holds_up_no_other() -> None:
    homeserver: Any = Refusing()
    memory, known = FakeMemory(), Chats("matrix", "@bot:ex.org")
    requests = KeyRequests(homeserver, known, memory)
    for number, (sender, room) in enumerate([(MALLORY, "!r"), (ALICE, "!r"), (ALICE, "!s")]):
        content = {"algorithm": ALGORITHM, "session_id": "same", "sender_key": "k", "device_id": "D"}
        content |= {"session_id": "odd"} if sender == MALLORY else {}
        known.learn(known.unread.keep(room, {"event_id": f"${number}", "sender": sender, "content": content}, {}))
    await requests.settle()
    await requests.settle()
    bodies = [(user, content["body"]["room_id"], content["body"]["session_id"]) for user, content in homeserver.asked]
    assert bodies == [(MALLORY, "!r", "odd"), (ALICE, "!r", "same"), (ALICE, "!s", "same")]
    assert len({content["request_id"] for _, content in homeserver.asked}) == 3
    homeserver.asked.clear()
    known.learn(dict.fromkeys(known.unread.all()))
    await requests.settle()
    assert [(user, content["action"]) for user, content in homeserver.asked] == [(ALICE, "request_cancellation")] * 2
    assert await memory.items(ASKED) == {}


async def come_to_terms(host: HostProcess, carol: SecretPerson, bot: Account, room: str, request: Any) -> None:
    """Carol answers the *request* with what is not hers, with what is, and once more when that is not wanted."""
    assert request["body"]["room_id"] == room
    assert request["body"]["sender_key"] == carol.nio.olm.account.identity_keys["curve25519"]  # as for any device
    async with refusing(host):
        await forward(carol, bot, request, sender_key="x" * 43)
    assert len(heard(carol, bot, room)) == 1
    await forward(carol, bot, request)
    await carol.until(lambda: "echo: two" in heard(carol, bot, room))
    await until(lambda: any(one["request_id"] == request["request_id"] for one in asked(carol, "request_cancellation")))
    async with refusing(host):
        await forward(carol, bot, request)


@asynccontextmanager
async def refusing(host: HostProcess) -> AsyncIterator[None]:
    """Wait until *host* has refused the key that is forwarded inside."""

    def told() -> int:
        return host.log_text().count("forwards a key that is not theirs, or was not asked for")

    before = told()
    yield
    await until(lambda: told() > before)


async def test_where_no_key_comes_people_are_told_once_wherever_it_is_killed(
    carol: SecretPerson, bot: Account, homeserver: Homeserver, tmp_path: Path
) -> None:
    clock = Impatient(tmp_path / "clock")
    clock.turn(DAY)
    async with real_host(homeserver, bot, tmp_path, clock) as host:
        room = await carol.chat_with(bot.user_id)
        await carol.until(lambda: heard(carol, bot, room))
        carol.nio.holding = True
        await carol.send(room, "unreadable")
        taken_back = await carol.send(room, "never mind")
        changed = await carol.send(room, "as it was")
        await noted(tmp_path, "unread:%", 3)
        await carol.nio.room_redact(room, taken_back)
        await noted(tmp_path, "unread:%", 2)
        host.kill()
        clock.turn(0)
        doctor = await asyncio.to_thread(host.command, "doctor")
        assert "2 messages wait for their keys, the oldest for 0.0 hours" in doctor.stdout
        await asyncio.to_thread(host.start)
        await carol.until(lambda: SENTENCE in heard(carol, bot, room))
        host.kill()  # perhaps before it knows that this has arrived
        clock.turn(DAY)
        await asyncio.to_thread(host.start)
        carol.nio.invalidate_outbound_session(room)
        carol.nio.holding = False
        await carol.edit(room, changed, "as it is")
        await carol.until(lambda: "echo: as it is" in heard(carol, bot, room))
        await carol.nio.hand_over()
        await carol.send(room, "and now?")
        await carol.until(lambda: "echo: and now?" in heard(carol, bot, room))
    assert heard(carol, bot, room)[1:] == [SENTENCE, "echo: as it is", "echo: unreadable", "echo: and now?"]


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


async def noted(folder: Path, like: str, count: int) -> None:
    """Wait until the host has so many notes with keys *like* that."""
    await until(lambda: len([*notes(folder, like)]) == count)


async def until(condition: Callable[[], object]) -> None:
    await asyncio.to_thread(wait_until, condition, 20)


def note(folder: Path, key: str) -> Any:
    return next(value for _, value in notes(folder, key))


def notes(folder: Path, like: str) -> Iterator[tuple[str, Any]]:
    file = folder / "host" / "var" / "surfacehost.db"
    with closing(sqlite3.connect(file)) as database:
        rows = database.execute("select key, value from note where key like ?", (like,)).fetchall()
    return ((key, json.loads(value)) for key, value in rows)
