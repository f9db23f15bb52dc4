"""An answer that grows is one message, and at its end complete, whatever becomes of the previews."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest_asyncio
from tests.matrix.conftest import MakePerson
from tests.matrix.smallhost import SmallHost

from surfacehost import Message, NotReady, Reply
from surfacehost_devkit.fakes import FakeClient
from surfacehost_devkit.homeserver import Account
from surfacehost_devkit.matrixperson import MatrixPerson, RoomEvent
from surfacehost_matrix.content import replacing, text
from surfacehost_matrix.sent import transaction

DRAFT = "It is **half** a thought, with code:\n\n```py\nprint("
WHOLE = "It is a *whole* thought."


class GrowingClient(FakeClient):
    """Shows *previews* before it answers; ``before_end`` is awaited when they have been shown."""

    def __init__(self, host: SmallHost, previews: Sequence[str] = (DRAFT, f"{DRAFT}1)\n```\n")) -> None:
        super().__init__(host.surface, lambda _message: WHOLE)
        self.previews = previews
        self.breaks: Exception | None = None

    async def before_end(self) -> None:
        """Nothing, unless a test says so."""

    async def answer(self, message: Message) -> AsyncIterator[Reply]:
        key = f"{message.id}/0"
        for preview in self.previews:
            yield Reply(id=key, event=message, kind="preview", body=preview, note=self.notes.get(key))
        await self.before_end()
        if self.breaks:
            raise self.breaks
        async for reply in super().answer(message):
            yield reply


@pytest_asyncio.fixture
async def client(host: SmallHost) -> GrowingClient:
    growing = GrowingClient(host)
    host.client = growing  # type: ignore[assignment]  # a client like the other
    return growing


async def answers(person: MatrixPerson, room: str, bot: Account) -> list[RoomEvent]:
    """What the bot said after its greeting, edits left out."""
    said = [e for e in await person.history(room) if e.sender == bot.user_id and e.type == "m.room.message"]
    return [event for event in said if not event.replaces and event.body != "hello"]


async def edits(person: MatrixPerson, room: str, bot: Account) -> list[RoomEvent]:
    return [event for event in await person.history(room) if event.sender == bot.user_id and event.replaces]


async def test_it_is_replaced_until_it_is_whole(
    host: SmallHost, client: GrowingClient, chat: str, alice: MatrixPerson, bot: Account
) -> None:
    asked = await alice.send(chat, "think")
    await host.until(lambda: asked in host.settled)
    (answer,) = await answers(alice, chat, bot)
    assert answer.content["formatted_body"].startswith("<p>It is <strong>half</strong> a thought")
    preview, last = await edits(alice, chat, bot)
    assert [one.replaces for one in (preview, last)] == [answer.event_id] * 2
    assert preview.body == "* …"
    assert last.body == f"* {WHOLE}"  # for clients that know no edits: all of it
    assert last.content["m.mentions"] == {}
    assert last.content["m.new_content"] == {
        "msgtype": "m.text",
        "body": WHOLE,
        "format": "org.matrix.custom.html",
        "formatted_body": "<p>It is a <em>whole</em> thought.</p>",
        "m.mentions": {},
    }
    assert not host.failed
    (final,) = [reply for reply in client.sent if reply.event.id == asked]
    homeserver = host.surface._homeserver
    assert homeserver is not None
    for repeated in (True, False):  # killed before it was marked as sent; the homeserver knows it both ways
        await host.surface._sender.send(homeserver, replace(final, repeated=repeated), chat)
    assert len(await edits(alice, chat, bot)) == 2


async def test_a_sentence_takes_its_place(
    host: SmallHost, client: GrowingClient, chat: str, alice: MatrixPerson, bot: Account
) -> None:
    client.breaks = RuntimeError()
    asked = await alice.send(chat, "fail")
    await host.until(lambda: asked in host.settled)
    await host.surface.on_error(RuntimeError(), host.messages[-1], client)
    assert len(await answers(alice, chat, bot)) == 1
    assert await last_text(alice, chat, bot) == "sorry: RuntimeError"
    client.breaks, client.says = None, lambda _message: ""
    asked = await alice.send(chat, "say nothing in the end")
    await host.until(lambda: asked in host.settled)
    gone = (await answers(alice, chat, bot))[-1]
    assert gone.content == {}


async def last_text(person: MatrixPerson, room: str, bot: Account) -> str:
    return str((await edits(person, room, bot))[-1].content["m.new_content"]["body"])


async def test_a_limit_ends_the_previews_and_the_answer_waits(
    host: SmallHost, client: GrowingClient, chat: str, alice: MatrixPerson, bot: Account
) -> None:
    homeserver = host.surface._homeserver
    assert homeserver is not None
    send, sent = homeserver.send_message, 0

    async def limited(*args: object, **more: object) -> str:
        nonlocal sent
        sent += 1
        if sent == 2:
            raise NotReady(retry_after=0.5)
        return await send(*args, **more)  # type: ignore[arg-type]

    homeserver.send_message = limited  # type: ignore[method-assign]
    client.previews = [DRAFT, f"{DRAFT}1", f"{DRAFT}12", f"{DRAFT}123"]
    asked = await alice.send(chat, "think")
    await host.until(lambda: asked in host.settled)
    assert sent == 3  # the first, the one that was refused, and the answer
    assert [await last_text(alice, chat, bot)] == [WHOLE]
    assert not host.failed


async def test_what_became_of_the_first_preview_is_found_out(
    host: SmallHost, client: GrowingClient, chat: str, alice: MatrixPerson, bot: Account
) -> None:
    """Killed between the note and what the homeserver said: it may have arrived or not."""
    client.previews = ()
    asked = await alice.send(chat, "think")
    await host.until(lambda: asked in host.settled)
    (answered,) = [reply for reply in client.sent if reply.event.id == asked]
    homeserver = host.surface._homeserver
    assert homeserver is not None
    for number, has_arrived in enumerate((True, False), 1):
        mark = transaction(f"unheard {number}", "preview")
        if has_arrived:
            await homeserver.send_message(chat, text({"body": "half"}, mark=mark), transaction=mark)
        final = replace(answered, id=f"unheard {number}", note={"preview": mark})
        for repeated in (False, True):
            await host.surface._sender.send(homeserver, replace(final, repeated=repeated), chat)
    purged = replace(answered, id="purged", note={"preview": "0" * 32, "event": "$gone"})
    await host.surface._sender.send(homeserver, purged, chat)
    first, arrived, not_arrived, anew = await answers(alice, chat, bot)
    assert (first.body, arrived.body, not_arrived.body, anew.body) == (WHOLE, "half", WHOLE, WHOLE)
    assert [edit.replaces for edit in await edits(alice, chat, bot)] == [arrived.event_id]


async def test_in_a_group_it_is_a_reply_that_notifies_once(
    host: SmallHost, client: GrowingClient, person: MakePerson, alice: MatrixPerson, bot: Account
) -> None:
    bob = await person("bob")
    group = await alice.create_room(name="group", invite=[bot.user_id, bob.user_id])
    await alice.wait_for(lambda: any(e.body == "hello" for e in alice.seen.events[group]))
    asked = await alice.send(group, "think", mentions=[bot.user_id])
    await host.until(lambda: asked in host.settled)
    assert [reply.event.id for reply in client.sent][-1] == asked
    (answer,) = await answers(alice, group, bot)
    assert answer.content["m.relates_to"] == {"m.in_reply_to": {"event_id": asked}}
    assert answer.content["m.mentions"] == {"user_ids": [alice.user_id]}
    *_, last_edit = await edits(alice, group, bot)
    assert last_edit.content["m.mentions"] == {}
    assert last_edit.content["m.new_content"]["m.mentions"] == {"user_ids": [alice.user_id]}


def test_an_edit_says_nothing_twice() -> None:
    new = text({"body": "x"}, mark="t") | {"m.relates_to": {"m.in_reply_to": {"event_id": "$q"}}}
    assert "m.relates_to" not in replacing("$e", new, fallback="* x")["m.new_content"]
