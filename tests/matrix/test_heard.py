"""What people do besides writing: they answer, change, take back, and send files; in clear and encrypted."""

from typing import Any

import pytest
from tests.matrix.conftest import MakePerson
from tests.matrix.secretperson import SecretPerson
from tests.matrix.smallhost import SmallHost

from surfacehost import Edit, Message, Redaction
from surfacehost_devkit.homeserver import Account
from surfacehost_devkit.matrixperson import MatrixPerson
from surfacehost_matrix.parse import read_event

PICTURE = {"msgtype": "m.image", "url": "mxc://localhost/abc", "info": {"mimetype": "image/png", "size": 70}}
SEALED = {"url": "mxc://localhost/s", "v": "v2", "iv": "i", "key": {"k": "K"}, "hashes": {"sha256": "h"}}


def heard(host: SmallHost, event_id: str) -> Any:
    return host.put.events[event_id]


@pytest.mark.parametrize("version", ["10", "12"])  # before and since a redaction tells what of in its content
async def test_a_message_is_changed_and_taken_back(
    host: SmallHost, alice: MatrixPerson, bot: Account, version: str
) -> None:
    room = await alice.create_room(direct=True, invite=[bot.user_id], room_version=version)
    await host.until(lambda: len(host.settled) == 1)
    question = await alice.send(room, "first")
    changed = await alice.edit(room, question, "second")
    taken_back = await alice.redact(room, question)
    forged = {"rel_type": "m.replace", "event_id": question}
    await alice.send(room, "malformed", content={"m.relates_to": forged})
    last = await alice.send(room, "last")
    await host.until(lambda: last in host.settled)
    edit, redaction = heard(host, changed), heard(host, taken_back)
    assert isinstance(edit, Edit)
    assert isinstance(redaction, Redaction)
    assert (edit.of, edit.text, edit.direct) == (question, "second", True)
    assert (redaction.of, redaction.sender) == (question, alice.user_id)
    assert [message.text for message in host.messages][-1] == "last"
    own = [event for event in host.put.events.values() if event.sender == bot.user_id]
    assert own == []


async def test_a_reply_brings_what_it_answers(
    host: SmallHost, alice: MatrixPerson, person: MakePerson, bot: Account
) -> None:
    room = await alice.create_room(name="group", invite=[bot.user_id])
    await host.until(lambda: len(host.settled) == 1)
    bob = await person("bob")
    await alice.invite(room, bob.user_id)
    await bob.join(room)
    question = await bob.send(room, "who has the keys?", mentions=[bot.user_id])
    (answer,) = await alice.replies(room, after=question, from_=bot.user_id)
    forged = f"> <{bob.user_id}> the keys are alice's\n\nis that so?"
    to_bob = await alice.send(room, forged, reply_to=question, mentions=[bot.user_id])
    to_bot = await alice.send(room, "thanks", reply_to=answer.event_id)
    to_nothing = await alice.send(room, "what?", reply_to="$nothing", mentions=[bot.user_id])
    in_thread = await alice.send(room, "in a thread", thread=question, mentions=[bot.user_id])
    picture = await bob.send(room, "cat.png", content={**PICTURE, "m.mentions": {"user_ids": [bot.user_id]}})
    to_picture = await alice.send(room, "nice", reply_to=picture, mentions=[bot.user_id])
    await host.until(lambda: to_picture in host.put.events)
    said = {event: heard(host, event) for event in (to_bob, to_bot, to_nothing, in_thread, to_picture)}
    assert {event: one.quote for event, one in said.items()} == {
        to_bob: "who has the keys?",  # and not what alice says that bob said
        to_bot: "echo: who has the keys?",
        to_nothing: "",
        in_thread: "",
        to_picture: "cat.png",
    }
    assert said[to_bob].text == "is that so?"
    assert all(one.addressed for one in said.values())
    (attachment,) = heard(host, picture).attachments
    assert (attachment.kind, attachment.size, dict(attachment.source)) == ("image", 70, {"url": PICTURE["url"]})
    assert not host.down


async def test_encrypted_it_is_the_same(host: SmallHost, carol: SecretPerson, bot: Account) -> None:
    room = await carol.chat_with(bot.user_id)
    await carol.hears("hello")
    question = await carol.send(room, "first")
    answer = await carol.hears("echo: first")
    changed = await carol.edit(room, question, "second")
    voice: dict[str, Any] = {"msgtype": "m.audio", "file": SEALED, "m.voice": {}}
    sealed = await carol.send(room, "note.ogg", **voice)
    reply: dict[str, Any] = {"m.relates_to": {"m.in_reply_to": {"event_id": answer.event_id}}}
    to_bot = await carol.send(room, "thanks", **reply)
    await carol.nio.room_redact(room, question)
    await host.until(lambda: any(isinstance(event, Redaction) for event in host.put.events.values()))
    await host.until(lambda: to_bot in host.settled)
    assert (heard(host, changed).of, heard(host, changed).text) == (question, "second")
    (attachment,) = heard(host, sealed).attachments
    assert (attachment.kind, attachment.source["file"]["hashes"]) == ("voice", {"sha256": "h"})
    assert heard(host, to_bot).quote == "echo: first"
    assert not host.down


async def test_what_can_not_be_read_fails_by_itself(
    host: SmallHost, chat: str, alice: MatrixPerson, bot: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of our own in reading: the host hears of it, and can try again; nobody else waits."""

    def stumbling(raw: Any, place: Any) -> Any:
        if "odd" in str(raw.get("content")):
            raise RecursionError
        return read_event(raw, place)

    monkeypatch.setattr("surfacehost_matrix.reading.read_event", stumbling)
    odd = await alice.send(chat, "odd")
    good = await alice.send(chat, "good")
    await alice.replies(chat, after=good, from_=bot.user_id)
    assert [type(error) for error in host.failed] == [RecursionError]
    assert not host.down
    monkeypatch.undo()
    message = heard(host, odd)
    assert isinstance(message, Message)
    await host.surface.on_message(message, host.client)  # what the operator's retry does
    await alice.wait_for(lambda: any(event.body == "echo: odd" for event in alice.seen.events[chat]))


async def test_what_stumbles_over_a_message_beside_reading_it_costs_nobody_a_word(
    host: SmallHost, chat: str, alice: MatrixPerson, bot: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumbling(raw: Any, _room: str) -> str:
        raise OverflowError(raw["event_id"])

    monkeypatch.setattr("surfacehost_matrix.sync.replacement", stumbling)
    question = await alice.send(chat, "odd")
    (answer,) = await alice.replies(chat, after=question, from_=bot.user_id)
    assert answer.body == "echo: odd"
    assert not host.down
