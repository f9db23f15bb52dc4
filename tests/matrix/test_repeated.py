"""A reply that may be in its room already is looked for there, and not sent again."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.matrix.conftest import MakeHost
from tests.matrix.secretperson import SecretPerson
from tests.matrix.smallhost import SmallHost

from surfacehost import Invite, Reply
from surfacehost_devkit.homeserver import Account
from surfacehost_devkit.matrixapi import MatrixApi
from surfacehost_devkit.matrixperson import MatrixPerson
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.send import Sender
from surfacehost_matrix.sent import MARK, transaction

Calls = list[tuple[str, ...]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """What is asked of the homeserver."""
    made: Calls = []
    call = Homeserver.call

    async def counted(self: Homeserver, method: str, *path: str, **more: Any) -> dict[str, Any]:
        made.append((method, *path))
        return await call(self, method, *path, **more)

    monkeypatch.setattr(Homeserver, "call", counted)
    return made


async def connection(host: SmallHost) -> Homeserver:
    await host.online()
    assert host.surface._homeserver is not None
    return host.surface._homeserver


async def said(person: MatrixPerson, room: str, bot: Account) -> list[str]:
    return [event.body for event in await person.history(room) if event.sender == bot.user_id and event.body]


async def as_another_device(host: SmallHost, tmp_path: Path) -> None:
    """What a restart finds that has lost login and keys."""
    await host.memory.set({"login": None, "device": None})
    shutil.rmtree(tmp_path / "crypto")


async def test_another_device_finds_it_with_one_request(
    make: MakeHost, alice: MatrixPerson, bot: Account, tmp_path: Path, calls: Calls
) -> None:
    async with make() as first:
        await first.online()
        room = await alice.create_room(direct=True, invite=[bot.user_id])
        asked = await alice.send(room, "are you there?")
        await first.until(lambda: asked in first.settled)
        (reply,) = [one for one in first.client.sent if one.event.id == asked]
    await as_another_device(first, tmp_path)
    async with make(first) as second:
        homeserver = await connection(second)
        calls.clear()
        await Sender().send(homeserver, replace(reply, repeated=True), room)
        # The new device is being signed beside that.
        beside = {"typing", "receipt", "keys", "account_data"}
        assert [call[:4] for call in calls if not beside & {*call}] == [("GET", "rooms", room, "context")]
        unsent = replace(reply, id=f"{asked}/1", body={"body": "the second part"}, repeated=True)
        await Sender().send(homeserver, unsent, room)
    assert await said(alice, room, bot) == ["hello", "echo: are you there?", "the second part"]


async def test_in_an_encrypted_room_it_is_found_without_keys(
    make: MakeHost, carol: SecretPerson, bot: Account, tmp_path: Path
) -> None:
    async with make() as first:
        room = await carol.chat_with(bot.user_id)
        await carol.hears("hello")
        asked = await carol.send(room, "are you there?")
        await first.until(lambda: asked in first.settled)
        (reply,) = [one for one in first.client.sent if one.event.id == asked]
    await as_another_device(first, tmp_path)
    async with make(first) as second:
        await Sender().send(await connection(second), replace(reply, repeated=True), room)
    held = await messages(carol, room, bot)
    assert len(held) == 2
    assert all(set(content) >= {MARK, "ciphertext"} and "body" not in content for content in held)


async def messages(person: SecretPerson, room: str, bot: Account) -> list[Mapping[str, Any]]:
    """What the homeserver holds of the bot's messages."""
    api = MatrixApi(person.nio.homeserver, person.nio.access_token)
    try:
        return [
            event.content async for event in api.messages(room) if event.sender == bot.user_id and MARK in event.content
        ]
    finally:
        await api.aclose()


async def test_it_is_found_however_much_was_said_since(
    host: SmallHost, chat: str, alice: MatrixPerson, bot: Account
) -> None:
    asked = await alice.send(chat, "first")
    await host.until(lambda: asked in host.settled)
    (reply,) = [one for one in host.client.sent if one.event.id == asked]
    homeserver = await connection(host)
    later = [replace(reply, id=f"later/{number}", body={"body": str(number)}) for number in range(160)]
    for one in later:
        await host.surface._sender.send(homeserver, one, chat)
    await as_unknown_transaction(homeserver)
    for one in (reply, later[70], later[-1]):
        await Sender().send(homeserver, replace(one, repeated=True), chat)
    assert len(await said(alice, chat, bot)) == 162


async def as_unknown_transaction(homeserver: Homeserver) -> None:
    """The homeserver has forgotten which transactions it knew: what it does after a day."""
    send = homeserver.send_message

    async def send_anew(room: str, content: Mapping[str, Any], *, transaction: str) -> str:
        return await send(room, content, transaction=f"{transaction}-anew")

    homeserver.send_message = send_anew  # type: ignore[method-assign]


async def test_a_greeting_answers_no_event_of_its_room(
    host: SmallHost, chat: str, alice: MatrixPerson, bot: Account
) -> None:
    (greeting,) = host.client.sent
    assert isinstance(greeting.event, Invite)
    homeserver = await connection(host)
    await as_unknown_transaction(homeserver)
    await Sender().send(homeserver, replace(greeting, repeated=True), chat)
    assert await said(alice, chat, bot) == ["hello"]


async def test_a_mark_that_somebody_else_has_copied_is_none(
    host: SmallHost, chat: str, alice: MatrixPerson, bot: Account
) -> None:
    asked = await alice.send(chat, "first")
    await alice.replies(chat, after=asked, from_=bot.user_id)
    unsent = Reply(id=f"{asked}/9", event=host.messages[0], kind="answer", body={"body": "more"}, repeated=True)
    forged = {"msgtype": "m.notice", "body": "forged", MARK: transaction(unsent.id)}
    await alice.api.call("PUT", "rooms", chat, "send", "m.room.message", "forged", json=forged)
    await Sender().send(await connection(host), unsent, chat)
    assert await said(alice, chat, bot) == ["hello", "echo: first", "more"]
