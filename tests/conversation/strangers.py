"""People whom the bot does not know, at the doors of a street."""

import asyncio
import re
from contextlib import AsyncExitStack
from copy import copy
from typing import Any
from uuid import uuid4

from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.matrixperson import MatrixPerson

from .doors import PASSWORD, Door, MatrixDoor, TelegramDoor, WebDoor
from .street import Street, hear


async def another_at(door: Door, stack: AsyncExitStack, host: HostProcess) -> Door:
    """The door of somebody whom the same bot has not met; on Matrix they ask it in at once."""
    other: Any = copy(door)
    match door:
        case TelegramDoor():
            other.person = door.api.world.person("Another", language_code=door.language)
        case MatrixDoor():
            account = door.homeserver.register(f"another-{uuid4().hex[:8]}", PASSWORD)
            other.person = await stack.enter_async_context(MatrixPerson(door.homeserver.url, account))
            other.room = ""
        case WebDoor():
            other = WebDoor(stack, door.path, door.language)
    await other.meet(host)
    made: Door = other
    return made


def code_in(text: str) -> str:
    """The code that is told in *text*; empty: none is."""
    found: list[str] = re.findall(r"\b[2-9A-HJ-NP-Z]{8}\b", text)
    return found[0] if found else ""


async def knock(door: Door) -> str:
    """The code that a stranger is told; empty: none is."""
    [told] = [door.greeting] if isinstance(door, MatrixDoor) else await hear(door, "let me in", " ")
    return code_in(told)


class Crowd:
    """Four strangers at each door."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._people: dict[Door, list[Door]] = {}
        self._codes: dict[Door, list[str]] = {}

    async def come(self, street: Street, _name: str, door: Door) -> None:
        """Three are told a code, and the fourth to come again."""
        self._people[door] = [await another_at(door, self._stack, street.host) for _ in range(4)]
        self._codes[door] = [await knock(one) for one in self._people[door]]
        assert [bool(code) for code in self._codes[door]] == [True, True, True, False]

    async def come_an_hour_later(self, street: Street, name: str, door: Door) -> None:
        """None of the codes is good any more, and there is room for the fourth, who is let in by the new one."""
        for code in self._codes[door][:3]:
            refused = await asyncio.to_thread(street.host.command, "pair", "approve", code, "--surface", name)
            assert (refused.returncode, "nobody asks with this code" in refused.stderr.lower()) == (1, True)
        fourth = self._people[door][3]
        [told] = await hear(fourth, "and now?", " ")
        done = await asyncio.to_thread(street.host.command, "pair", "approve", code_in(told))
        assert done.returncode == 0, done.stderr
        assert await hear(fourth, "hello", "echo") == ["echo: hello"]
