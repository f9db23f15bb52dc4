"""How much a person may write: what they send as one counts as one, however many pieces a client makes of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest_asyncio

from surfacehost.busy import is_piece_of
from surfacehost.events import Message
from surfacehost.flow import Allowance
from surfacehost.texts import say
from surfacehost_devkit.botapi import BotApi
from surfacehost_devkit.hostprocess import HostProcess

from .doors import TelegramDoor
from .parcels import Parcel, send
from .street import Street, hear

SETTINGS = '[defaults]\ndm_policy = "open"\nbusy = "queue"\nrate_per_minute = 3\ndebounce_s = 0.5\n'
PICTURE = Parcel(kind="image", name="", mime_type="image/jpeg", data=bytes(99))


@pytest_asyncio.fixture
async def street(tmp_path: Path) -> AsyncIterator[Street]:
    async with BotApi.serve() as api:
        door = TelegramDoor(api, "pieces", "en")
        with ExitStack() as stack:
            host = HostProcess(tmp_path / "host", f"{SETTINGS}[surfaces.telegram]\n{door.table()}")
            stack.callback(host.close)
            street = Street(host, {"telegram": door})
            await street.open()
            yield street


async def test_an_album_and_a_long_text_count_as_one_message_also_over_restarts(street: Street) -> None:
    door, hasty = street.doors["telegram"], say("en", "hasty", count=3)

    async def album(words: str, count: int) -> None:
        for number in range(count):
            await send(door, PICTURE, "" if number else words, album=words)

    async def start_again() -> None:
        await street.quiet("telegram")
        await asyncio.to_thread(street.host.kill)
        await street.open()

    await album("all of these", 5)
    [said] = await door.until(lambda said: said)
    assert (said.splitlines()[0], said.count("attachment: image")) == ("echo: all of these", 5)
    for text in ("x" * 4096, "y" * 4096):
        await door.say(text)
    await hear(door, "the end", "the end")
    await start_again()
    assert await hear(door, "the third", "the third") == ["echo: the third"]
    count = len(door.shown())
    await album("too much", 3)
    await door.until(lambda said: said[count:] == [hasty])
    await start_again()
    await door.say("and this")
    status = await hear(door, "!status", "surfacehost")
    await street.quiet("telegram")
    assert door.shown()[count:] == [hasty, *status]


def said(number: int, text: str = "hi", *, bundle: str = "") -> Message:
    return Message(
        surface="toy", id=str(number), chat="c", sender="ann", direct=True, text=text, bundle=bundle
    )  # fmt: skip


def test_pieces_end_and_are_read_or_refused_with_the_first() -> None:
    now = [1000.0]
    allowance = Allowance(2, is_piece_of, 0.8, lambda: now[0])
    album = [said(number, bundle="a") for number in range(30)]
    room = [allowance.room_for(one) for one in album]
    assert room == ["some"] * 30  # two messages of twenty pieces at the most
    now[0] += 1
    assert allowance.room_for(said(40)) == "none"
    assert [allowance.room_for(one) for one in album] == room  # told again by the platform
    now[0] += 61
    assert [allowance.room_for(said(number)) for number in (41, 42)] == ["some", "some"]
    now[0] += 1
    refused = [allowance.room_for(said(number, bundle="b")) for number in (43, 44)]
    assert refused == ["none", "none, and told"]
    assert [allowance.room_for(said(number, bundle="b")) for number in (43, 44)] == refused
    now[0] += 61
    assert allowance.room_for(said(45, "x" * 4000)) == "some"
    now[0] += 1
    assert allowance.room_for(said(46)) == "some"  # too late for a piece of that
    assert allowance.room_for(said(47)) == "none"
