"""How connections to a homeserver end."""

import asyncio
import socket
import ssl
from pathlib import Path

import aiohttp
import pytest
import trustme

from surfacehost_matrix import MatrixSettings
from surfacehost_matrix.client import GuardedClient
from surfacehost_matrix.connection import session


async def test_a_broken_off_connection_is_over_also_where_the_other_side_never_says_goodbye(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        settings = MatrixSettings(homeserver=url, user_id="@bot:example.org", password="x", ca_file=tmp_path / "ca.pem")  # type: ignore[arg-type]  # a str is taken for a secret
        async with session(settings, url) as ours:
            asking = asyncio.create_task(ours.get(url))
            theirs = await asyncio.to_thread(silent, listening, context)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        with theirs:
            await asyncio.to_thread(read_to_the_end, theirs)


async def test_a_connection_that_is_being_closed_makes_no_call() -> None:
    async with aiohttp.ClientSession() as ours:
        client = GuardedClient("http://127.0.0.1", "@bot:example.org", ours, store=None, secret="")
    with pytest.raises(aiohttp.ClientConnectionError):  # what is made of every connection that is gone
        await client.send("GET", "/")


def silent(listening: socket.socket, context: ssl.SSLContext) -> socket.socket:
    """Take a request; the connection beneath its encryption, on which nothing will ever be answered."""
    accepted, _ = listening.accept()
    sealed = context.wrap_socket(accepted, server_side=True)
    assert sealed.recv(1000).startswith(b"GET /")
    return socket.socket(fileno=sealed.detach())


def read_to_the_end(connection: socket.socket) -> None:
    """Raises TimeoutError when it has none."""
    connection.settimeout(5)
    while connection.recv(1000):
        pass
