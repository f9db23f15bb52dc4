"""A disk that runs full, with both surfaces: nothing is acknowledged meanwhile, and everything is answered after it."""

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from surfacehost_devkit.smalldisk import SmallDisk

from .conftest import Scene

FULL = re.compile("disk is full|No space left on device")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Made before the scene and so outliving its host."""
    with SmallDisk(tmp_path / "disk") as disk:
        yield disk


def cursors(disk: SmallDisk) -> dict[str, str]:
    """How far each platform may forget, as stored."""
    connection = sqlite3.connect(f"file:{disk.path / 'var' / 'surfacehost.db'}?mode=ro", uri=True)
    found = dict(connection.execute("select name, cursor from surface"))
    connection.close()
    return found


def offset(scene: Scene) -> int:
    """What Telegram was told last that it may forget."""
    return max(int(call.params.get("offset", 0)) for call in scene.api.calls.of("getUpdates"))


async def test_nothing_is_acknowledged_while_the_disk_is_full_and_all_is_answered_after_it(
    disk: SmallDisk, scene: Scene
) -> None:
    scene.host.configure(f'[host]\ndata_dir = "{disk.path / "var"}"\n{scene.settings()}')
    await scene.start()
    await scene.ready()
    await scene.meet()
    await scene.both("before")
    await scene.seen(lambda status: not status["inbox"])
    disk.fill()
    texts = [f"number {number}" for number in range(5)]
    asked = [await scene.alice.send(scene.room, text) for text in texts]
    said = [scene.api.world.write(scene.ann, text) for text in texts]
    # Of the database or of the keys beside it: which of them Matrix meets first changes from try to try.
    status = await scene.seen(
        lambda status: all(FULL.search(status["ready"][name]) for name in ("matrix", "telegram", "store"))
    )
    before, told = cursors(disk), offset(scene)
    code, reasons = scene.host.readiness()
    assert (code, "store: the database did not store it: database or disk is full" in reasons) == (503, True)
    await scene.seen(lambda later: all(now["failures"] > then["failures"] for now, then in zip(
        later["surfaces"], status["surfaces"], strict=True)))  # fmt: skip
    assert (cursors(disk), offset(scene)) == (before, told)
    disk.free()
    await scene.ready()
    answers = await scene.alice.replies(scene.room, after=asked[0], from_=scene.bot.user_id, count=5, timeout_s=40)
    await scene.api.world.wait_for_reply(
        scene.ann.id, after=said[0], timeout_s=40, where=lambda one: one.content.text == f"echo: {texts[-1]}"
    )
    await scene.seen(lambda status: not status["inbox"])
    heard = [message.content.text for message in scene.api.world.replies(scene.ann.id, after=said[0])]
    assert [answer.body for answer in answers] == heard == [f"echo: {text}" for text in texts]
    whole = [event.body for event in await scene.alice.history(scene.room) if event.sender == scene.bot.user_id]
    assert [text for text in whole if "number" in str(text)] == heard
    assert await asyncio.to_thread(scene.host.stop) == 0
