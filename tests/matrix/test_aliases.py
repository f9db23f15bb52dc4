"""Rooms that the settings name by an alias, through the real process."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

from tests.matrix.conftest import MakePerson
from tests.matrix.smallhost import PASSWORD
from tests.matrix.test_keyrequests import note

from surfacehost_devkit import faults
from surfacehost_devkit.faultproxy import FaultProxy
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.matrixperson import MatrixPerson
from surfacehost_matrix import aliases

LOOKED_UP = "GET */directory/room/*"


async def test_an_alias_stands_for_the_room_that_it_leads_to(
    homeserver: Homeserver, bot: Account, alice: MatrixPerson, person: MakePerson, tmp_path: Path,
    stack: AsyncExitStack,
) -> None:  # fmt: skip
    """It is looked up again when a room tells of it alone, and a directory that hangs holds nobody up."""
    team, gone = (f"{name}-{uuid4().hex[:8]}" for name in ("team", "gone"))
    alias, nowhere = f"#{team}:localhost", f"#{gone}:localhost"
    proxy = await stack.enter_async_context(FaultProxy.before(homeserver.url))
    settings = f"""
        [surfaces.matrix]
        homeserver = "{proxy.url}"
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
    with HostProcess(tmp_path / "host", settings, first=hurry) as host:
        await asyncio.to_thread(host.wait_ready)
        await bob.wait_for(lambda: all(entered(bob, room, bot) for room in (first, second)))
        unheard = await bob.send(second, "anybody here?")
        question = await bob.send(first, "anybody here?")
        await bob.replies(first, after=question, from_=bot.user_id)
        assert f"allow names {nowhere}, which leads to no room: 404 M_NOT_FOUND" in host.log_text()

        other = await alice.create_room(
            invite=[bot.user_id, bob.user_id], options={**public, "room_alias_name": f"other-{team}"}
        )
        await bob.join(other)
        await bob.wait_for(lambda: entered(bob, other, bot))
        await moved(alice, alias, first, second)
        await bob.wait_for(lambda: bob.seen.events[second][-1].type == "m.room.canonical_alias")
        no_more = await bob.send(first, "and now?")
        question = await bob.send(second, "and now?")
        (answer,) = await bob.replies(second, after=question, from_=bot.user_id)
        assert answer.content["m.relates_to"]["m.in_reply_to"]["event_id"] == question
        assert not bob.seen.messages(first, after=no_more, from_=bot.user_id)
        assert len(bob.seen.messages(second, after=unheard, from_=bot.user_id)) == 1

        assert len(proxy.of(LOOKED_UP)) <= 5  # both at the start, then this one when a room told that it came or went

        proxy.faults.plan(LOOKED_UP, faults.hang(), times=None)
        await moved(alice, alias, second, first)
        question = await bob.send(second, "still here?")  # which it is, for all that can be known
        await bob.replies(second, after=question, from_=bot.user_id)
        assert proxy.faults.hanging
        proxy.faults.clear()
        proxy.faults.release()
        await alice.set_state(first, "m.room.canonical_alias", {"alias": alias, "alt_aliases": [alias]})
        question = await bob.send(first, "and there?")
        await bob.replies(first, after=question, from_=bot.user_id)

        proxy.faults.plan(LOOKED_UP, faults.bad_gateway(502), times=2)
        await moved(alice, alias, first, second)  # which no room tells again
        await host.seen(lambda _: note(tmp_path, f"alias:{alias}") == second)
        question = await bob.send(second, "and here?")
        await bob.replies(second, after=question, from_=bot.user_id)

        said = (await asyncio.to_thread(host.command, "doctor")).stdout
        assert f"{alias} in groups is {second}" in said
        assert f"{nowhere} in allow leads to no room" in said


def hurry() -> None:
    """What could not be looked up is looked up again soon."""
    aliases.AGAIN_S = 0.2


async def moved(alice: MatrixPerson, alias: str, old: str, new: str) -> None:
    """Have *alias* lead from one room to the other, as a client does it."""
    await alice.set_state(old, "m.room.canonical_alias", {})
    await alice.api.call("DELETE", "directory", "room", alias)
    await alice.api.call("PUT", "directory", "room", alias, json={"room_id": new})
    await alice.set_state(new, "m.room.canonical_alias", {"alias": alias})


def entered(person: MatrixPerson, room: str, bot: Account) -> bool:
    told = [one.content["membership"] for one in person.seen.events[room] if one.state_key == bot.user_id]
    return told[-1:] == ["join"]
