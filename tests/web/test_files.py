"""Files on the page, without a browser: each person's are that person's alone."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.host.sendingagent import LARGE, can_send
from tests.host.test_files import website
from tests.web.conftest import SETTINGS, OpenPage

from surfacehost_devkit.hostprocess import HostProcess

DATA = bytes(LARGE)


async def upload(host: HostProcess, cookie: str, body: bytes, **headers: str) -> httpx.Response:
    sent = {"Cookie": cookie, "Origin": host.address, "Content-Type": "text/html"} | headers
    async with httpx.AsyncClient() as client:
        return await client.post(f"{host.address}/chat/file?name=..%2Fevil.html", content=body, headers=sent)


async def download(host: HostProcess, cookie: str, file_id: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(f"{host.address}/chat/file/{file_id}", headers={"Cookie": cookie})


async def test_a_file_is_its_persons_alone_and_never_a_page(host: HostProcess, page: OpenPage) -> None:
    alice, bob = await page(host), await page(host)
    filed = (await upload(host, alice.cookie, b"<script>")).json()
    assert (filed["name"], filed["type"], filed["size"]) == ("evil.html", "text/html", 8)
    own = await download(host, alice.cookie, filed["id"])
    assert own.content == b"<script>"
    assert own.headers["content-disposition"].startswith("attachment")
    assert own.headers["content-security-policy"].startswith("sandbox")
    assert (await download(host, bob.cookie, filed["id"])).status_code == 404
    assert (await download(host, alice.cookie, "../../surfacehost.db")).status_code == 404

    await bob.tell("say", id="m1", chat="c1", text="", files=[filed["id"]])
    assert (await bob.wait("error", id="m1"))["code"] == "bad_frame"

    await alice.tell("say", id="m1", chat="c1", text="", files=[filed["id"]])
    answer = await alice.answer_to("m1")
    assert answer["text"] == "echo: \nattachment: document evil.html (text/html, 8 bytes)"
    await alice.tell("forget", chat="c1")
    await alice.wait("forgotten", chat="c1")
    assert (await download(host, alice.cookie, filed["id"])).status_code == 404


async def test_only_our_page_uploads_and_no_more_than_allowed(tmp_path: Path, page: OpenPage) -> None:
    settings = SETTINGS.replace("[surfaces.web]\n", "[surfaces.web]\nmax_upload_mb = 0.001\n")
    with HostProcess(tmp_path / "host", settings) as host:
        await asyncio.to_thread(host.wait_ready)
        alice = await page(host)
        assert (await upload(host, alice.cookie, bytes(1000))).status_code == 201
        assert (await upload(host, alice.cookie, bytes(1001))).json() == {"at_most": 1000}
        assert (await upload(host, alice.cookie, b"x", Origin="https://evil.example.org")).status_code == 403
        assert (await upload(host, "", b"x")).status_code == 403

        async def pieces() -> None:
            async with httpx.AsyncClient() as client:
                headers = {"Cookie": alice.cookie, "Origin": host.address}
                answer = await client.post(f"{host.address}/chat/file", content=_endless(), headers=headers)
                assert answer.status_code == 413

        await pieces()
        left = [path.name for path in (tmp_path / "host" / "var" / "web" / "files").rglob("*.part")]
        assert left == []


async def test_large_files_come_in_and_go_out_in_little_memory(tmp_path: Path, page: OpenPage) -> None:
    settings = f"[media]\nmax_mb = 45\n{SETTINGS}".replace("[surfaces.web]\n", "[surfaces.web]\nmax_upload_mb = 45\n")
    with HostProcess(tmp_path / "host", settings, first=can_send) as host, website({"/x": (200, {}, DATA)}) as site:
        await asyncio.to_thread(host.wait_ready)
        alice = await page(host)
        await alice.ask("hello", "c1")
        with host.in_little_memory():
            filed = (await upload(host, alice.cookie, DATA)).json()
            await alice.tell("say", id="m1", chat="c1", text="what is it?", files=[filed["id"]])
            came = await alice.answer_to("m1")
        assert came["text"].endswith(f"attachment: document evil.html (text/html, {LARGE} bytes)")
        with host.in_little_memory():
            await alice.say(f"/demo send film.mp4 video/mp4;codecs=av1 {site}/x what it is", "c1", "m2")
            shown = await alice.wait("final", to="m2", kind="file")
            [film] = shown["files"]
            got = await download(host, alice.cookie, film["id"])
        assert got.content == DATA
        assert (shown["text"], film["type"], film["size"]) == ("what it is", "video/mp4", LARGE)
        assert got.headers["content-disposition"].startswith("inline")  # for the player of the page


@pytest.mark.parametrize("files", [["x" * 32], [1], "x", ["a"] * 11])
async def test_what_no_page_sends_is_refused(host: HostProcess, page: OpenPage, files: object) -> None:
    alice = await page(host)
    await alice.tell("say", id="m1", chat="c1", text="hi", files=files)
    assert (await alice.wait("error", id="m1"))["code"] == "bad_frame"


async def _endless() -> AsyncIterator[bytes]:
    for _ in range(100):
        yield bytes(100)
