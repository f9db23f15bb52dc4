"""What networks and servers do to a host, in the real process: nothing is lost, nothing is said twice."""

import asyncio
from pathlib import Path

import httpx
import pytest

from surfacehost_devkit.botapi import BotApi, faults
from surfacehost_devkit.homeserver import Homeserver
from surfacehost_devkit.matrixperson import MatrixPerson

from .conftest import Scene, account

SENDS = {
    "the connection breaks before it acts": faults.reset(),
    "the connection breaks after it has acted": faults.drop_after(),
    "half an answer comes": faults.half(),
    "a gateway fails before it acts": faults.bad_gateway(),
    "a gateway fails after it has acted": faults.bad_gateway(acts=True),
    "garbage comes back": faults.garbage(acts=True),
    "it is too often": faults.too_many(1),
}


async def only_telegram(scene: Scene) -> None:
    """Start the host with nothing but Telegram: these tests are about its way alone."""
    settings = scene.settings()
    scene.host.configure(settings.replace("[surfaces.matrix]", "[surfaces.matrix]\nenabled = false"))
    await scene.start()
    await scene.ready()


async def test_whatever_becomes_of_a_send_the_answer_comes_once(scene: Scene) -> None:
    await only_telegram(scene)
    for name, fault in SENDS.items():
        scene.api.faults.plan("sendMessage", fault)
        asked = scene.api.world.write(scene.ann, name)
        await scene.api.world.wait_for_reply(scene.ann.id, after=asked, timeout_s=30)
        await scene.seen(lambda status: not status["inbox"])
        heard = [message.content.text for message in scene.api.world.replies(scene.ann.id, after=asked)]
        assert heard == [f"echo: {name}"]


async def test_nothing_is_called_during_a_penalty(scene: Scene) -> None:
    await only_telegram(scene)
    scene.api.faults.plan("sendMessage", faults.too_many(3))
    assert await scene.telegram("hello") == "echo: hello"
    refused, sent = scene.api.calls.of("sendMessage")
    assert sent.started - refused.started >= 3
    between = [
        call for call in scene.api.calls.of("", chat_id=scene.ann.id) if refused.started < call.started < sent.started
    ]
    assert between == []


async def test_one_who_blocked_the_bot_is_nobody_elses_trouble(scene: Scene) -> None:
    await only_telegram(scene)
    bob = scene.api.world.person("Bob")
    asked = scene.api.world.write(bob, "/demo slow 1")
    await scene.seen(lambda status: any("asked" in str(way["steps"]) for way in status["ways"]))
    scene.api.world.block(bob)
    assert await scene.telegram("hello") == "echo: hello"
    await scene.seen(lambda status: not status["inbox"])
    assert scene.api.world.replies(bob.id, after=asked) == []
    scene.api.world.unblock(bob)
    again = scene.api.world.write(bob, "I am back")
    assert (await scene.api.world.wait_for_reply(bob.id, after=again)).content.text == "echo: I am back"


async def test_another_poller_is_named_until_it_is_gone(scene: Scene) -> None:
    await only_telegram(scene)
    stop = asyncio.Event()

    async def poll() -> None:
        async with httpx.AsyncClient(timeout=60) as other:
            while not stop.is_set():
                await other.get(f"{scene.api.url}/bot{scene.telegram_bot.token}/getUpdates", params={"timeout": 1})

    polling = asyncio.create_task(poll())
    await scene.seen(lambda status: "another process takes this bot's messages" in status["ready"]["telegram"])
    stop.set()
    await polling
    await scene.ready()
    assert await scene.telegram("hello") == "echo: hello"


async def test_the_bot_api_goes_away_and_comes_back(scene: Scene) -> None:
    await only_telegram(scene)
    asked = scene.api.world.write(scene.ann, "/demo slow 1")
    await scene.seen(lambda status: any("asked" in str(way["steps"]) for way in status["ways"]))
    await scene.api.away()
    await scene.seen(lambda status: "can't be reached" in status["ready"]["telegram"])
    scene.api.world.write(scene.ann, "while you were away")
    await scene.api.back()
    await scene.ready()
    await scene.api.world.wait_for(
        lambda: len(scene.api.world.replies(scene.ann.id, after=asked)) >= 2 or None, timeout_s=30
    )
    await scene.seen(lambda status: not status["inbox"])
    heard = [message.content.text for message in scene.api.world.replies(scene.ann.id, after=asked)]
    assert heard == ["I waited 1 s.", "echo: while you were away"]


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_a_private_authority_is_trusted_by_setting(
    tmp_path: Path, synapse_cache: Path, *, is_trusted: bool
) -> None:
    server = Homeserver(tmp_path / "synapse", synapse=synapse_cache, tls=True)
    await asyncio.to_thread(server.start)
    async with BotApi.serve() as api:
        scene = Scene(tmp_path, server, api)
        try:
            scene.host.configure(scene.settings(matrix=f'ca_file = "{server.ca_file}"' if is_trusted else ""))
            await scene.start()
            if not is_trusted:
                await scene.seen(lambda status: "ca_file" in status["ready"]["matrix"])
                assert await scene.telegram("hello") == "echo: hello"
                return
            await scene.ready()
            alice = account(server, "alice")
            async with MatrixPerson(server.url, alice, verify=server.tls_context()) as scene.alice:
                await scene.meet()
                assert await scene.matrix("hello") == "echo: hello"
        finally:
            scene.host.close()
            await asyncio.to_thread(server.stop)


async def test_nothing_secret_is_logged_at_any_level(scene: Scene) -> None:
    scene.host.configure('[host]\nlog_level = "debug"\n' + scene.settings())
    await scene.start()
    await scene.ready()
    await scene.meet()
    await scene.both("hello")
    logged = scene.host.log_text()
    assert "DEBUG" in logged
    assert scene.telegram_bot.token not in logged
    assert "correct-horse-battery" not in logged
