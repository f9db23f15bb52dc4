"""The runner: a real Synapse through all that can happen to a server."""

import asyncio
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from surfacehost_devkit.homeserver import AdminError, Homeserver, HomeserverError
from surfacehost_devkit.matrixperson import MatrixError, MatrixPerson, login

PASSWORD = "correct-horse"

PARENT = """
import sys, threading
from pathlib import Path
from surfacehost_devkit.homeserver import Homeserver
server = Homeserver(Path(sys.argv[1]), synapse=Path(sys.argv[2]))
server.start()
if sys.argv[3] == "paused":
    server.pause()
print(server.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def own(synapse_cache: Path, tmp_path: Path) -> Iterator[Homeserver]:
    """A server of the test's own, with the limits of a Synapse nobody configured."""
    with Homeserver(tmp_path / "data", synapse=synapse_cache, rate_limits="stock") as server:
        yield server


def answers(server: Homeserver, timeout_s: float = 5) -> bool:
    with httpx.Client(verify=server.tls_context(), timeout=timeout_s) as client:
        try:
            return client.get(f"{server.url}/_matrix/client/versions").is_success
        except httpx.TransportError:
            return False


def assert_ends(pid: int, timeout_s: float = 10) -> None:
    """Wait for the end of a process that is no child of the test."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended, _, _ = select.select([handle], [], [], timeout_s)
    os.close(handle)
    assert ended, f"process {pid} is still there"


async def test_restart_and_kill_keep_data_and_address(own: Homeserver) -> None:
    account = own.register("alice", PASSWORD)
    async with MatrixPerson(own.url, account) as alice:
        room = await alice.create_room(name="kept")
        first = await alice.send(room, "before the restart")
        await asyncio.to_thread(own.restart)
        second = await alice.send(room, "before the kill")
        await asyncio.to_thread(own.kill)
        assert not own.running
        assert not answers(own)
        await asyncio.to_thread(own.start)
        ids = [event.event_id for event in await alice.history(room)]
    assert ids[-2:] == [first, second]
    assert (await login(own.url, "alice", PASSWORD)).user_id == account.user_id


def test_a_new_runner_takes_over_the_data(synapse_cache: Path, tmp_path: Path) -> None:
    with Homeserver(tmp_path, synapse=synapse_cache) as server:
        server.register("alice", PASSWORD)
        server.lift_rate_limit("@alice:localhost")
    with Homeserver(tmp_path, synapse=synapse_cache) as server:
        with pytest.raises(AdminError) as taken:
            server.register("alice", PASSWORD)
        server.lift_rate_limit("@alice:localhost")
    assert taken.value.errcode == "M_USER_IN_USE"
    assert not answers(server)


def test_a_paused_server_is_silent_until_it_goes_on(own: Homeserver) -> None:
    own.pause()
    assert own.running
    assert not answers(own, timeout_s=0.5)
    own.resume()
    assert answers(own)


def test_a_paused_server_can_be_stopped(own: Homeserver) -> None:
    own.pause()
    own.stop()
    assert not own.running


async def test_stock_limits_refuse_and_are_lifted(own: Homeserver) -> None:
    async with MatrixPerson(own.url, own.register("alice", PASSWORD)) as alice:
        room = await alice.create_room()
        with pytest.raises(MatrixError) as refused:  # noqa: PT012  which of them is refused depends on the time
            for number in range(12):
                await alice.send(room, str(number))
        assert (refused.value.status, refused.value.errcode) == (429, "M_LIMIT_EXCEEDED")
        assert 0 < (refused.value.retry_after_ms or 0) < 60_000
        own.lift_rate_limit(alice.user_id)
        for number in range(12):
            await alice.send(room, str(number))


async def test_without_limits_nothing_is_refused(homeserver: Homeserver) -> None:
    async with MatrixPerson(homeserver.url, homeserver.register("hasty", PASSWORD)) as hasty:
        for _ in range(12):
            room = await hasty.create_room()
        for number in range(20):
            await hasty.send(room, str(number))
        for _ in range(8):
            await login(homeserver.url, "hasty", PASSWORD)
        for _ in range(8):
            with pytest.raises(MatrixError, match="M_FORBIDDEN"):
                await login(homeserver.url, "hasty", "wrong")


async def test_tls_is_trusted_only_with_its_authority(synapse_cache: Path, tmp_path: Path) -> None:
    async with Homeserver(tmp_path, synapse=synapse_cache, tls=True) as server:
        account = await asyncio.to_thread(server.register, "alice", PASSWORD)
        with pytest.raises(ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            await login(server.url, "alice", PASSWORD)
        assert server.ca_file is not None
        told = ssl.create_default_context(cafile=server.ca_file)
        async with MatrixPerson(server.url, account, verify=told) as alice:
            await alice.send(await alice.create_room(), "hello")


@pytest.mark.parametrize("state", ["running", "paused"])
def test_the_parents_death_ends_the_server(synapse_cache: Path, tmp_path: Path, state: str) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path), str(synapse_cache), state]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    assert_ends(pid)


def test_the_wardens_death_ends_the_server(own: Homeserver) -> None:
    status = Path(f"/proc/{own.pid}/status").read_text()
    warden = int(status.split("PPid:")[1].split()[0])
    os.kill(warden, signal.SIGKILL)
    assert_ends(own.pid)


def test_the_starting_threads_end_does_not_end_the_server(synapse_cache: Path, tmp_path: Path) -> None:
    server = Homeserver(tmp_path, synapse=synapse_cache)
    starter = threading.Thread(target=server.start)
    starter.start()
    starter.join()
    assert answers(server)
    server.stop()


async def test_a_cancelled_start_leaves_nothing(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    hanging = tmp_path / "hanging"
    hanging.write_text(f"#!/bin/sh\necho $$ > {begun}\nexec tail -f /dev/null\n")
    hanging.chmod(0o700)
    server = Homeserver(tmp_path / "data", synapse=hanging)
    starting = asyncio.create_task(server.__aenter__())
    pid = int(await asyncio.to_thread(begun.read_text))
    starting.cancel()
    async with asyncio.timeout(10):
        with pytest.raises(asyncio.CancelledError):
            await starting
    assert not server.running
    assert_ends(pid)


def test_a_taken_port_is_named(synapse_cache: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(HomeserverError, match=f"port {port} .* is taken"):
            Homeserver(tmp_path, port, synapse=synapse_cache).start()


def test_a_failing_start_says_why(synapse_cache: Path, tmp_path: Path) -> None:
    with Homeserver(tmp_path, synapse=synapse_cache, server_name="first.test") as first:
        first.register("alice", PASSWORD)
    server = Homeserver(tmp_path, synapse=synapse_cache, server_name="second.test")
    with pytest.raises(HomeserverError, match=r"Found users in database not native to second\.test"):
        server.start()
    assert not server.running


def test_no_secret_is_shown(homeserver: Homeserver) -> None:
    account = homeserver.register("discreet", PASSWORD)
    assert PASSWORD not in repr(account)
    assert account.access_token not in repr(account)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_in_the_foreground_a_signal_ends_it(synapse_cache: Path, tmp_path: Path, number: signal.Signals) -> None:
    assert synapse_cache.exists()
    command = [sys.executable, "-m", "surfacehost_devkit.homeserver", "--data", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split(" at ")[1].split()[0]
        assert httpx.get(f"{url}/_matrix/client/versions").is_success
        process.send_signal(number)
        _, errors = process.communicate(timeout=15)
    assert (process.returncode, errors) == (0, "")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/_matrix/client/versions")
