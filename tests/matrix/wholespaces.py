"""One real ``surfacehost run`` whose accounts make Spaces, ask who one is, or follow nobody, behind one proxy."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from tests.matrix.smallhost import PASSWORD, register
from tests.matrix.wholemore import Beside

from surfacehost_devkit.faultproxy import FaultProxy
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_matrix import homeserver as reading

PICTURE = b"\x89PNG and so on"
SPACE: dict[str, Any] = {"name": "Assistant", "avatar_file": "face.png", "rooms": ["General", "Ideas"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spaces:
    """The process and its accounts."""

    process: HostProcess
    homeserver: Homeserver
    proxy: FaultProxy
    gate: Account
    """Lets people ask to be let in, which is the default, and makes each a Space."""
    team: Account
    """Makes one Space for everybody, in which the chief may upgrade rooms."""
    shy: Account
    """Follows no invitation."""
    chief: Account
    """Owner of ``gate``."""
    guest: Account
    """Allowed by ``gate``."""

    def declare(self, space: dict[str, Any]) -> None:
        """Have the settings say something else of the Spaces that ``gate`` makes, from the next start on."""
        self.process.configure(
            _settings(self.proxy.url, (self.gate, self.team, self.shy), (self.chief, self.guest), space)
        )

    async def command(self, *words: str) -> CompletedProcess[str]:
        """Run another command of ours."""
        return await asyncio.to_thread(self.process.command, *words)


def short_pages() -> None:
    """A sync brings ten events of a room, so that eleven are more than it brings."""
    for name in ("PAGE", "CATCHING_UP"):
        setattr(reading, name, 10)


@contextmanager
def spaces_host(folder: Path, homeserver: Homeserver) -> Iterator[Spaces]:
    """Start it, and wait until every account is online."""
    names = ("gate", "team", "shy", "chief", "guest")
    gate, team, shy, chief, guest = (register(homeserver, name) for name in names)
    folder.mkdir(parents=True)
    (folder / "face.png").write_bytes(PICTURE)
    with Beside() as beside:
        proxy = beside.enter(FaultProxy.before(homeserver.url))
        settings = _settings(proxy.url, (gate, team, shy), (chief, guest), SPACE)
        with HostProcess(folder, settings, first=short_pages) as process:
            process.wait_ready()
            yield Spaces(
                process=process,
                homeserver=homeserver,
                proxy=proxy,
                gate=gate,
                team=team,
                shy=shy,
                chief=chief,
                guest=guest,
            )


def _settings(
    url: str, bots: tuple[Account, Account, Account], people: tuple[Account, Account], space: dict[str, Any]
) -> str:
    (gate, team, shy), (chief, guest) = bots, people
    rights = {"users": {chief.user_id: 100}, "events": {"m.room.tombstone": 100}}
    shared = {"shared": True, "name": "Team", "rooms": [{"name": name, "power_levels": rights} for name in ROOMS]}
    is_open = {"dm_policy": "open", "invites": "allow"}
    tables: dict[str, dict[str, Any]] = {
        "gate": {**_account(url, gate), "owners": [chief.user_id], "allow": [guest.user_id], "space": space},
        "team": {**_account(url, team), **is_open, "space": shared},
        "shy": {**_account(url, shy), "dm_policy": "open", "invites": "ignore"},
    }
    return f"""
        [host]
        locale = "en"
        [media]
        max_mb = 0.3
        [defaults]
        rate_per_minute = 0
        loop_limit = 0
        [surfaces]
        {"".join(f"{name} = {_inline(table)}" + chr(10) for name, table in tables.items())}
    """


ROOMS = ("Hall", "Yard", "Den", "Loft")
"""The rooms of the Space for everybody."""


def _account(url: str, account: Account) -> dict[str, Any]:
    return {
        "plugin": "matrix", "homeserver": url, "user_id": account.user_id, "password": PASSWORD, "encryption": False
    }  # fmt: skip


def _inline(value: object) -> str:
    """*value* as TOML on one line."""
    match value:
        case dict():
            return "{" + ", ".join(f"{json.dumps(key)} = {_inline(one)}" for key, one in value.items()) + "}"
        case list():
            return "[" + ", ".join(_inline(one) for one in value) + "]"
        case _:
            return json.dumps(value)
