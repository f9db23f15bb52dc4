"""Two chats of one person each, which ``/link`` makes one, and others who stand beside them."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from surfacehost_devkit.turnedclock import TurnedClock

from .doors import Door
from .street import Street, hear

PAIRS = (("matrix_x", "telegram_x"), ("telegram_y", "web_y"), ("web_z", "matrix_z"))
"""Two chats of one person each."""

THIEVES = {"telegram_x": "telegram_z", "web_y": "web_x", "matrix_z": "matrix_y"}
"""Who stands beside the second of them, at another door of the same surface."""

ALREADY = "That chat is linked already; /unlink there ends it."
ELSEWHERE = "That was asked in your other chat with me: please decide there."
LATE = "There is nothing to decide any more: it was decided, or its time has passed."
TOO_MANY = "Too many wrong codes. Please try again in an hour."
UNKNOWN = "There is no such code, or it is too old. /link makes a new one."


class Forward:
    """The clock of the host, which is turned on and on."""

    def __init__(self, folder: Path) -> None:
        self.turned = TurnedClock(folder / "clock")
        self._late_s = 0.0

    def go(self, seconds: float) -> None:
        """So much time has passed, and nothing has happened."""
        self._late_s += seconds
        self.turned.turn(self._late_s)


class Pair:
    """Two doors of one person."""

    def __init__(self, street: Street, one: str, other: str) -> None:
        self.names = (one, other)
        self.one, self.other = street.doors[one], street.doors[other]
        self.thief = street.doors[THIEVES[other]]
        self.codes: list[str] = []
        self.keys: list[str] = []
        """Which conversation either chat has as long as they are not linked."""

    async def exchange(self) -> None:
        """Have a code told in the first chat, and the second code for it in the other."""
        first = await code_from(self.one, "!link")
        self.codes = [first, await code_from(self.other, f"!link {first}")]

    async def confirm(self, choice: str) -> str:
        [told] = await hear(self.one, f"!link {self.codes[1]} {choice}", " ")
        return told

    async def conversations(self) -> list[str]:
        """Which conversation either chat is in."""
        return [
            re.findall(r"1/[^\s`]+/~", (await hear(door, "!status", "1/"))[0])[0] for door in (self.one, self.other)
        ]


async def code_from(door: Door, text: str) -> str:
    [told] = await hear(door, text, "/link ")
    code = code_in(told)
    assert code, told
    return code


def code_in(told: str) -> str:
    """The code in what is *told*; empty: there is none."""
    found = re.search(r"/link ([2-9A-HJ-NP-Z]{8})\b", told)
    return found[1] if found else ""


async def each(pairs: list[Pair], see: Callable[[Pair], Awaitable[None]]) -> None:
    """See it of all pairs, side by side; a failure says of which."""

    async def one(pair: Pair) -> None:
        try:
            await see(pair)
        except Exception as error:
            error.add_note(f"{pair.names}: {pair.one.shown()} {pair.other.shown()}")
            raise

    async with asyncio.TaskGroup() as group:
        for pair in pairs:
            group.create_task(one(pair))
