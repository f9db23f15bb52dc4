"""Rooms that the settings name by an alias, through the real process."""

import asyncio
from pathlib import Path
from uuid import uuid4

from tests.matrix.conftest import MakePerson
from tests.matrix.smallhost import PASSWORD

from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.matrixperson import MatrixPerson


async def test_an_alias_stands_for_the_room_that_it_leads_to(
    homeserver: Homeserver, bot: Account, alice: MatrixPerson, person: MakePerson, tmp_path: Path
) -> None:
    team, gone = (f"{name}-{uuid4().hex[:8]}" for name in ("team", "gone"))
    alias, nowhere = f"#{team}:localhost", f"#{gone}:localhost"
    settings = f"""
        [surfaces.matrix]
        homeserver = "{homeserver.url}"
        user_id = "{bot.user_id}"
        password = "{PASSWORD}"
        encryption = false
        invites = "allow"
        allow = ["{nowhere}"]
        groups = [{{ id = "{alias}", require_mention = false }}]
    """
    bob = await person("bob")
    public = {"preset": "public_chat"}
    first = await alice.create_room(invite=[bot.user_id], options={**public, "room_alias_name": team})
    second = await alice.create_room(invite=[bot.user_id], options=public)
    for room in (first, second):
        await bob.join(room)
    with HostProcess(tmp_path / "host", settings) as host:
        await asyncio.to_thread(host.wait_ready)
        await bob.wait_for(lambda: all(entered(bob, room, bot) for room in (first, second)))
        unheard = await bob.send(second, "anybody here?")
        question = await bob.send(first, "anybody here?")
        await bob.replies(first, after=question, from_=bot.user_id)
        assert f"allow names {nowhere}, which leads to no room: 404 M_NOT_FOUND" in host.log_text()

        await alice.set_state(first, "m.room.canonical_alias", {})
        await alice.api.call("DELETE", "directory", "room", alias)
        await alice.api.call("PUT", "directory", "room", alias, json={"room_id": second})
        await alice.set_state(second, "m.room.canonical_alias", {"alias": alias})
        await bob.wait_for(lambda: bob.seen.events[second][-1].type == "m.room.canonical_alias")
        no_more = await bob.send(first, "and now?")
        question = await bob.send(second, "and now?")
        (answer,) = await bob.replies(second, after=question, from_=bot.user_id)
        assert answer.content["m.relates_to"]["m.in_reply_to"]["event_id"] == question
        assert not bob.seen.messages(first, after=no_more, from_=bot.user_id)
        assert len(bob.seen.messages(second, after=unheard, from_=bot.user_id)) == 1

        said = (await asyncio.to_thread(host.command, "doctor")).stdout
        assert f"{alias} in groups is {second}" in said
        assert f"{nowhere} in allow leads to no room" in said


def entered(person: MatrixPerson, room: str, bot: Account) -> bool:
    told = [one.content["membership"] for one in person.seen.events[room] if one.state_key == bot.user_id]
    return told[-1:] == ["join"]
