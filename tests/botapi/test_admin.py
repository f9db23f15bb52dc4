"""The control over HTTP, in a process of its own."""

import asyncio
import base64
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from telegram.error import NetworkError
from telegram.ext import ExtBot
from telegram.request import HTTPXRequest


class Remote:
    """A simulator in another process."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self.url = url
        self._http = http

    async def do(self, command: str, **args: object) -> Any:
        answer = await self._http.post(f"{self.url}/admin/{command}", json=args)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def look(self, what: str, **args: Any) -> httpx.Response:
        return await self._http.get(f"{self.url}/admin/{what}", params=args)


@pytest.fixture
async def remote() -> AsyncIterator[Remote]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "surfacehost_devkit.botapi", "--port", "0", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(20), httpx.AsyncClient(trust_env=False) as http:
        yield Remote((await process.stdout.readline()).decode().strip(), http)
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(5):
        assert await process.wait() == 0


async def test_a_conversation_and_its_traces(remote: Remote) -> None:
    bot = await remote.do("bot", username="agent_bot")
    alice = await remote.do("person", first_name="Alice", username="alice_a")
    asked = await remote.do("write", person=alice["id"], text="hello")
    number = asked["message"]["message_id"]
    request = HTTPXRequest(httpx_kwargs={"trust_env": False})
    async with ExtBot(bot["token"], base_url=f"{remote.url}/bot", request=request) as client:
        (update,) = await client.get_updates(timeout=5)
        assert update.message is not None
        before = (await remote.look("changes")).json()["changes"]
        waiting = asyncio.create_task(remote.look("changes", since=before, timeout_s=10))
        sent = await client.send_message(alice["id"], "hi <there>")
        await client.edit_message_text("hi there", alice["id"], sent.message_id)
        assert (await waiting).json()["more"] is True
        reply = await remote.do("wait_for_reply", chat=alice["id"], after=number, contains="hi there")
        assert (reply["message"]["text"], reply["versions"]) == ("hi there", ["hi <there>", "hi there"])
        await remote.do("fault", method="sendMessage", kind="drop_after", times=1)
        with pytest.raises(NetworkError):
            await client.send_message(alice["id"], "lost")
        calls = (await remote.look("calls", method="sendMessage")).json()
        assert [(one["status"], one["outcome"], one["fault"]) for one in calls] == [
            (200, "ok", ""),
            (0, "ok", "drop_after"),
        ]
        messages = (await remote.look("messages", chat=alice["id"])).json()
        assert [one["from_bot"] for one in messages] == [False, True, True]


async def test_away_for_a_while(remote: Remote) -> None:
    bot = await remote.do("bot")
    address = f"{remote.url}/bot{bot['token']}"
    async with httpx.AsyncClient(trust_env=False) as http:
        polling = asyncio.create_task(http.get(f"{address}/getUpdates?timeout=30", timeout=60))
        await remote.do("wait_for_call", method="getUpdates")
        absence = asyncio.create_task(remote.do("away", seconds=0.5))
        with pytest.raises(httpx.ReadError):
            await polling
        with pytest.raises(httpx.ConnectError):
            await http.get(f"{address}/getMe")
        assert not absence.done()
        assert await absence is True
        assert (await http.get(f"{address}/getMe")).json()["ok"] is True


async def test_groups_topics_files_and_buttons(remote: Remote) -> None:
    await remote.do("bot", username="agent_bot")
    alice, bob = [(await remote.do("person", first_name=name))["id"] for name in ("Alice", "Bob")]
    forum = (await remote.do("forum", title="Forum", creator=alice, people=[bob]))["id"]
    assert await remote.do("add_bot", chat=forum, by=alice, as_admin=True, can_manage_topics=True)
    topic = (await remote.do("open_topic", chat=forum, by=alice, name="Plans"))["message_thread_id"]
    said = await remote.do("write", person=bob, text="in a topic", chat=forum, topic=topic)
    assert said["message"]["message_thread_id"] == topic
    for command, args in (("rename_topic", {"name": "Deeds"}), ("close_topic", {}), ("reopen_topic", {})):
        assert await remote.do(command, chat=forum, by=alice, topic=topic, **args)
    edited = await remote.do("edit", chat=forum, message=said["message"]["message_id"], text="changed")
    assert edited["versions"] == ["in a topic", "changed"]
    assert await remote.do("set_standing", chat=forum, by=alice, status="restricted", can_send=False)
    team = (await remote.do("group", title="Team", creator=alice, people=[bob]))["id"]
    await remote.do("add_bot", chat=team, by=alice)
    grown = await remote.do("migrate", chat=team, by=alice)
    assert grown["type"] == "supergroup"
    sent = await remote.do("send_file", person=bob, name="a.txt", base64=base64.b64encode(b"a").decode())
    assert sent["message"]["document"]["file_size"] == 1
    assert await remote.do("block", person=bob)
    assert len((await remote.look("chats")).json()) == 4
    assert (await remote.look("bots")).json()[0]["pending_updates"] > 5
    assert await remote.do("delete_topic", chat=forum, topic=topic)


async def test_what_makes_no_sense_says_so(remote: Remote) -> None:
    unknown = await remote.look("nothing_of_the_kind")
    assert unknown.status_code == 404
    assert "write" in unknown.json()["error"]
    missing = await remote.look("write", person=1)
    assert (missing.status_code, "text is missing" in missing.json()["error"]) == (400, True)
    await remote.do("bot")
    alice = await remote.do("person")
    vain = await remote.look("wait_for_reply", chat=alice["id"], timeout_s=0.05)
    assert vain.status_code == 408
