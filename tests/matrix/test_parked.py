"""What the host can't read, and a place in the history that its homeserver does not know: through the real process."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.matrix.smallhost import PASSWORD, direct_chat
from tests.matrix.wholehost import device_of

from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.matrixperson import MatrixPerson
from surfacehost_matrix import reading, sync


def stumble() -> None:
    """Faults of ours: one message can't be read; nor can what says what else it is, an invitation, a word of keys."""
    reading.read_event = stumbling(reading.read_event, "odd")  # type: ignore[attr-defined]  # it has it from ``parse``
    for name in ("replacement", "read_invite", "read_withheld"):
        setattr(sync, name, stumbling(getattr(sync, name), "strange"))


def stumbling(read: Callable[..., Any], over: str) -> Callable[..., Any]:
    def reads(*args: Any, **named: Any) -> Any:
        if over in str(args):
            raise RecursionError("too deep")
        return read(*args, **named)

    return reads


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
        await host.seen(lambda status: status["inbox"]["matrix"]["parked"] == 1)
        assert "matrix: ok, 1 parked" in (await asyncio.to_thread(host.readiness))[1]
        await stumbled_over(host, alice, bot, room)
        await host.seen(lambda status: status["inbox"]["matrix"]["open"] == 0)
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
    assert said == ["echo: good", "echo: strange", "echo: still there?", "echo: odd"]


async def stumbled_over(host: HostProcess, alice: MatrixPerson, bot: Account, room: str) -> None:
    """What stumbles outside of the message itself is left out or read without, and costs nobody a word."""
    invited = await alice.create_room(name="strange", invite=[bot.user_id])
    device, _ = await device_of(alice.api, bot)
    word = {"code": "m.strange", "session_id": "none"}
    body = {"messages": {bot.user_id: {device: word}}}
    await alice.api.call("PUT", "sendToDevice", "m.room_key.withheld", "strange", json=body)
    question = await alice.send(room, "strange")
    await alice.replies(room, after=question, from_=bot.user_id)
    for left in (f"the invitation into {invited}", f"what {alice.user_id} sent to our device"):
        assert f"{left} can't be read; it is left out" in host.log_text()
    assert "is not listening" not in host.log_text()


def lose_place(database: Path) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        assert connection.execute("update surface set cursor = 'nonsense' where name = 'matrix'").rowcount == 1
