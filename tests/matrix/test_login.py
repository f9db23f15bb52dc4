"""How the account gets in, and what an operator reads when it does not."""

import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.matrix.conftest import MakeHost
from tests.matrix.smallhost import SmallHost, register

from surfacehost import NotReady, Refused
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.matrixapi import MatrixApi
from surfacehost_matrix.homeserver import Homeserver as Connection


async def whoami(homeserver: Homeserver, token: str) -> str:
    api = MatrixApi(homeserver.url, token)
    try:
        return str((await api.call("GET", "account", "whoami"))["device_id"])
    finally:
        await api.aclose()


async def log_out(homeserver: Homeserver, token: str) -> None:
    api = MatrixApi(homeserver.url, token)
    try:
        await api.call("POST", "logout", json={})
    finally:
        await api.aclose()


async def refusal(host: SmallHost) -> str:
    async with host:
        await host.until(lambda: host.down)
    (error,) = host.down
    assert isinstance(error, Refused)
    return str(error)


async def test_after_a_restart_it_is_the_same_device_without_its_password(
    make: MakeHost, bot: Account, homeserver: Homeserver
) -> None:
    async with make() as first:
        await first.online()
    login = await first.memory.get("login")
    async with make(first, password="changed since") as second:
        await second.online()
    assert await second.memory.get("login") == login
    assert await whoami(homeserver, login["access_token"]) == login["device_id"] != bot.device_id


async def test_a_device_without_its_keys_is_replaced_also_where_its_logout_is_cut_off(
    make: MakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with make() as first:
        await first.online()
    before = await first.memory.get("login")
    shutil.rmtree(tmp_path / "crypto")
    call = Connection.call

    async def lose(connection: Connection, method: str, *path: str, **more: Any) -> dict[str, Any]:
        answer = await call(connection, method, *path, **more)
        if path == ("logout",):
            raise NotReady("what it answers is lost")
        return answer

    monkeypatch.setattr(Connection, "call", lose)
    async with make(first) as second:
        await second.online()
    assert [str(error) for error in second.down] == ["what it answers is lost"]
    assert (await second.memory.get("login"))["device_id"] != before["device_id"]


async def test_a_token_of_a_device_is_enough(make: MakeHost, bot: Account, homeserver: Homeserver) -> None:
    async with make(password=None, access_token=bot.access_token) as host:
        await host.online()
    assert await host.memory.get("login") is None
    await log_out(homeserver, bot.access_token)
    assert "does not accept the access token" in await refusal(make(password=None, access_token=bot.access_token))


async def test_a_wrong_password_is_told(make: MakeHost, bot: Account) -> None:
    said = await refusal(make(password="wrong"))
    assert "does not accept this password" in said
    assert bot.user_id in said


async def test_another_ones_credentials_are_told(make: MakeHost, homeserver: Homeserver, bot: Account) -> None:
    other = register(homeserver, "other")
    said = await refusal(make(password=None, access_token=other.access_token))
    assert other.user_id in said
    assert bot.user_id in said


async def test_another_servers_user_is_told(make: MakeHost) -> None:
    assert "is it the homeserver of elsewhere.example" in await refusal(make(user_id="@bot:elsewhere.example"))


async def test_no_secret_is_logged(make: MakeHost, bot: Account, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with make() as host:
        await host.online()
    login = await host.memory.get("login")
    assert caplog.text
    assert login["access_token"] not in caplog.text
    assert bot.password not in caplog.text
