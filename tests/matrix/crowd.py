"""A homeserver on which one account is in a thousand rooms: made once and kept, as that takes most of a minute."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path

from tests.matrix.smallhost import PASSWORD

from surfacehost_devkit.homeserver import Account, Homeserver, cache_folder
from surfacehost_devkit.matrixapi import MatrixApi
from surfacehost_devkit.matrixperson import login

ROOMS, MAKERS = 1000, 16
NAME = "crowd"


@contextmanager
def crowded(folder: Path, synapse: Path) -> Iterator[tuple[Homeserver, Account]]:
    """A copy of that homeserver in *folder*, and the account."""
    kept = cache_folder() / f"{ROOMS}-rooms-of-{synapse.parents[1].name}"
    if not kept.exists():
        _make(kept, synapse)
    shutil.copytree(kept, folder)
    with Homeserver(folder, synapse=synapse) as server:
        yield server, asyncio.run(login(server.url, NAME, PASSWORD))


def _make(kept: Path, synapse: Path) -> None:
    """Make the rooms, and put the homeserver into *kept* once all are there; who comes second throws theirs away."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        made = Path(folder, "homeserver")
        with Homeserver(made, synapse=synapse) as server:
            asyncio.run(_come_into(server, server.register(NAME, PASSWORD)))
        if not kept.exists():
            made.rename(kept)


async def _come_into(server: Homeserver, account: Account) -> None:
    """Have the account make its rooms, one in ten of them encrypted."""
    algorithm = {"algorithm": "m.megolm.v1.aes-sha2"}
    encrypted = [{"type": "m.room.encryption", "state_key": "", "content": algorithm}]
    numbers = iter(range(ROOMS))
    async with aclosing(MatrixApi(server.url, account.access_token)) as api:

        async def make() -> None:
            for number in numbers:  # by the preset that takes the fewest events
                state = [] if number % 10 else encrypted
                await api.call("POST", "createRoom", json={"preset": "public_chat", "initial_state": state})

        await asyncio.gather(*(make() for _ in range(MAKERS)))
