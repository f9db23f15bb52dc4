"""Rooms that are upgraded: the bot goes along, and what a chat was it stays."""

from tests.matrix.conftest import MakeHost, MakePerson
from tests.matrix.smallhost import direct_chat

from surfacehost_devkit.homeserver import Account
from surfacehost_devkit.matrixperson import MatrixPerson


async def upgrade(person: MatrixPerson, room: str) -> str:
    answer = await person.api.call("POST", "rooms", room, "upgrade", json={"new_version": "12"})
    return str(answer["replacement_room"])


async def became(membership: str, room: str, person: MatrixPerson, bot: Account) -> None:
    """Wait until the bot's last membership that *person* was told of is *membership*."""

    def last() -> str | None:
        told = [one.content["membership"] for one in person.seen.events[room] if one.state_key == bot.user_id]
        return told[-1] if told else None

    await person.wait_for(lambda: last() == membership)


async def invited_to_write(room: str, alice: MatrixPerson, bot: Account) -> None:
    """Wait until the bot is in *room*, and have it answer there without being mentioned."""
    await became("join", room, alice, bot)
    question = await alice.send(room, "are you here?")
    await alice.replies(room, after=question, from_=bot.user_id)


async def test_a_direct_chat_is_followed_and_stays_direct(
    make: MakeHost, alice: MatrixPerson, person: MakePerson, bot: Account
) -> None:
    """An administrator whose invitations nobody follows upgrades it: to follow is what the old room asks for."""
    bob = await person("bob")
    async with make(allow=[alice.user_id], space=None) as host:
        await host.online()
        room = await direct_chat(alice, bot, room_version="11")
        await alice.invite(room, bob.user_id)
        await bob.join(room)
        rights = await alice.state(room, "m.room.power_levels")
        assert rights is not None
        users = {**rights["users"], bob.user_id: 100}
        await alice.set_state(room, "m.room.power_levels", {**rights, "users": users})
        new = await upgrade(bob, room)
        await bob.invite(new, bot.user_id)
        await bob.invite(new, alice.user_id)
        await alice.join(new)
        await invited_to_write(new, alice, bot)
        stranger = await bob.create_room(invite=[bot.user_id])
        await became("leave", stranger, bob, bot)
    assert [(message.chat, message.direct) for message in host.messages] == [(new, True)]
    said = [e.body for e in await alice.history(new) if e.sender == bot.user_id and e.body]
    assert said == ["echo: are you here?"]  # and no greeting: they have met
    assert not host.failed
