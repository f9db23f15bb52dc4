"""What happens while the bot, or its homeserver, is away."""

import asyncio
from pathlib import Path

from tests.matrix.conftest import MakeHost
from tests.matrix.smallhost import SmallHost, settings_of

from surfacehost import Refused
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.matrixperson import MatrixPerson


async def test_at_its_very_first_start_it_answers_nothing_old(
    make: MakeHost, alice: MatrixPerson, bot: Account, homeserver: Homeserver
) -> None:
    room = await alice.create_room(direct=True, invite=[bot.user_id])
    async with MatrixPerson(homeserver.url, bot) as before:
        await before.join(room)
    await alice.send(room, "old")
    other = await alice.create_room(direct=True, invite=[bot.user_id])
    async with make() as host:
        await alice.wait_for(lambda: any(e.sender == bot.user_id and e.body for e in alice.seen.events[other]))
        question = await alice.send(room, f"{bot.user_id} new")
        await alice.replies(room, after=question, from_=bot.user_id)
    assert [message.text for message in host.messages] == ["new"]


async def test_what_was_said_before_it_came_is_not_answered(make: MakeHost, alice: MatrixPerson, bot: Account) -> None:
    room = await alice.create_room(name="group")
    await asyncio.gather(*(alice.send(room, f"old {number}") for number in range(105)))
    async with make() as host:
        await host.online()
        await alice.invite(room, bot.user_id)
        await alice.wait_for(lambda: any(e.sender == bot.user_id and e.body for e in alice.seen.events[room]))
        last = await alice.send(room, f"{bot.user_id}: new")
        await alice.replies(room, after=last, from_=bot.user_id)
    assert [message.text for message in host.messages] == ["new"]


async def test_an_authority_that_is_not_there_is_told(homeserver: Homeserver, bot: Account, tmp_path: Path) -> None:
    async with SmallHost(settings_of(homeserver, bot, ca_file=tmp_path / "missing.pem"), tmp_path) as blind:
        await blind.until(lambda: blind.down)
    assert isinstance(blind.down[0], Refused)
    assert "missing.pem" in str(blind.down[0])
