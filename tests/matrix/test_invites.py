"""Whose invitations are followed."""

from tests.matrix.conftest import MakeHost, MakePerson
from tests.matrix.smallhost import SmallHost

from surfacehost_devkit.homeserver import Account
from surfacehost_devkit.matrixperson import MatrixPerson


async def test_one_that_was_taken_back_harms_nobody(
    make: MakeHost, alice: MatrixPerson, person: MakePerson, bot: Account
) -> None:
    async with make() as first:
        await first.online()
        first.surface._online.clear()  # hooks wait
        room = await alice.create_room(name="group", invite=[bot.user_id])
        await first.until(lambda: first.invites)
        await alice.kick(room, bot.user_id)
    async with make(first) as second:
        await second.until(lambda: len(second.settled) == 1)
        bob = await person("bob")
        await bob.create_room(direct=True, invite=[bot.user_id])
        await second.until(lambda: len(second.settled) == 2)
    assert not second.down
    assert not second.failed
    assert [invite.sender for invite in second.invites] == [alice.user_id, bob.user_id]


async def test_it_says_what_the_invitation_says(host: SmallHost, alice: MatrixPerson, bot: Account) -> None:
    room = await alice.create_room(name="Tea party", invite=[bot.user_id])
    await host.until(lambda: host.invites)
    (invite,) = host.invites
    assert (invite.chat, invite.sender, invite.chat_name, invite.direct) == (room, alice.user_id, "Tea party", False)
    assert invite.id.startswith(f"invite:{room}:")
