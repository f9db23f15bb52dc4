"""One host with every surface on, and a person at each door: the same conversation seen on all of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from surfacehost_devkit.botapi import BotApi
from surfacehost_devkit.homeserver import Homeserver
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.matrixperson import MatrixPerson
from surfacehost_devkit.ports import free_port

from .doors import PASSWORD, Door, MatrixDoor, TelegramDoor, WebDoor

SURFACES = ("matrix", "telegram", "web")
GROUPS = ("matrix", "telegram")
"""Where there are groups."""
QUIET_S, SILENCE_S = 0.7, 8.0
"""How long nothing is shown after the agent was asked, and after how long without a word a line says that it works."""
LATE_S = 3.0
"""On a machine that is busy something may be shown so much later than it is due, and nothing earlier."""


class Street:
    """The host, and a door on each surface for each of its *ways*: a name, and what the surface's table says."""

    def __init__(self, host: HostProcess, doors: dict[str, Door]) -> None:
        self.host = host
        self.doors = doors

    @classmethod
    @asynccontextmanager
    async def of(
        cls,
        folder: Path,
        homeserver: Homeserver,
        settings: str,
        ways: dict[str, str],
        language: str = "en",
        *,
        surfaces: Sequence[str] = SURFACES,
        more: Callable[[dict[str, Door]], Awaitable[dict[str, str]]] | None = None,
        environ: Mapping[str, str] | None = None,
        first: Callable[[], None] | None = None,
    ) -> AsyncIterator["Street"]:
        """A street that is open; the people of Telegram and the web speak *language*.

        *settings* go on in the table ``[web]``. *more*, which may make groups before the host is there, tells what else
        the tables of some doors say. *first* is called in each host before it begins.
        """
        async with AsyncExitStack() as stack:
            api = await stack.enter_async_context(BotApi.serve())
            made: dict[str, Any] = {}
            for way, table in ways.items():
                account = homeserver.register(f"alice-{uuid4().hex[:8]}", PASSWORD)
                person = await stack.enter_async_context(MatrixPerson(homeserver.url, account))
                made[f"matrix_{way}"] = MatrixDoor(homeserver, person, greets='"disabled"' not in table)
                made[f"telegram_{way}"] = TelegramDoor(api, way, language)
                made[f"web_{way}"] = WebDoor(stack, f"/{way}", language)
            made = {name: door for name, door in made.items() if name.partition("_")[0] in surfaces}
            said = {name: ways[name.partition("_")[2]] for name in made}
            said |= await more(made) if more else {}
            tables = [f"[surfaces.{name}]\n{door.table()}{said[name]}\n" for name, door in made.items()]
            listen = f'[web]\nlisten = "127.0.0.1:{free_port()}"\n'
            host = HostProcess(folder / "host", listen + settings + "".join(tables), environ, first=first)
            stack.callback(host.close)
            street = cls(host, made)
            await street.open()
            yield street

    async def on_each(self, way: str, behaviour: "Behaviour", surfaces: Sequence[str] = SURFACES) -> None:
        """See *behaviour* on each of *surfaces*, side by side; a failure says on which."""

        async def one(name: str) -> None:
            try:
                await behaviour(self, name, self.doors[name])
            except Exception as error:
                error.add_note(f"on {name}, where the bot says {self.doors[name].shown()}")
                raise

        async with asyncio.TaskGroup() as group:
            for surface in surfaces:
                group.create_task(one(f"{surface}_{way}"))

    async def open(self) -> None:
        """Start the host, for the first time or again, and let everybody in."""
        await asyncio.to_thread(self.host.start)
        await asyncio.to_thread(self.host.wait_ready, 60)
        await asyncio.gather(*(door.meet(self.host) for door in self.doors.values()))

    async def seen(self, condition: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until *condition* holds of the host's status."""
        await self.host.seen(condition)

    async def quiet(self, name: str) -> None:
        """Wait until all that was put by the surface *name* is done with."""
        await self.seen(lambda status: not status["inbox"].get(name, {}).get("open"))

    async def asked_at(self, name: str, since: float) -> float:
        """When the agent was asked by the surface *name*, in seconds since the epoch; first after *since*."""
        found: list[float] = []

        def is_asked(status: dict[str, Any]) -> bool:
            steps = [dict(way["steps"]) for way in status["ways"] if way["surface"] == name]
            found[:] = sorted(one["asked"] for one in steps if one.get("asked", 0) >= since)
            return bool(found)

        await self.seen(is_asked)
        return found[0]

    async def working(self, name: str) -> None:
        """Wait until the agent has been asked by the surface *name*, and is at it."""
        await self.seen(
            lambda status: any(way["surface"] == name and way["steps"][-1][0] == "asked" for way in status["ways"])
        )


Behaviour = Callable[[Street, str, Door], Awaitable[None]]
"""What is seen at a door of a street; the door's name stands between."""


@asynccontextmanager
async def side_by_side(
    street: Street, behaviours: Mapping[Any, tuple[str, Sequence[str]]], given: Any
) -> AsyncIterator[Mapping[Any, asyncio.Task[None]]]:
    """All of *behaviours*, begun at once: most of the time is what a chat's budget takes.

    With each are the doors at which it is seen, one after the other at the same ones, and the surfaces; *given* is what
    it gets in place of the street.
    """
    turns = {way: asyncio.Lock() for way, _ in behaviours.values()}

    async def see(behaviour: Any, way: str, surfaces: Sequence[str]) -> None:
        async with turns[way]:
            await street.on_each(way, lambda _, name, door: behaviour(given, name, door), surfaces)

    tasks = {one: asyncio.create_task(see(one, *where)) for one, where in behaviours.items()}
    try:
        yield tasks
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


async def hear(door: Door, text: str, *words: str) -> list[str]:
    """Say *text*; what is shown from then on, once each of *words* is in it."""
    first = len(door.shown())
    await door.say(text)
    said = await door.until(lambda said: all(any(word in one for one in said[first:]) for word in words))
    return said[first:]
