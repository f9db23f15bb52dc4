"""Text both ways, between people and the surface, over a real homeserver."""

import asyncio
import contextlib
from typing import Any

import pytest
from tests.matrix.conftest import MakePerson
from tests.matrix.smallhost import SmallHost, direct_chat

from surfacehost_devkit.homeserver import Account
from surfacehost_devkit.matrixperson import MatrixPerson
from surfacehost_matrix.failures import Declined


@pytest.mark.parametrize("version", ["11", "12"])
async def test_invited_it_comes_greets_and_answers(
    host: SmallHost, alice: MatrixPerson, bot: Account, version: str
) -> None:
    room = await direct_chat(alice, bot, room_version=version)
    assert any(event.body == "hello" for event in alice.seen.events[room])
    question = await alice.send(room, "say **this**")
    (answer,) = await alice.replies(room, after=question, from_=bot.user_id)
    assert answer.content["msgtype"] == "m.text"
    assert answer.body == "echo: say **this**"
    assert answer.content["format"] == "org.matrix.custom.html"
    assert answer.content["formatted_body"] == "<p>echo: say <strong>this</strong></p>"
    assert answer.content["m.mentions"] == {}
    (message,) = host.messages
    assert (message.id, message.chat, message.sender) == (question, room, alice.user_id)
    assert (message.direct, message.addressed, message.topic) == (True, True, "")
    assert str(message.key) == f"1/matrix/{alice.user_id}/{room}/~"
    assert not host.down
    assert not host.failed


async def test_a_thread_is_answered_in_the_thread(
    host: SmallHost, chat: str, alice: MatrixPerson, bot: Account
) -> None:
    root = await alice.send(chat, "a topic")
    await alice.replies(chat, after=root, from_=bot.user_id)
    inside = await alice.send(chat, "within", thread=root)
    (answer,) = await alice.replies(chat, after=inside, from_=bot.user_id, thread=root)
    assert answer.body == "echo: within"
    assert answer.content["m.relates_to"] == {
        "rel_type": "m.thread",
        "event_id": root,
        "is_falling_back": True,
        "m.in_reply_to": {"event_id": inside},
    }
    # Synapse refuses a receipt that names another thread.
    await alice.wait_for(lambda: inside in alice.seen.receipts[chat][bot.user_id])
    outside, within = host.messages
    assert outside.key != within.key
    assert within.topic == root


async def test_only_what_people_say_is_answered(host: SmallHost, chat: str, alice: MatrixPerson, bot: Account) -> None:
    first = await alice.send(chat, "first")
    await alice.send(chat, "a notice", msgtype="m.notice")
    await alice.edit(chat, first, "first, edited")
    await alice.react(chat, first, "👍")
    await alice.send(chat, "waves", msgtype="m.emote")
    await alice.send(chat, "last")
    await alice.wait_for(lambda: any(event.body == "echo: last" for event in alice.seen.events[chat]))
    assert [message.text for message in host.messages] == ["first", "waves", "last"]
    said = [e.body for e in alice.seen.events[chat] if e.sender == bot.user_id and e.body]
    assert said == ["hello", "echo: first", "echo: waves", "echo: last"]


async def test_it_types_and_reads_while_it_works(host: SmallHost, chat: str, alice: MatrixPerson, bot: Account) -> None:
    host.client.thought = asyncio.Event()
    question = await alice.send(chat, "hello?")
    await alice.wait_for(lambda: question in alice.seen.receipts[chat][bot.user_id])
    await alice.wait_for(lambda: bot.user_id in alice.seen.typing[chat])
    host.client.thought.set()
    await alice.replies(chat, after=question, from_=bot.user_id)
    await alice.wait_for(lambda: not alice.seen.typing[chat])
    assert not host.failed


async def test_a_sign_of_work_that_is_under_way_does_not_come_behind_its_end(
    host: SmallHost, chat: str, alice: MatrixPerson, bot: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    homeserver = host.surface._homeserver
    assert homeserver is not None
    call, arrived, is_sent, goes_on = homeserver.call, list[bool](), asyncio.Event(), asyncio.Event()

    async def slow(method: str, *path: str, **more: Any) -> dict[str, Any]:
        if more["body"]["typing"]:
            is_sent.set()
            await goes_on.wait()
        arrived.append(more["body"]["typing"])
        return await call(method, *path, **more)

    async def made(method: str, *path: str, **more: Any) -> dict[str, Any]:
        if "typing" not in path:
            return await call(method, *path, **more)
        return await asyncio.shield(asyncio.create_task(slow(method, *path, **more)))  # whoever asked may be gone

    monkeypatch.setattr(homeserver, "call", made)
    host.client.thought = asyncio.Event()
    question = await alice.send(chat, "hello?")
    await is_sent.wait()
    host.client.thought.set()
    await alice.replies(chat, after=question, from_=bot.user_id)
    with contextlib.suppress(TimeoutError):
        await host.until(lambda: question in host.settled, timeout_s=0.5)
    goes_on.set()
    await host.until(lambda: question in host.settled and len(arrived) == 2)
    assert arrived == [True, False]


async def test_signs_of_work_end_however_the_work_ends(
    host: SmallHost, chat: str, alice: MatrixPerson, bot: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    homeserver = host.surface._homeserver
    assert homeserver is not None
    call = homeserver.call

    async def refusing(method: str, *path: str, **more: Any) -> dict[str, Any]:
        if "receipt" in path:
            raise Declined(403, "M_FORBIDDEN", "no receipts here")
        return await call(method, *path, **more)

    def broken(_: object) -> str:
        raise RuntimeError

    monkeypatch.setattr(homeserver, "call", refusing)
    host.client.thought, host.client.says = asyncio.Event(), broken
    question = await alice.send(chat, "hello?")
    await alice.wait_for(lambda: bot.user_id in alice.seen.typing[chat])
    host.client.thought.set()
    await host.until(lambda: question in host.settled)
    await alice.wait_for(lambda: not alice.seen.typing[chat])
    assert [type(error) for error in host.failed] == [RuntimeError]


async def test_in_a_group_it_knows_when_it_is_meant(
    host: SmallHost, person: MakePerson, alice: MatrixPerson, bot: Account
) -> None:
    bob = await person("bob")
    room = await alice.create_room(name="group", invite=[bot.user_id, bob.user_id])
    await bob.wait_invite(alice.user_id)
    await bob.join(room)
    await alice.wait_for(lambda: any(e.sender == bot.user_id and e.body for e in alice.seen.events[room]))
    await bob.send(room, "not for you")
    question = await bob.send(room, f"{bot.user_id}: and this?", mentions=[bot.user_id])
    (answer,) = await bob.replies(room, after=question, from_=bot.user_id)
    await bob.send(room, "why?", reply_to=answer.event_id)
    last = await bob.send(room, f"{bot.user_id} done")
    await bob.replies(room, after=last, from_=bot.user_id)
    assert [(message.text, message.addressed) for message in host.messages] == [
        ("not for you", False),
        ("and this?", True),
        ("why?", True),
        ("done", True),
    ]
    assert not any(message.direct for message in host.messages)
    assert str(host.messages[0].key) == f"1/matrix/~/{room}/~"
