"""The operator's commands on a Matrix account: the doctor's examination, and having a person met anew."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.matrix.conftest import MakeHost
from tests.matrix.smallhost import PASSWORD, SmallHost, register, settings_of

from surfacehost import Finding, Home
from surfacehost_devkit.fakes import FakeMemory
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.matrixapi import MatrixApi
from surfacehost_devkit.matrixperson import MatrixPerson
from surfacehost_devkit.ports import free_port
from surfacehost_matrix import MatrixSurface


async def examined(server: Homeserver, bot: Account, folder: Path, host: SmallHost | None = None, **more: Any) -> str:
    memory = host.memory if host else FakeMemory()
    home = Home(name="matrix", data_dir=folder, memory=memory)
    return told(await MatrixSurface(home, settings_of(server, bot, **more)).examine())


def told(findings: Sequence[Finding]) -> str:
    return "\n".join(f"{one.level} {one.what} → {one.remedy}" for one in findings)


async def test_before_the_first_start(homeserver: Homeserver, bot: Account, tmp_path: Path) -> None:
    said = await examined(homeserver, bot, tmp_path)
    assert f"ok {homeserver.url} answers and speaks Matrix 1." in said
    assert "ok not logged in yet" in said
    assert "bad" not in said
    away = f"http://127.0.0.1:{free_port()}"
    assert f"bad {away} can't be reached" in await examined(homeserver, bot, tmp_path, homeserver=away)
    token = await examined(homeserver, bot, tmp_path, password=None, access_token="gone")
    assert "bad the access token is not accepted" in token
    assert "gone" not in token.replace("is gone", "")
    other = register(homeserver, "other")
    wrong = await examined(homeserver, bot, tmp_path, password=None, access_token=other.access_token)
    assert f"bad the credentials are those of {other.user_id}" in wrong


async def test_beside_a_running_host(
    make: MakeHost, homeserver: Homeserver, alice: MatrixPerson, tmp_path: Path
) -> None:
    """An account that is a server administrator's has lifted its limit by itself; another is told how."""
    chief = homeserver.register(f"chief-{free_port()}", PASSWORD, admin=True)
    space = {"name": "Assistant", "rooms": ["General"]}
    async with SmallHost(settings_of(homeserver, chief, space=space), tmp_path) as host:
        await host.online()
        await alice.create_room(direct=True, invite=[chief.user_id])
        await host.until(lambda: host.settled)
        said = ""
        async with asyncio.timeout(20):
            while "is signed by its account" not in said:  # that comes beside the first messages
                said = await examined(homeserver, chief, tmp_path, host, space=space)
        assert "ok the account may send without limit" in said
        assert f"ok logged in as {chief.user_id}, device {host.memory.values['login']['device_id']}" in said
        assert "ok others can encrypt for our device" in said
        assert "ok the Spaces of 1 people are as the settings say" in said
        assert "MiB can be sent" in said
        more = {"name": "Assistant", "topic": "Everything", "rooms": ["General", "News"]}
        said = await examined(homeserver, chief, tmp_path, host, space=more)
        assert f"warn the Space of {alice.user_id} differs from the settings: News: is made" in said
        assert "Assistant: topic" in said
        assert "bad" not in said
        assert not host.down
    api = MatrixApi(homeserver.url, chief.access_token)
    devices = (await api.call("GET", "devices"))["devices"]
    await api.aclose()
    assert len(devices) == 2  # that of the registration and the host's: nobody has logged in to look
    async with make() as plain:
        await plain.online()
        said = await examined(homeserver, register(homeserver, "x"), tmp_path)
        assert "ok not logged in yet" in said
        bot = plain.surface._settings.user_id
        login = await plain.memory.get("login")
        account = Account(user_id=bot, device_id="", access_token="", password=PASSWORD)
        said = await examined(homeserver, account, tmp_path, plain)
        assert f"/_synapse/admin/v1/users/{bot}/override_ratelimit" in said
        assert login["access_token"] not in said


async def test_a_person_is_met_anew_beside_the_real_host(
    homeserver: Homeserver, bot: Account, alice: MatrixPerson, tmp_path: Path
) -> None:
    table = f'[surfaces.matrix]\nhomeserver = "{homeserver.url}"\nuser_id = "{bot.user_id}"\npassword = "{PASSWORD}"\n'
    space = '[surfaces.matrix.space]\nname = "Assistant"\nrooms = ["General"]\n'
    host = HostProcess(tmp_path / "host", f'[defaults]\ndm_policy = "open"\nallow = ["*"]\n{table}{space}')
    await asyncio.to_thread(host.start)
    try:
        await asyncio.to_thread(host.wait_ready)
        await alice.create_room(direct=True, invite=[bot.user_id])
        first = (await alice.wait_invite(bot.user_id)).room_id
        await asyncio.to_thread(host.wait_for, lambda status: status["ways"] and not status["inbox"])
        found = await asyncio.to_thread(host.command, "doctor", "--json")
        assert found.returncode == 0, found
        assert "the Spaces of 1 people are as the settings say" in found.stdout
        assert {one["part"] for one in json.loads(found.stdout)} == {"host", "agent", "matrix"}

        reset = ("reset", "matrix", "--person", alice.user_id)
        planned = await asyncio.to_thread(host.command, *reset)
        assert (planned.returncode, first in planned.stdout) == (0, True)
        assert "nothing is changed yet" in planned.stdout
        done = await asyncio.to_thread(host.command, *reset, "--yes")
        assert (done.returncode, done.stdout.endswith("forgotten\n")) == (0, True)

        await alice.create_room(direct=True, invite=[bot.user_id])
        second = (await alice.wait_invite(bot.user_id, besides=[first])).room_id
        assert second != first
        await alice.join(first)
        old = (await alice.hierarchy(first))[1]["room_id"]
        await alice.join(old)
        question = await alice.send(old, "do you know me still?")
        await alice.replies(old, after=question, from_=bot.user_id)
        question = await alice.send(old, "!chat name Office")
        (said,) = await alice.replies(old, after=question, from_=bot.user_id)
        assert said.body == "This chat is now called Office."
        assert await alice.state(old, "m.room.name") == {"name": "Office"}
    finally:
        host.close()
