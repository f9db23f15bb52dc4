"""One real ``surfacehost run`` with accounts of every kind, and beside it a proxy and a website in a loop of theirs."""

import asyncio
import json
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs
from uuid import uuid4

import trustme
from tests.matrix.smallhost import PASSWORD, direct_chat, register, settings_of

from surfacehost import Home
from surfacehost_devkit import faults
from surfacehost_devkit.fakes import FakeMemory
from surfacehost_devkit.faultproxy import FaultProxy
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess, surface_in
from surfacehost_devkit.matrixapi import MatrixApi
from surfacehost_devkit.matrixfaults import SYNC
from surfacehost_devkit.matrixperson import MatrixPerson
from surfacehost_matrix import homeserver as reading
from surfacehost_matrix.homeserver import Homeserver as Connection
from surfacehost_matrix.identity.crosssigning import publish
from surfacehost_matrix.identity.recovery import write_recovery_key
from surfacehost_matrix.identity.seeds import Seeds
from surfacehost_matrix.identity.storage import SecretStorage
from surfacehost_matrix.login import enter
from surfacehost_matrix.surface import PACE, MatrixSurface

NOWHERE = "https://matrix.nowhere.invalid"
"""A name that never has an address (RFC 6761, section 6.4)."""


QUICK = replace(PACE, first_s=0.2, intervals_s=tuple(seconds / 40 for seconds in PACE.intervals_s))
"""How answers grow here: as ever, forty times as fast, so that all that may be shown of one is shown within 3 s: before
the homeserver is paused, which no preview is to meet."""


def hurry() -> None:
    """Answers grow quickly, and a homeserver that says nothing is given up sooner."""
    MatrixSurface.capabilities = replace(MatrixSurface.capabilities, previews=QUICK)
    reading.POLL_S, reading.POLL_LIMIT_S = 2, 6


class Beside:
    """A loop of its own in a thread, for servers that outlive the loop of one test."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._stack = AsyncExitStack()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def call(self, work: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(work)

    def enter(self, context: Any) -> Any:
        return self.run(self._stack.enter_async_context(context))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class More:
    """The process, its accounts by the names of their surfaces, and the proxy before the homeserver of two of them."""

    process: HostProcess
    homeserver: Homeserver
    proxy: FaultProxy
    beside: Beside
    """The loop of the proxy."""
    accounts: dict[str, Account]
    friend: Account
    """The one person whose invitations ``picky`` follows."""
    master: str
    """The master key that was published for ``chief`` by another client, before the host began."""
    tables: dict[str, dict[str, Any]]
    running: tuple[str, str]
    """Room and question of an answer that takes picky 21 s; it goes on beside the tests."""

    def bring(self, room: str, sender: MatrixPerson, *events: tuple[str, dict[str, Any]]) -> None:
        """Have picky's next sync bring these *events*, kind and content, and nothing else."""
        [since] = parse_qs(self.proxy.of(SYNC)[-1].query)["since"]
        made = [
            {
                "type": kind,
                "event_id": f"${uuid4().hex}",
                "sender": sender.user_id,
                "origin_server_ts": 1,
                "content": content,
            }
            for kind, content in events
        ]
        timeline = {"events": made, "limited": False, "prev_batch": since}
        brought = {"next_batch": since, "rooms": {"join": {room: {"timeline": timeline}}}}
        self.proxy.faults.plan(SYNC, faults.answer(200, brought))

    def configure(self, space: str) -> None:
        """Have the settings say (TOML) something else of the shared Space from the next start on."""
        self.process.configure(settings_text(self.tables, self.accounts, space))

    async def until_state(self, name: str, state: str) -> Mapping[str, Any]:
        """Wait until a surface is up, waiting or parked, and give what the status says of it."""

        def there(status: dict[str, Any]) -> bool:
            return bool(surface_in(status, name)["state"] == state)

        return surface_in(await self.process.seen(there), name)


@contextmanager
def more_host(folder: Path, homeserver: Homeserver) -> Iterator[More]:
    """Start it, and wait until every account that can come online has."""
    names = ("picky", "team", "named", "lost")
    accounts = {name: register(homeserver, name) for name in names}
    accounts["chief"] = homeserver.register(f"chief-{folder.parent.name}".lower(), PASSWORD, admin=True)
    friend = register(homeserver, "friend")
    folder.mkdir(parents=True)
    with Beside() as beside:
        proxy = beside.enter(FaultProxy.before(homeserver.url))
        site = beside.enter(website(folder, homeserver.url))
        master = beside.run(vouched_elsewhere(homeserver, accounts["chief"], folder))
        tables = {
            "picky": {
                "homeserver": proxy.url, "access_token": accounts["picky"].access_token, "invites": "allowlist",
                "dm_policy": "allowlist", "allow": [friend.user_id], "encryption": False,
            },
            "team": {"homeserver": homeserver.url, "encryption": False},
            "named": {"homeserver": site, "allow": ["*"], "ca_file": str(folder / "ca.pem"), "encryption": False},
            "lost": {"homeserver": NOWHERE, "encryption": False},
            "chief": {"homeserver": homeserver.url, "recovery_key_file": "recovery"},
        }  # fmt: skip
        with HostProcess(folder, settings_text(tables, accounts), first=hurry) as process:
            up = set(tables) - {"lost"}
            process.wait_for(lambda told: {one["name"] for one in told["surfaces"] if one["state"] == "up"} == up, 60)
            yield More(
                process=process, homeserver=homeserver, proxy=proxy, beside=beside, accounts=accounts, friend=friend,
                master=master, tables=tables, running=beside.run(begin(homeserver, friend, accounts["picky"])),
            )  # fmt: skip


async def begin(homeserver: Homeserver, friend: Account, bot: Account) -> tuple[str, str]:
    async with MatrixPerson(homeserver.url, friend) as person:
        room = await direct_chat(person, bot)
        return room, await person.send(room, "!demo stream 210 0.1 bold")


SPACE = 'name = "Team"\ntopic = "All of us"\navatar = "mxc://localhost/face"\nrooms = ["Hall"]'


def settings_text(tables: dict[str, dict[str, Any]], accounts: dict[str, Account], space: str = SPACE) -> str:
    lines = ['[host]\nlocale = "en"\n[defaults]\ndm_policy = "open"\nrate_per_minute = 0\nloop_limit = 0']
    for name, table in tables.items():
        way = {} if "access_token" in table else {"password": PASSWORD}
        whole = {"plugin": "matrix", "user_id": accounts[name].user_id, "invites": "allow", **way, **table}
        lines += [f"[surfaces.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in whole.items())]
        if name == "team":
            lines += ["[surfaces.team.space]", "shared = true", space]
    return "\n".join(lines)


async def vouched_elsewhere(homeserver: Homeserver, account: Account, folder: Path) -> str:
    """Publish signing keys for *account* as another client does, the recovery key into a file; gives the master key."""
    settings, theirs, key = settings_of(homeserver, account), Seeds.make(), bytes(range(32))
    async with Connection(settings, folder / "elsewhere") as connection:
        await enter(connection, settings, Home(name="elsewhere", data_dir=folder, memory=FakeMemory()))
        await publish(connection, theirs, None)
        await SecretStorage(connection).keep(key, theirs)
    file = folder / "recovery"
    file.write_text(write_recovery_key(key))
    file.chmod(0o600)
    return theirs.master.public


async def call_direct(more: More, person: MatrixPerson, *rooms: str) -> None:
    """Have the account, by another client of its own, list *rooms* as direct chats with *person*."""
    named = more.accounts["named"]
    async with aclosing(MatrixApi(more.homeserver.url, named.access_token)) as api:
        path = ("user", named.user_id, "account_data", "m.direct")
        await api.call("PUT", *path, json={person.user_id: rooms})


async def take_apart(more: More, space: str, room: str) -> None:
    """What somebody with the rights to it may do to a Space: its topic, its picture, its links to *room* and back."""
    async with aclosing(MatrixApi(more.homeserver.url, more.accounts["team"].access_token)) as api:
        for place, kind, key, nothing in (
            (space, "m.room.topic", "", {"topic": ""}),
            (space, "m.room.avatar", "", {}),
            (space, "m.space.child", room, {}),
            (room, "m.space.parent", space, {}),
        ):
            await api.call("PUT", "rooms", place, "state", kind, key, json=nothing)


class website:  # noqa: N801 - used as a context
    """https://127.0.0.1:…/.well-known/matrix/client, which names *url*; as a context its server's name."""

    def __init__(self, folder: Path, url: str) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(self._context)
        self._text = json.dumps({"m.homeserver": {"base_url": url}})
        self._server: asyncio.Server

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=self._context)
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1]
        status, text = (200, self._text) if path == b"/.well-known/matrix/client" else (404, "")
        head = f"HTTP/1.1 {status} So\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n"
        writer.write((head + text).encode())
        await writer.drain()
        writer.close()
