"""Ways to the homeserver and into the account, besides an address and a password."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.matrix.connectproxy import ConnectProxy
from tests.matrix.secretperson import SecretPerson
from tests.matrix.smallhost import PASSWORD, direct_chat, register
from tests.matrix.test_keyrequests import note

from surfacehost import NotReady, Refused
from surfacehost_devkit import faults, matrixfaults
from surfacehost_devkit.fakes import FakeMemory
from surfacehost_devkit.faultproxy import FaultProxy
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.matrixapi import MatrixApi, MatrixError
from surfacehost_devkit.matrixperson import MatrixPerson
from surfacehost_matrix import MatrixSettings
from surfacehost_matrix.discovery import locate

LIFETIME_S = 3


@pytest.fixture(scope="module")
def strict(synapse_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    """A homeserver with TLS, login tokens, access tokens that end soon, and room for small files only."""
    options = {
        "login_via_existing_session": {"enabled": True, "require_ui_auth": False, "token_timeout": "5m"},
        "refreshable_access_token_lifetime": f"{LIFETIME_S}s",
        "max_upload_size": "100K",
    }
    folder = tmp_path_factory.mktemp("strict")
    with Homeserver(folder, synapse=synapse_cache, tls=True, options=options) as server:
        yield server


async def ask(server: Homeserver, token: str, *path: str, version: str = "v3", **body: Any) -> dict[str, Any]:
    api = MatrixApi(server.url, token, verify=server.tls_context())
    try:
        return await api.call("POST", *path, json=body, version=version)
    finally:
        await api.aclose()


TOO_LARGE = "⚠️ Файл hello.txt (0.2 МБ) слишком велик для этого сервера: не больше 0.1 МБ."


async def test_the_real_host_comes_back_when_its_session_has_ended_softly_while_it_was_away(
    strict: Homeserver, tmp_path: Path, stack: AsyncExitStack
) -> None:
    """By a login token, the server's name, proxies and a private authority; a token that is over is a soft logout.

    A session that is gone for good is another matter: a login token is good for one.
    """
    bot, account = register(strict, "bot"), register(strict, "alice")
    alice = await stack.enter_async_context(MatrixPerson(strict.url, account, verify=strict.tls_context()))
    token = (await ask(strict, bot.access_token, "login", "get_token", version="v1"))["login_token"]
    proxy, common = [
        await stack.enter_async_context(ConnectProxy.serve(f"alice:{word}")) for word in ("s3cret", "hush")
    ]
    direct = f"""
        [host]
        locale = "ru"
        [defaults]
        dm_policy = "open"
        [surfaces.matrix]
        homeserver = "127.0.0.1:{strict.port}"
        user_id = "{bot.user_id}"
        login_token = "{token}"
        invites = "allow"
    """
    trusting = f'{direct}ca_file = "{strict.ca_file}"\n'
    settings = f'{trusting}proxy = "{proxy.url}"\nproxy_auth = "alice:s3cret"\n'
    environ = {"HTTPS_PROXY": common.url.replace("//", "//alice:hush@"), "NO_PROXY": ""}
    folder = tmp_path / "host"
    with HostProcess(folder, direct, environ) as host:  # which does not know the authority
        await host.seen(lambda status: "ca_file" in status["surfaces"][0]["reason"])
    assert common.tunnels
    with HostProcess(folder, settings.replace("s3cret", "wrong"), environ) as host:
        await host.seen(lambda status: " 407 " in status["surfaces"][0]["reason"])
    assert proxy.refused
    common.tunnels.clear()
    with HostProcess(folder, settings, environ) as host:  # whose own proxy goes before that of the environment
        await asyncio.to_thread(host.wait_ready)
        chat = await direct_chat(alice, bot)
    began, through = note(tmp_path, "login"), len(proxy.tunnels)
    waiting = await alice.send(chat, "while you were away")
    await ended(strict, began["access_token"])
    with HostProcess(folder, trusting, environ | {"NO_PROXY": "127.0.0.1"}) as host:
        await alice.replies(chat, after=waiting, from_=bot.user_id)
        after = note(tmp_path, "login")
        assert (after["device_id"], after["access_token"] == began["access_token"]) == (began["device_id"], False)
        await ended(strict, after["access_token"])
        question = await alice.send(chat, "still there?")
        (answer,) = await alice.replies(chat, after=question, from_=bot.user_id)
        assert answer.body == "echo: still there?"
        question = await alice.send(chat, "!demo file text 200000")
        named = (await alice.replies(chat, after=question, from_=bot.user_id, count=2))[-1]
        assert (named.content["msgtype"], named.body) == ("m.text", TOO_LARGE)
        await ask(strict, note(tmp_path, "login")["access_token"], "logout")
        status = await host.seen(lambda status: status["surfaces"][0]["state"] == "parked")
        assert "does not take the login token" in status["surfaces"][0]["reason"]
        assert "/login/sso/redirect" in status["surfaces"][0]["reason"]
    assert not any(word in host.log_text() for word in (token, "s3cret", "hush", "wrong", after["access_token"]))
    assert (set(proxy.tunnels), len(proxy.tunnels)) == ({f"127.0.0.1:{strict.port}"}, through)
    assert not common.tunnels


async def ended(server: Homeserver, token: str) -> None:
    """Wait until the homeserver does not know *token* any more."""
    api = MatrixApi(server.url, token, verify=server.tls_context())
    async with asyncio.timeout(20):
        with contextlib.suppress(MatrixError):
            while True:
                await api.call("GET", "account", "whoami")
                await asyncio.sleep(0.1)
    await api.aclose()


async def test_a_soft_logout_costs_neither_device_nor_keys(
    homeserver: Homeserver, bot: Account, tmp_path: Path, carol: SecretPerson, stack: AsyncExitStack
) -> None:
    gone = faults.answer(401, {"errcode": "M_UNKNOWN_TOKEN", "error": "expired", "soft_logout": True})
    proxy = await stack.enter_async_context(FaultProxy.before(homeserver.url))
    settings = f"""
        [defaults]
        dm_policy = "open"
        [surfaces.matrix]
        homeserver = "{proxy.url}"
        user_id = "{bot.user_id}"
        password = "{PASSWORD}"
        invites = "allow"
    """
    host = stack.enter_context(HostProcess(tmp_path / "host", settings))
    await asyncio.to_thread(host.wait_ready)
    chat = await carol.chat_with(bot.user_id)
    await carol.send(chat, "before")
    await carol.hears("echo: before")
    before = note(tmp_path, "login")
    proxy.faults.plan("GET */account/whoami", gone)
    proxy.faults.plan(matrixfaults.SYNC, gone)
    await carol.send(chat, "after")
    await carol.hears("echo: after")
    after = note(tmp_path, "login")
    assert (after["device_id"], after["access_token"] == before["access_token"]) == (before["device_id"], False)


WELL_KNOWN = [
    (404, "", "has no .well-known/matrix/client and is no homeserver itself"),
    (403, "no", "nothing that helps; put the homeserver's own address"),
    (200, "", "nothing that helps"),
    (200, "<html>", "does not say where the homeserver is"),
    (200, '{"m.homeserver": {}}', "does not say where the homeserver is"),
    (200, '{"m.homeserver": {"base_url": "matrix.example.org"}}', "whose address is none"),
    (200, '{"m.homeserver": {"base_url": "SELF"}}', "but none is there"),
]


async def test_what_is_wrong_with_a_well_known_is_told(strict: Homeserver, website: "Website") -> None:
    def settings(**more: Any) -> MatrixSettings:
        table = {"homeserver": website.name, "user_id": "@bot:example.org", "password": "x", "ca_file": website.ca_file}
        return MatrixSettings.model_validate(table | more)

    for status, text, said in WELL_KNOWN:
        website.says = status, text.replace("SELF", f"https://{website.name}")
        with pytest.raises(Refused, match=said.replace(".", r"\.")):
            await locate(settings(), FakeMemory())
    website.says = 503, "busy"
    with pytest.raises(NotReady):
        await locate(settings(), FakeMemory())
    memory = FakeMemory()
    await memory.set({"well_known": {"server": website.name, "url": strict.url}})
    assert await locate(settings(), memory) == strict.url  # a website in trouble is no reason to fall silent
    with pytest.raises(NotReady, match="ca_file"):
        await locate(settings(ca_file=None), FakeMemory())
    assert await locate(settings(homeserver="https://matrix.example.org/"), memory) == "https://matrix.example.org"


class Website:
    """https://<name>/.well-known/matrix/client, and nothing else."""

    def __init__(self, ca_file: Path) -> None:
        self.ca_file = ca_file
        self.name = ""
        self.says = 200, ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1]
        status, text = self.says if path == b"/.well-known/matrix/client" else (404, "")
        head = f"HTTP/1.1 {status} So\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n"
        writer.write((head + text).encode())
        await writer.drain()
        writer.close()


@pytest.fixture
async def website(tmp_path: Path) -> AsyncIterator[Website]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    site = Website(tmp_path / "ca.pem")
    async with await asyncio.start_server(site.answer, "127.0.0.1", 0, ssl=context) as server:
        site.name = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield site
