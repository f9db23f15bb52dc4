"""What an account in a thousand rooms costs a host: run `python bench/rooms.py`, or with another number of rooms.

Two hosts on one homeserver, one account in few rooms and one in many; what counts is the ratio of the two.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from surfacehost_devkit.homeserver import Account, Homeserver, install
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.matrixapi import MatrixApi
from surfacehost_devkit.matrixperson import MatrixPerson

FEW, MANY = 10, 1000
ASKS, MAKERS = 15, 4
PASSWORD = "correct-horse"


class Subject:
    """A host, and an account that is in a number of rooms before the host begins."""

    def __init__(self, folder: Path, server: Homeserver, alice: MatrixPerson, account: Account) -> None:
        self.account = account
        self._alice = alice
        self._url = server.url
        self._room = ""
        settings = f"""
            [surfaces.matrix]
            homeserver = "{server.url}"
            user_id = "{account.user_id}"
            password = "{PASSWORD}"
            invites = "allow"
            dm_policy = "open"
        """
        self.host = HostProcess(folder, settings)

    async def come_into(self, rooms: int) -> None:
        """Have the account make *rooms* rooms of its own, encrypted every other."""
        api = MatrixApi(self._url, self.account.access_token)
        numbers = iter(range(rooms))
        algorithm = {"algorithm": "m.megolm.v1.aes-sha2"}

        async def make() -> None:
            for number in numbers:
                state = [{"type": "m.room.encryption", "state_key": "", "content": algorithm}] if number % 2 else []
                await api.call("POST", "createRoom", json={"name": f"room {number}", "initial_state": state})

        await asyncio.gather(*(make() for _ in range(MAKERS)))
        await api.aclose()

    async def start(self) -> float:
        """Start it; seconds until messages can flow."""
        began = time.perf_counter()
        await asyncio.to_thread(self.host.start)
        await asyncio.to_thread(self.host.wait_ready, 300)
        return time.perf_counter() - began

    async def restart(self) -> float:
        """Stop it and start it again on its data."""
        await asyncio.to_thread(self.host.stop)
        return await self.start()

    async def meet(self) -> None:
        """Alice makes a direct chat, and it comes."""
        self._room = await self._alice.create_room(direct=True, invite=[self.account.user_id])
        seen = self._alice.seen.events[self._room]
        await self._alice.wait_for(lambda: any(one.sender == self.account.user_id and one.body for one in seen), 60)

    async def ask(self) -> float:
        """Alice asks; milliseconds until she has the answer."""
        began = time.perf_counter()
        question = await self._alice.send(self._room, "hello")
        await self._alice.replies(self._room, after=question, from_=self.account.user_id, timeout_s=60)
        return (time.perf_counter() - began) * 1000

    def resident(self) -> float:
        """MiB of memory in use."""
        lines = Path(f"/proc/{self.host.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def line(what: str, figures: Sequence[float]) -> None:
    """Print a figure of both, and their ratio."""
    few, many = figures
    print(f"{what:34}{few:12.2f}{many:12.2f}{many / few:10.2f}", flush=True)


async def measure(folder: Path, server: Homeserver, many: int) -> None:
    """Print the table."""
    async with AsyncExitStack() as stack:
        alice = await stack.enter_async_context(MatrixPerson(server.url, server.register("alice", PASSWORD)))
        subjects = []
        for name, rooms in (("few", FEW), ("many", many)):
            subject = Subject(folder / name, server, alice, server.register(name, PASSWORD))
            stack.callback(subject.host.close)
            await subject.come_into(rooms)
            subjects.append(subject)
        print(f"{'rooms':34}{FEW:>12}{many:>12,}{'ratio':>10}")
        line("first start, s", [await one.start() for one in subjects])
        for subject in subjects:
            await subject.meet()
        answers: list[list[float]] = [[], []]
        for _ in range(ASKS):
            for one, found in zip(subjects, answers, strict=True):
                found.append(await one.ask())
        line("question to answer, ms", [statistics.median(found) for found in answers])
        line("resident memory, MiB", [one.resident() for one in subjects])
        line("a later start, s", [await one.restart() for one in subjects])
        line("resident memory, MiB", [one.resident() for one in subjects])


def main() -> None:
    """Measure with as many rooms as are named, or a thousand."""
    many = int(sys.argv[1]) if len(sys.argv) > 1 else MANY
    with tempfile.TemporaryDirectory() as folder:
        synapse = install(progress=lambda _: None)
        with Homeserver(Path(folder) / "homeserver", synapse=synapse) as server:
            asyncio.run(measure(Path(folder), server, many))


if __name__ == "__main__":
    main()
