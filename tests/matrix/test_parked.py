"""What the host can't read, and a place in the history that its homeserver does not know: through the real process."""

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.matrix.smallhost import PASSWORD, direct_chat

from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.matrixperson import MatrixPerson
from surfacehost_matrix import reading
from surfacehost_matrix.parse import Place, read_event


def stumble() -> None:
    """A fault of ours: one message can't be read."""

    def stumbling(raw: Mapping[str, Any], place: Place) -> Any:
        if "odd" in str(raw.get("content")):
            raise RecursionError("too deep")
        return read_event(raw, place)

    reading.read_event = stumbling  # type: ignore[attr-defined]  # it has it from ``parse``


def settings_for(homeserver: Homeserver, bot: Account) -> str:
    return f"""
        [host]
        locale = "en"
        [dispatch]
        park_after_attempts = 1
        park_after_s = 0.1
        [defaults]
        dm_policy = "open"
        debounce_s = 0
        [surfaces.matrix]
        homeserver = "{homeserver.url}"
        user_id = "{bot.user_id}"
        password = "{PASSWORD}"
        invites = "allow"
    """


async def test_what_it_can_not_read_parks_alone_and_waits_out_a_homeserver_that_does_not_know_its_place(
    homeserver: Homeserver, bot: Account, alice: MatrixPerson, tmp_path: Path
) -> None:
    settings = settings_for(homeserver, bot)
    with HostProcess(tmp_path / "host", settings, first=stumble) as host:
        await asyncio.to_thread(host.wait_ready)
        room = await direct_chat(alice, bot)
        await alice.send(room, "odd")
        behind = await alice.send(room, "good")
        await alice.replies(room, after=behind, from_=bot.user_id)
        assert (await asyncio.to_thread(host.status))["inbox"]["matrix"]["parked"] == 1
        assert "matrix: ok, 1 parked" in (await asyncio.to_thread(host.readiness))[1]
        listed = (await asyncio.to_thread(host.command, "inbox", "list")).stdout.splitlines()
        assert len(listed) == 2
        assert "RecursionError" in listed[1]
        await asyncio.to_thread(host.stop)

    await asyncio.to_thread(lose_place, host.folder / "var" / "surfacehost.db")
    with HostProcess(host.folder, settings) as mended:
        await asyncio.to_thread(mended.wait_ready)
        assert "does not know our place in its history: starting anew" in mended.log_text()
        question = await alice.send(room, "still there?")
        await alice.replies(room, after=question, from_=bot.user_id)
        await asyncio.to_thread(mended.command, "inbox", "retry", listed[1].split()[0])
        await alice.wait_for(lambda: "echo: odd" in alice.seen.said(room, bot.user_id))
    _, trouble, *said = alice.seen.said(room, bot.user_id)
    assert trouble.startswith("Something went wrong")
    assert said == ["echo: good", "echo: still there?", "echo: odd"]


def lose_place(database: Path) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        assert connection.execute("update surface set cursor = 'nonsense' where name = 'matrix'").rowcount == 1
