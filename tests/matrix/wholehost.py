"""One real ``surfacehost run`` with several Matrix accounts, and what its tests ask of it from the outside."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from tests.host.sendingagent import can_send
from tests.matrix.secretperson import SecretPerson
from tests.matrix.smallhost import PASSWORD, register

from platform_agent.showcase import long_text
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.matrixapi import MatrixApi


def numbers_in(texts: list[str]) -> list[int]:
    return [int(number) for text in texts for number in re.findall(r"Line (\d+) of a long", text)]


LONG = numbers_in([long_text(60_000, code=False)])
"""What `/demo long 60000` says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """The process, its accounts, and the groups that its settings allow."""

    process: HostProcess
    homeserver: Homeserver
    bot: Account
    guide: Account
    """Makes everybody a Space, and has encryption switched off."""
    gone: Account
    """One that its homeserver will not have any more."""
    owner: Account
    group: str
    other_group: str

    async def device(self, asker: MatrixApi) -> tuple[str, dict[str, str]]:
        """The bot's device as others are shown it: its id and its keys by algorithm."""
        return await device_of(asker, self.bot)


async def device_of(asker: MatrixApi, account: Account) -> tuple[str, dict[str, str]]:
    """The only device of *account* with keys, as others are shown it: its id and its keys by algorithm."""
    answer = await asker.call("POST", "keys", "query", json={"device_keys": {account.user_id: []}})
    ((name, told),) = answer["device_keys"][account.user_id].items()
    return name, {key.split(":")[0]: value for key, value in told["keys"].items()}


@contextmanager
def whole_host(folder: Path, homeserver: Homeserver) -> Iterator[Whole]:
    """Start it, ready to talk. The owner's groups are there before, and the bot is invited into them."""
    bot, guide, gone, owner = (register(homeserver, name) for name in ("bot", "guide", "gone", "carol"))
    groups = [_group(homeserver, owner, bot) for _ in range(2)]
    settings = f"""
        [host]
        locale = "en"
        [media]
        max_mb = 45
        [defaults]
        dm_policy = "open"
        busy = "queue"
        rate_per_minute = 0
        loop_limit = 0
        [surfaces.matrix]
        {_account(homeserver, bot)}
        allow = {json.dumps(groups)}
        owners = ["{owner.user_id}"]
        [surfaces.guide]
        {_account(homeserver, guide)}
        encryption = false
        loop_limit = 3
        [surfaces.guide.space]
        name = "Assistant"
        topic = "All in one"
        power_levels = {{ invite = 50 }}
        rooms = ["General", {{ name = "Ideas", topic = "Half-baked is fine", avatar = "mxc://localhost/abc" }}]
        [surfaces.gone]
        {_account(homeserver, gone)}
        encryption = false
    """
    with HostProcess(folder, settings, first=can_send) as process:
        process.wait_ready()
        yield Whole(
            process=process, homeserver=homeserver, bot=bot, guide=guide, gone=gone, owner=owner,
            group=groups[0], other_group=groups[1],
        )  # fmt: skip


def _account(homeserver: Homeserver, account: Account) -> str:
    lines = {"plugin": "matrix", "homeserver": homeserver.url, "user_id": account.user_id, "password": PASSWORD}
    return "\n".join(f"{key} = {json.dumps(value)}" for key, value in {**lines, "invites": "allow"}.items())


def _group(homeserver: Homeserver, owner: Account, bot: Account) -> str:
    body = {"preset": "public_chat", "visibility": "private", "name": "group", "invite": [bot.user_id]}
    headers = {"Authorization": f"Bearer {owner.access_token}"}
    answer = httpx.post(f"{homeserver.url}/_matrix/client/v3/createRoom", headers=headers, json=body)
    return str(answer.raise_for_status().json()["room_id"])


async def delete_device(homeserver: Homeserver, account: Account, device: str) -> None:
    """What an administrator of the homeserver does to a session, by Synapse's admin API: its token is none any more."""
    chief = await asyncio.to_thread(homeserver.register, f"chief-{uuid4().hex[:8]}", PASSWORD, admin=True)
    path = f"/_synapse/admin/v2/users/{account.user_id}/devices/{device}"
    async with httpx.AsyncClient(base_url=homeserver.url) as http:
        answer = await http.delete(path, headers={"Authorization": f"Bearer {chief.access_token}"})
    answer.raise_for_status()


async def deactivate(homeserver: Homeserver, account: Account) -> None:
    who = {"type": "m.id.user", "user": account.user_id}
    auth = {"type": "m.login.password", "identifier": who, "password": account.password}
    async with aclosing(MatrixApi(homeserver.url, account.access_token)) as api:
        await api.call("POST", "account", "deactivate", json={"auth": auth})


def read_by(carol: SecretPerson, room: str, bot: Account) -> list[str]:
    """What the bot's messages in *room* say by now to somebody who can read them, edits applied."""
    return [content["body"] for content in contents_read_by(carol, room, bot)]


def contents_read_by(carol: SecretPerson, room: str, bot: Account) -> list[dict[str, Any]]:
    """Everything that the bot's messages in *room* are by now to somebody who can read them, edits applied."""
    contents: dict[str, dict[str, Any]] = {}
    for event in carol.seen_in[room]:
        if getattr(event, "sender", "") != bot.user_id or event.source["type"] != "m.room.message":
            continue
        content = event.source["content"]
        relation = content.get("m.relates_to", {})
        if relation.get("rel_type") == "m.replace":
            contents[relation["event_id"]] = content["m.new_content"]
        else:
            contents[event.event_id] = content
    return list(contents.values())
