"""Who is let in because the settings name them, and how long the address of a file is good, on each surface."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import pytest_asyncio

from surfacehost.texts import say
from surfacehost_devkit.homeserver import Homeserver
from surfacehost_devkit.turnedclock import TurnedClock

from .doors import Door, MatrixDoor
from .listener import Listener
from .parcels import Parcel, send
from .strangers import another_at
from .street import Street, hear
from .witness import Witness

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOOD_S = 2 * 3600


@dataclass(kw_only=True)
class Doorstep:
    """The street, its agent, an extension of its host, and its clock."""

    street: Street
    agent: Listener
    witness: Witness
    clock: TurnedClock

    def unheard(self, *texts: str) -> bool:
        """Whether neither the agent nor the extension has heard any of *texts*."""
        everything = "\n".join([*self.agent.asked, *self.witness.heard])
        return not any(text in everything for text in texts)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def doorstep(tmp_path_factory: pytest.TempPathFactory, homeserver: Homeserver) -> AsyncIterator[Doorstep]:
    folder = tmp_path_factory.mktemp("doorstep")
    witness, clock = Witness(folder), TurnedClock(folder / "clock")

    async def listed(doors: dict[str, Door]) -> dict[str, str]:
        return {name: f'dm_policy = "allowlist"\nallow = ["nobody of {name}"]\n' for name in doors}

    async with Listener.serve() as agent:
        settings = f'[media]\nlink_hours = 2\n[agent]\nembedded = false\nurl = "{agent.url}"\n'
        more: dict[str, Any] = {"more": listed, "environ": witness.environ, "first": clock}
        async with Street.of(folder, homeserver, settings, {"listed": ""}, **more) as street:
            yield Doorstep(street=street, agent=agent, witness=witness, clock=clock)


def told_to(text: str) -> str:
    """The id that a stranger is told in *text*."""
    before, after = say("en", "stranger", id="|").replace("`", "").split("|")
    text = text.replace("`", "")
    assert text.startswith(before), text
    return text.removeprefix(before).removesuffix(after)


async def test_who_is_listed_by_the_id_that_they_were_told_is_answered_and_nobody_else(doorstep: Doorstep) -> None:
    street, ids = doorstep.street, {}

    async def knock(door: Door, words: str) -> str:
        """The id that is told, once: in answer to an invitation, or to the first message."""
        if isinstance(door, MatrixDoor):
            return told_to(door.greeting)
        [told] = await hear(door, words, " ")
        return told_to(told)

    async def first(_street: Street, name: str, door: Door) -> None:
        ids[name] = await knock(door, f"let me in, {name}")
        await street.quiet(name)

    async def later(_street: Street, name: str, door: Door) -> None:
        assert await hear(door, f"hello, {name}", "heard") == [f"heard: hello, {name}"]
        other = await another_at(door, stack, street.host)
        assert await knock(other, f"me too, {name}") != ids[name]
        await other.say(f"me too, {name}, please")
        await hear(door, f"behind that, {name}", f"heard: behind that, {name}")
        await street.quiet(name)
        assert other.shown()[not isinstance(other, MatrixDoor) :] == []
        assert doorstep.unheard(f"let me in, {name}", f"me too, {name}")
        assert not doorstep.unheard(f"hello, {name}")

    await street.on_each("listed", first)
    await asyncio.to_thread(street.host.kill)
    settings = street.host.folder / "settings.toml"
    for name, person in ids.items():
        settings.write_text(settings.read_text().replace(f"nobody of {name}", person))
    await street.open()
    async with AsyncExitStack() as stack:
        await street.on_each("listed", later)


async def test_the_address_of_a_file_is_good_as_it_is_for_so_many_hours(doorstep: Doorstep) -> None:
    street = doorstep.street
    addresses: dict[str, str] = {}

    async def given(_street: Street, name: str, door: Door) -> None:
        data = name.encode() * 99
        await send(door, Parcel(kind="file", name="plan.pdf", mime_type="application/pdf", data=data), f"read, {name}")
        run = await doorstep.agent.run_of(f"read, {name}")
        [url] = [
            part["source"]["value"] for part in run.asked["messages"][0]["content"] if part["type"] != "text"
        ]  # fmt: skip
        assert (await http.get(url)).content == data
        addresses[name] = url

    async def refused(url: str) -> bool:
        answer = await http.get(url)
        return (answer.status_code, answer.text) == (403, "this link is not valid, or no longer\n")

    async with httpx.AsyncClient(trust_env=False) as http:
        await street.on_each("listed", given)
        until = {url: parse_qs(urlsplit(url).query)["until"][0] for url in addresses.values()}
        for url in addresses.values():
            other = next(one for one in addresses.values() if one != url)
            for tampered in (
                url.replace(f"until={until[url]}", f"until={int(until[url]) + 1}"),
                url[:-1] + ("0" if url[-1] != "0" else "1"),
                f"{other.partition('?')[0]}?{url.partition('?')[2]}",
                url.partition("?")[0],
            ):
                assert await refused(tampered), tampered
        street.host.kill()
        await street.open()
        for late_s, is_refused in ((GOOD_S - 60, False), (GOOD_S + 60, True)):
            doorstep.clock.turn(late_s)
            assert [await refused(url) for url in addresses.values()] == [is_refused] * 3
