"""A host that goes on with an older copy of its data: what was answered since is not answered again, the rest is."""

import asyncio
import sqlite3
from collections import Counter
from pathlib import Path

import pytest
import pytest_asyncio
from tests.matrix.secretperson import SecretPerson

from surfacehost_devkit.restoring import back_up, restore

from .conftest import Scene, account


@pytest_asyncio.fixture
async def carol(running: Scene, tmp_path: Path) -> SecretPerson:
    """Someone in an encrypted room; what she does ends with the test."""
    return SecretPerson(running.homeserver, account(running.homeserver, "carol"), tmp_path / "carol")


class Three:
    """Alice in a plain room, Carol in an encrypted one, Ann on Telegram: all say the same."""

    def __init__(self, scene: Scene, carol: SecretPerson) -> None:
        self.scene = scene
        self.carol = carol
        self.secret_room = ""
        self._first = 0
        self.texts: list[str] = []

    async def meet(self) -> None:
        self.secret_room = await self.carol.chat_with(self.scene.bot.user_id)
        self._first = self.scene.api.world.write(self.scene.ann, "hello").id
        await self.scene.telegram_answer(self._first)

    async def say(self, *texts: str) -> None:
        for text in texts:
            self.texts.append(text)
            self.scene.api.world.write(self.scene.ann, text)
            await self.scene.alice.send(self.scene.room, text)
            await self.carol.send(self.secret_room, text)

    async def answered(self) -> None:
        """Wait until the last thing that was said has been answered everywhere."""
        wanted = wanted_for(self.texts[-1])
        await self.carol.until(lambda: any(getattr(event, "body", "") == wanted for event in self.carol.seen), 60)
        await self.scene.alice.wait_for(lambda: any(event.body == wanted for event in self.scene.events), timeout_s=60)
        await self.scene.api.world.wait_for_reply(
            self.scene.ann.id, after=self._first, timeout_s=60, where=lambda one: one.content.text == wanted
        )
        await self.scene.seen(lambda status: not status["inbox"])

    async def heard(self) -> dict[str, list[str]]:
        """What each has heard in answer to what was said, in order."""
        plain = [e.body for e in await self.scene.alice.history(self.scene.room) if e.sender == self.scene.bot.user_id]
        secret = {
            e.event_id: e.body for e in self.carol.seen if e.sender == self.scene.bot.user_id and hasattr(e, "body")
        }
        telegram = [one.content.text for one in self.scene.api.world.replies(self.scene.ann.id, after=self._first)]
        wanted = {*map(wanted_for, self.texts)}
        everyone = {"alice": plain, "carol": [*secret.values()], "ann": telegram}
        return {name: [text for text in texts if text in wanted] for name, texts in everyone.items()}


def wanted_for(text: str) -> str:
    return "I waited 3 s." if text == "!demo slow 3" else f"echo: {text}"


def open_in(copy: Path) -> set[str]:
    """The surfaces that had something open when *copy* was made."""
    connection = sqlite3.connect(copy / "surfacehost.db")
    found = {name for (name,) in connection.execute("select surface from inbox where state in ('waiting', 'answered')")}
    connection.close()
    return found


@pytest.mark.timeout(300)
async def test_nothing_that_was_answered_after_the_copy_is_answered_again(
    running: Scene, carol: SecretPerson, tmp_path: Path
) -> None:
    async with carol:
        three = Three(running, carol)
        await three.meet()
        await three.say("before the copy")
        await three.answered()
        await three.say("!demo slow 3")
        await running.seen(lambda status: {*status["inbox"]} == {"telegram", "matrix"})
        copying = asyncio.create_task(asyncio.to_thread(back_up, running.host, tmp_path / "copy"))
        await three.say(*(f"number {number}" for number in range(3)))
        copy = await copying
        assert open_in(copy) == {"telegram", "matrix"}
        await three.answered()
        await asyncio.to_thread(running.host.stop)
        await running.start()  # which turns the ratchets of the keys
        await running.ready()
        await three.say("after the copy")
        await three.answered()
        await asyncio.to_thread(running.host.stop)
        await three.say("while it was away")
        await asyncio.to_thread(restore, running.host, copy)
        await running.start()
        await running.ready()
        await three.answered()
        device = (await running.seen(lambda status: bool(status["restored"])))["restored"]
        assert device["copied_at"] < device["at"]
        await carol.until(lambda: len([*carol.nio.device_store.active_user_devices(running.bot.user_id)]) == 1)
        await three.say("and now?")
        await three.answered()
        wanted = [*map(wanted_for, three.texts)]
        assert await three.heard() == {"alice": wanted, "carol": wanted, "ann": wanted}
        assert Counter(wanted).most_common(1)[0][1] == 1


async def test_a_space_that_was_made_after_the_copy_is_not_made_again(scene: Scene, tmp_path: Path) -> None:
    table = '[surfaces.matrix.space]\nname = "Assistant"\nrooms = ["General"]'
    scene.host.configure(scene.settings(matrix=table))
    await scene.start()
    await scene.ready()
    copy = await asyncio.to_thread(back_up, scene.host, tmp_path / "copy")
    first = await scene.alice.create_room(direct=True, invite=[scene.bot.user_id])
    space = (await scene.alice.wait_invite(scene.bot.user_id)).room_id
    await scene.alice.join(space)
    await scene.seen(lambda status: any(way["steps"][-1][0] == "settled" for way in status["ways"]))
    (general,) = [room for room in await scene.alice.hierarchy(space) if room["room_id"] != space]
    scene.room = await scene.alice.join(general["room_id"])
    assert await scene.matrix("hello") == "echo: hello"
    scene.host.kill()
    await asyncio.to_thread(restore, scene.host, copy)
    await scene.start()
    await scene.ready()
    again = await scene.alice.create_room(direct=True, invite=[scene.bot.user_id])
    seen = scene.alice.seen.events
    for room in (first, again):
        await scene.alice.wait_for(lambda: any(event.state_key == scene.bot.user_id for event in seen[room]))  # noqa: B023
    assert await scene.matrix("do you know me?") == "echo: do you know me?"
    await scene.seen(lambda status: not status["inbox"])
    said = [e.body for e in await scene.alice.history(scene.room) if e.sender == scene.bot.user_id and e.body]
    assert said[0].startswith("Hello!")
    assert said[1:] == ["echo: hello", "echo: do you know me?"]
    assert [one for one in scene.alice.seen.invites.values() if one.space] == []
