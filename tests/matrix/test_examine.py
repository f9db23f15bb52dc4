"""The doctor's examination of a Matrix account that has never been used."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.matrix.smallhost import register, settings_of

from surfacehost import Finding, Home
from surfacehost_devkit.fakes import FakeMemory
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.ports import free_port
from surfacehost_matrix import MatrixSurface


async def examined(server: Homeserver, bot: Account, folder: Path, **more: Any) -> str:
    home = Home(name="matrix", data_dir=folder, memory=FakeMemory())
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
