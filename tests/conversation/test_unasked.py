"""Both ends of a host that its people don't see: programs that have something said unasked, an agent that fails.

The one is said once and in order on each surface, or refused with the reason; the other is a sentence in the person's
language, or in the host's where the platform does not tell theirs.
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from surfacehost.texts import say
from surfacehost_devkit.chaos.doom import DieAtStepIn
from surfacehost_devkit.faultproxy import FaultProxy
from surfacehost_devkit.homeserver import Homeserver
from surfacehost_devkit.hostprocess import surface_in, wait_until

from .doors import Door, MatrixDoor, TelegramDoor
from .failing import BEGINNING, FAILURES, SECRET, FailingAgent
from .street import GROUPS, SURFACES, Street, hear

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "a-token-for-programs"

STEPS = (
    "say inside", "say after", "answer inside", "answered", "send_next after",
    "PUT rooms/*/send/m.room.message/* after", "sendMessage after", "sent",
)  # fmt: skip
"""Where the host is killed; ``chaos.points`` has what each is."""

NOWHERE = {
    "matrix": ("~/!nowhere:localhost/~", "does not take the message: 403 M_FORBIDDEN"),
    "telegram": ("99/99/~", "does not take a message for this chat: Chat not found"),
    "web": ("nobody/nowhere/~", "nobody has the conversation nowhere"),
}
"""A chat that there is not, and what the operator reads of it."""


class Sending:
    """The street, and a program that has something to say at each of its doors."""

    def __init__(self, street: Street, proxy: FaultProxy, step: Path, agent: FailingAgent) -> None:
        self.street = street
        self.proxy = proxy
        self.step = step
        self.agent = agent
        self.keys: dict[str, str] = {}
        """The conversation of each door."""
        self.doors = {name.partition("_")[0]: door for name, door in street.doors.items()}

    async def meet(self, name: str) -> None:
        [self.keys[name]] = re.findall(r"1/[^\s`]+/~", (await hear(self.doors[name], "!status", "1/"))[0])

    async def post(self, key: str, text: str) -> bool:
        """Have *text* said in the conversation *key*, under itself as its name; whether that was promised."""
        headers = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": key + text}
        try:
            async with httpx.AsyncClient(base_url=self.street.host.address, headers=headers, trust_env=False) as http:
                said = await http.post("/send", json={"to": key, "text": text})
        except httpx.TransportError:  # the host has died
            return False
        assert said.status_code == httpx.codes.ACCEPTED, said.text
        return True

    async def refused(self, surface: str) -> list[str]:
        """What the operator reads of what *surface* did not take."""
        words = ("inbox", "list", "--json", "--state", "refused", "--surface", f"{surface}_open")
        done = await asyncio.to_thread(self.street.host.command, *words)
        return [str(row["error"]) for row in json.loads(done.stdout)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sending(tmp_path_factory: pytest.TempPathFactory, homeserver: Homeserver) -> AsyncIterator[Sending]:
    folder = tmp_path_factory.mktemp("unasked")
    step = folder / "step"
    step.touch()
    async with FaultProxy.before(homeserver.url) as proxy, FailingAgent.serve() as agent:
        settings = (
            f'send_token = "{TOKEN}"\n[host]\nlocale = "ru"\n[agent]\nembedded = false\nurl = "{agent.url}"\n'
            '[defaults]\ndm_policy = "open"\nrate_per_minute = 0\nloop_limit = 0\n'
        )

        async def through(doors: dict[str, Door]) -> dict[str, str]:
            door = doors["matrix_open"]
            assert isinstance(door, MatrixDoor)
            door.url = proxy.url
            return {}

        ways: dict[str, Any] = {"ways": {"open": ""}, "more": through, "first": DieAtStepIn(step)}
        async with Street.of(folder, homeserver, settings, language="ru", **ways) as street:
            sending = Sending(street, proxy, step, agent)
            await asyncio.gather(*(sending.meet(name) for name in SURFACES))
            yield sending


async def test_however_the_agent_fails_people_read_a_sentence_and_nothing_of_its_providers(sending: Sending) -> None:
    began = time.time()

    async def see(door: Door) -> None:
        for told, failure in FAILURES.items():
            shown = len(door.shown())
            await door.say(told)
            [said] = (await door.until(partial(reads, shown, failure.sentence)))[shown:]
            assert said.startswith(failure.partial), said
            assert BEGINNING not in said.removeprefix(failure.partial)

    await asyncio.gather(*(see(door) for door in sending.doors.values()))
    sending.agent.is_down = True
    for door in sending.doors.values():
        await hear(door, "!new", say("ru", "new"))  # a conversation of which no connection is left
        await hear(door, "anybody?", say("ru", "error_unreachable"))
    sending.agent.is_down = False
    for door in sending.doors.values():
        everything = [text for _, text in door.signs(began)] + door.shown() + [door.growing()]
        assert not [text for text in everything if "key-" in text or "db." in text]
    assert SECRET in sending.street.host.log_text()


def reads(count: int, sentence: str, said: list[str]) -> bool:
    """Whether more than *count* is *said*, and ends with *sentence* in Russian; whatever number is in it."""
    before, _, after = say("ru", sentence, ref="|").partition("|")
    return (
        len(said) > count and re.search(f"{re.escape(before)}([0-9a-f]{{4}}{re.escape(after)})?$", said[-1]) is not None
    )


async def test_killed_at_each_step_it_is_said_once_and_in_order(sending: Sending) -> None:
    host, doors = sending.street.host, sending.doors
    before = {name: len(door.shown()) for name, door in doors.items()}
    open_: dict[str, list[str]] = {name: [] for name in doors}
    host.kill()
    for number, step in enumerate((*STEPS, "")):
        sending.step.write_text(step)
        await asyncio.to_thread(host.start)
        for name, texts in open_.items():
            texts.append(f"{name}: {number}")
            while texts and await sending.post(sending.keys[name], texts[0]):
                del texts[0]
        if step:
            await asyncio.to_thread(wait_until, lambda: not host.is_alive, 30, host.log_tail)
    assert not any(open_.values())
    host.kill()  # and the operator says something while none runs
    for name, key in sending.keys.items():
        done = await asyncio.to_thread(host.command, "send", "--to", key, f"{name}: commanded")
        assert "is sent when a host starts" in done.stdout, done.stderr
    await sending.street.open()
    for name, door in doors.items():
        said = [f"{name}: {number}" for number in range(len(STEPS) + 1)] + [f"{name}: commanded"]
        assert (await last_is(door, said[-1]))[before[name] :] == said


async def last_is(door: Door, text: str) -> list[str]:
    """What is shown at *door*, once *text* is the last of it."""
    return await door.until(lambda shown: shown[-1] == text)


async def test_while_a_platform_is_away_it_waits_and_nobody_else_does(sending: Sending) -> None:
    doors = sending.doors
    telegram = doors["telegram"]
    assert isinstance(telegram, TelegramDoor)
    away = (sending.proxy, telegram.api)
    await asyncio.gather(*(one.away() for one in away))
    for name in GROUPS:
        await sending.street.seen(partial(is_waiting, f"{name}_open"))
    for name, key in sending.keys.items():
        assert await sending.post(key, f"{name}: a platform is away")
    await last_is(doors["web"], "web: a platform is away")
    await asyncio.gather(*(one.back() for one in away))
    for name in GROUPS:
        shown = await last_is(doors[name], f"{name}: a platform is away")
        assert shown.count(shown[-1]) == 1


def is_waiting(name: str, status: dict[str, Any]) -> bool:
    return bool(surface_in(status, name)["state"] == "waiting")


async def test_where_it_can_not_be_said_the_operator_reads_why_and_nobody_waits(sending: Sending) -> None:
    matrix, telegram = sending.doors["matrix"], sending.doors["telegram"]
    assert isinstance(matrix, MatrixDoor)
    assert isinstance(telegram, TelegramDoor)
    club = await matrix.person.create_room(invite=[matrix.bot.user_id])
    await matrix.person.wait_for(lambda: matrix.is_in(club))
    await matrix.person.kick(club, matrix.bot.user_id)
    sending.keys["matrix"] = f"1/matrix_open/~/{club}/~"
    telegram.api.world.block(telegram.person, telegram.bot)
    gone = {"matrix": "does not take the message: 403 M_FORBIDDEN", "telegram": "bot was blocked by the user"}
    for name, (nowhere, _) in NOWHERE.items():
        assert await sending.post(f"1/{name}_open/{nowhere}", "anybody?")
        assert await sending.post(sending.keys[name], "and here?")
    for name, (_, reason) in NOWHERE.items():
        await sending.street.quiet(f"{name}_open")
        reasons = [reason, *([gone[name]] if name in gone else [])]
        read = await sending.refused(name)
        assert len(read) == len(reasons), read
        assert all(one in said for one, said in zip(reasons, read, strict=True)), read
    await last_is(sending.doors["web"], "and here?")
    telegram.api.world.unblock(telegram.person, telegram.bot)
    assert await sending.post(sending.keys["telegram"], "welcome back")
    await last_is(telegram, "welcome back")
