"""Questions that are answered by a reaction, and reactions on what people wrote."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

from tests.matrix.conftest import MakeHost, MakePerson
from tests.matrix.secretperson import SecretPerson
from tests.matrix.smallhost import SmallHost, direct_chat

from surfacehost import Choice, Message, Reply
from surfacehost_devkit.fakes import FakeClient
from surfacehost_devkit.homeserver import Account
from surfacehost_devkit.matrixperson import MatrixPerson
from surfacehost_matrix.prompts import KEPT_S, MOST, Prompts

CHOICES = (Choice(id="yes1", label="Approve", mark="✅"), Choice(id="no1", label="Deny", mark="👎"))


class AskingClient(FakeClient):
    """Asks for leave once, then says what it came to."""

    prompt: Reply | None = None

    async def answer(self, message: Message) -> AsyncIterator[Reply]:
        key = f"{message.id}/0"
        if not message.choice:
            body = self.surface.compose("May I?")[0]
            self.prompt = Reply(id=key, event=message, kind="prompt", body=body, choices=CHOICES)
            yield self.prompt
        elif self.prompt:
            body = self.surface.compose(f"decided: {message.choice}")[0]
            yield Reply(id=key, event=message, kind="decided", body=body, note=self.notes[self.prompt.id])


def on(person: MatrixPerson, room: str, event_id: str) -> list[tuple[str, str]]:
    """Who reacted how to an event, by what a person has seen; what was taken back is left out."""
    gone = {event.redacts for event in person.seen.events[room]}
    relations = [
        (event.sender, event.content["m.relates_to"])
        for event in person.seen.events[room]
        if event.type == "m.reaction" and event.content and event.event_id not in gone
    ]
    return [(sender, one["key"]) for sender, one in relations if one["event_id"] == event_id]


async def test_a_choice_is_taken_by_a_reaction(
    make: MakeHost, alice: MatrixPerson, person: MakePerson, bot: Account
) -> None:
    bob = await person("bob")
    async with make() as first:
        await first.online()
        client = AskingClient(first.surface)
        first.client = client  # type: ignore[assignment]  # a client like the other
        room = await direct_chat(alice, bot)
        root = await alice.send(room, "about the door")
        asked = await alice.send(room, "open it", thread=root)
        await first.until(lambda: {root, asked} <= {*first.settled})
        assert client.prompt is not None
        prompt = client.notes[client.prompt.id]["prompt"]
        await alice.wait_for(lambda: len(on(alice, room, prompt)) == 2)
        assert on(alice, room, prompt) == [(bot.user_id, "✅"), (bot.user_id, "👎")]
        homeserver = first.surface._homeserver
        assert homeserver is not None
        for note in (None, client.notes[client.prompt.id]):  # killed before the note, or after it
            again = replace(client.prompt, repeated=True, note=note)
            await first.surface._prompts.ask(homeserver, client, first.surface._sender, again, room, is_first=True)
    async with make(first) as host:  # the choices are known after a restart
        await host.online()
        again_client = AskingClient(host.surface)
        again_client.prompt, again_client.notes = client.prompt, client.notes
        host.client = again_client  # type: ignore[assignment]  # as above
        await alice.react(room, prompt, "🎉")
        await alice.invite(room, bob.user_id)
        await bob.wait_invite(alice.user_id)
        await bob.join(room)
        by_bob = await bob.react(room, prompt, "✅")
        await host.until(lambda: host.messages and host.messages[-1].id == by_bob)
        taken = await alice.react(room, prompt, "👎🏽\ufe0f")
        await host.until(lambda: taken in host.settled)
        assert not host.failed
        *_, foreign, own = host.messages
        assert (foreign.id, foreign.sender, foreign.direct, foreign.choice) == (by_bob, bob.user_id, False, "yes1")
        assert (own.text, own.choice, own.topic, own.direct) == ("", "no1", root, True)
        await alice.wait_for(lambda: not [who for who, _ in on(alice, room, prompt) if who == bot.user_id])
    await alice.wait_for(lambda: alice.seen.said(room, bot.user_id)[-1] == "decided: no1")
    assert alice.seen.said(room, bot.user_id).count("May I?") == 1  # to the first message


async def test_it_reacts_to_what_people_wrote(
    host: SmallHost, chat: str, alice: MatrixPerson, carol: SecretPerson, bot: Account
) -> None:
    asked = await alice.send(chat, "hello")
    await host.until(lambda: asked in host.settled)
    (message,) = host.messages
    for mark in ("⏳", "⏳", "👀"):
        await host.surface.react(message, mark)
    await alice.wait_for(lambda: on(alice, chat, asked) == [(bot.user_id, "👀")])
    await host.surface.react(message, None)
    await alice.wait_for(lambda: on(alice, chat, asked) == [])
    await host.surface.react(message, "👀")  # once more, after it was taken away
    await alice.wait_for(lambda: on(alice, chat, asked) == [(bot.user_id, "👀")])
    secret = await carol.chat_with(bot.user_id)
    asked = await carol.send(secret, "hello")
    await host.until(lambda: asked in host.settled)
    await host.surface.react(host.messages[-1], "👀")
    await carol.until(lambda: any(getattr(event, "key", "") == "👀" for event in carol.seen_in[secret]))


async def test_prompts_of_long_ago_are_forgotten(host: SmallHost) -> None:
    prompts = Prompts(host.memory, "matrix")
    await host.memory.set({"prompt:$old": {"chat": "!r", "topic": "", "choices": {}, "at": 1.0}})
    await prompts.recall()
    asked: Mapping[str, Any] = {"chat": "!r", "topic": "", "choices": {"✅": "a"}}
    for number in range(MOST + 5):
        await prompts._remember(f"prompt:${number}", {**asked, "at": KEPT_S + 2.0 + number})
    kept = await host.memory.items("prompt:")
    assert len(kept) == MOST
    assert {"prompt:$old", "prompt:$0"}.isdisjoint(kept)
