"""What the page was told is stored stays so, wherever the host is killed."""

import asyncio

import httpx
import pytest
from tests.web.conftest import OpenPage
from tests.web.pageclient import fetch_cookie, new_chat, open_socket

from surfacehost_devkit.hostprocess import HostProcess


async def test_killed_between_storing_and_answering(own_host: HostProcess, page: OpenPage) -> None:
    alice, chat = await page(own_host), new_chat()
    await alice.ask("before", chat)
    id_ = await alice.say("/demo slow 1", chat)
    own_host.kill()
    own_host.start()
    again = await page(own_host, alice.cookie)
    # The page can't know whether it was heard before the end: it says it again.
    await again.say("/demo slow 1", chat, id_)
    await again.wait("typing", to=id_, on=False)
    texts = [line["text"] for line in await again.history(chat)]
    assert texts == ["before", "echo: before", "/demo slow 1", "I waited 1 s."]


async def test_killed_at_any_moment(own_host: HostProcess, page: OpenPage) -> None:
    alice = await page(own_host)
    whole = " ".join(f"word{number}" for number in range(1, 9))
    for moment in ("said", "preview", "final"):
        id_, chat = new_chat(), new_chat()
        await alice.tell("open", chat=chat)
        await alice.tell("say", id=id_, chat=chat, text="/demo stream 8 0.05")
        await alice.wait(moment, chat=chat)
        own_host.kill()
        own_host.start()
        alice = await page(own_host, alice.cookie)
        await alice.say("/demo stream 8 0.05", chat, id_)
        assert await alice.ask("then", chat) == "echo: then"
        texts = [line["text"] for line in await alice.history(chat)]
        assert sorted(texts) == sorted(["/demo stream 8 0.05", whole, "then", "echo: then"]), moment


async def test_a_restart_keeps_every_conversation(own_host: HostProcess, page: OpenPage) -> None:
    alice, chats = await page(own_host), [new_chat() for _ in range(3)]
    for number, chat in enumerate(chats):
        await alice.ask(f"number {number}", chat)
    assert own_host.stop() == 0
    own_host.start()
    again = await page(own_host, alice.cookie)
    listed = (await again.wait("chats"))["chats"]
    assert [chat["title"] for chat in listed] == ["number 2", "number 1", "number 0"]
    for number, chat in enumerate(chats):
        assert [line["text"] for line in await again.history(chat)] == [f"number {number}", f"echo: number {number}"]


async def test_the_host_ends_in_time_while_pages_are_open(own_host: HostProcess, page: OpenPage) -> None:
    alice = await page(own_host)
    assert await asyncio.to_thread(own_host.stop) == 0
    assert await alice.closed() == 1012  # "service restart": the page comes back by itself


async def test_only_the_newest_messages_are_kept(own_host: HostProcess, page: OpenPage) -> None:
    own_host.stop()
    port = own_host.address.rpartition(":")[2]
    own_host.configure(f'[web]\nlisten = "127.0.0.1:{port}"\n[surfaces.web]\nkeep_messages = 4\n')
    own_host.start()
    alice, chat = await page(own_host), new_chat()
    for number in range(5):
        await alice.ask(str(number), chat)
    assert [line["text"] for line in await alice.history(chat)] == ["3", "echo: 3", "4", "echo: 4"]


async def test_a_page_is_let_in_by_its_own_origin_only(host: HostProcess) -> None:
    cookie = await fetch_cookie(host.address)
    port = host.address.rpartition(":")[2]
    for wrong in ("http://evil.example", f"http://localhost:{port}", "null", None):
        with pytest.raises(Exception, match="HTTP 403"):
            await open_socket(host.address, cookie, origin=wrong)
    async with await open_socket(host.address, cookie) as socket:
        assert "state" in str(await socket.recv())


async def test_a_name_that_somebody_else_points_here_is_refused(host: HostProcess) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{host.address}/chat/", headers={"Host": "rebound.example"})
    assert answer.status_code == 421
    assert "public_url" in answer.text
    assert "set-cookie" not in answer.headers


async def test_without_a_cookie_the_page_is_told_to_fetch_one(host: HostProcess) -> None:
    for cookie in ("", "surfacehost-web=guess", "surfacehost-web="):
        socket = await open_socket(host.address, cookie)
        await socket.wait_closed()
        assert socket.close_code == 4401


async def test_a_frame_that_is_too_large_is_refused(host: HostProcess, page: OpenPage) -> None:
    alice, chat = await page(host), new_chat()
    await alice.tell("say", id=new_chat(), chat=chat, text="x" * 300_000)
    assert await alice.closed() == 1009
    again = await page(host, alice.cookie)
    assert await again.history(chat) == []


async def test_a_frame_that_makes_no_sense_is_named_and_harms_nobody(host: HostProcess, page: OpenPage) -> None:
    alice, chat = await page(host), new_chat()
    for frame in ('"text"', "[]", "{", '{"type":7}', '{"type":"say"}', "[" * 50_000):
        await alice.socket.send(frame)
        await alice.wait("error", code="bad_frame")
        alice.forget_frames("error")
    id_ = new_chat()
    await alice.tell("say", id=id_, chat=chat, text="x" * 32_001)
    assert (await alice.wait("error", id=id_))["code"] == "bad_frame"
    await alice.tell("say", id=new_chat(), chat="../" + chat, text="x")
    await alice.wait("error", detail="chat is no id")
    assert await alice.ask("still there", chat) == "echo: still there"


async def test_half_a_character_is_no_end_of_the_page(host: HostProcess, page: OpenPage) -> None:
    alice, chat = await page(host), new_chat()
    assert await alice.ask("a \ud83d b \x00", chat)
    assert (await alice.history(chat))[0]["text"] == "a \ufffd b \x00"


async def test_a_very_long_answer_comes_whole(host: HostProcess, page: OpenPage) -> None:
    alice, chat = await page(host), new_chat()
    answer = await alice.answer_to(await alice.say("/demo long 400000", chat))
    assert len(answer["text"]) == 400_000
    assert len((await alice.history(chat))[-1]["html"]) >= 400_000


async def test_two_pages_of_one_host_are_apart(host: HostProcess) -> None:
    async with httpx.AsyncClient(follow_redirects=True) as http:
        front = await http.get(host.address)
        lobby = await http.get(f"{host.address}/lobby")
        script = await http.get(f"{host.address}/lobby/app.js")
        again = await http.get(f"{host.address}/lobby/app.js", headers={"If-None-Match": script.headers["etag"]})
        missing = await http.get(f"{host.address}/lobby/surface.py")
    assert str(front.url) == f"{host.address}/chat/"
    assert str(lobby.url) == f"{host.address}/lobby/"
    assert lobby.headers["set-cookie"].startswith("surfacehost-lobby=")
    assert "Path=/lobby;" in lobby.headers["set-cookie"]
    assert script.headers["content-type"].startswith("text/javascript")
    assert (again.status_code, again.content) == (304, b"")
    assert missing.status_code == 404


async def test_the_cookie_is_for_the_browser_alone(host: HostProcess, page: OpenPage) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{host.address}/chat/")
        again = await http.get(f"{host.address}/chat/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly; SameSite=Strict" in cookie
    assert "Path=/chat;" in cookie
    assert again.headers["set-cookie"].partition(";")[0] == cookie.partition(";")[0]
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    alice = await page(host, cookie.partition(";")[0])
    token = cookie.partition(";")[0].partition("=")[2]
    assert token not in await alice.ask("/whoami", new_chat())  # what can be read lets nobody in
    assert token not in host.log_text()
