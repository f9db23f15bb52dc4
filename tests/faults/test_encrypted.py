"""An encrypted room while the calls that encryption needs go wrong: everything stays readable, both ways, once."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.both.conftest import PASSWORD, unique
from tests.faults.conftest import Stage
from tests.matrix.secretperson import SecretPerson, raw_events

from surfacehost_devkit.botapi import faults
from surfacehost_devkit.faultproxy import Passage
from surfacehost_devkit.hostprocess import wait_until
from surfacehost_devkit.matrixfaults import SENDS, SYNC, limit_exceeded

CALLS = ("POST */keys/upload", "POST */keys/query", "POST */keys/claim", "PUT */sendToDevice/*", SENDS, SYNC)
ENDINGS = (
    (faults.drop_after(), 1),
    (faults.bad_gateway(acts=True), 2),
    (limit_exceeded(1), 2),
)


@pytest.mark.timeout(240)
async def test_lost_answers_cost_no_key_and_double_nothing(stage: Stage, tmp_path: Path) -> None:
    await stage.start()
    await stage.ready()
    account = stage.homeserver.register(unique("carol"), PASSWORD)
    async with SecretPerson(stage.homeserver, account, tmp_path / "carol") as carol:
        room = await carol.chat_with(stage.bot.user_id)
        stage.proxy.faults.plan("POST */keys/claim", faults.garbage(), times=2)
        for number, (fault, times) in enumerate(ENDINGS):
            for call in CALLS:
                stage.proxy.faults.plan(call, fault, times=times)
            await answered_to_all(stage, carol, room, number, tmp_path)
        await stage.at_rest()
        assert heard(carol, stage) == said(len(ENDINGS) - 1)


async def test_a_room_that_becomes_encrypted_gets_nothing_in_clear_though_word_of_it_is_stuck(
    stage: Stage, tmp_path: Path
) -> None:
    await stage.start()
    await stage.ready()
    account = stage.homeserver.register(unique("carol"), PASSWORD)
    async with SecretPerson(stage.homeserver, account, tmp_path / "carol") as carol:
        room = str((await carol.nio.room_create(is_direct=True, invite=[stage.bot.user_id])).room_id)
        await carol.until(lambda: greeted(carol, stage, room))
        await carol.send(room, "!demo slow 1")
        await stage.seen(lambda status: any(way["steps"][-1][0] == "asked" for way in status["ways"]))
        stage.proxy.faults.plan(SYNC, faults.hang())
        await carol.send(room, "and now?")  # which the sync that waits brings: it is the next one that hangs
        await until(lambda: stage.proxy.faults.hanging)
        before = len(decided(stage))
        await carol.nio.room_put_state(room, "m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"})
        await until(lambda: len(decided(stage)) > before)
        stage.proxy.faults.release()
        await carol.hears("I waited 1 s.")
        await carol.hears("echo: and now?")
        held = [event["type"] for event in await raw_events(carol, room, stage.bot.user_id)]
        assert held == ["m.room.encrypted", "m.room.encrypted", "m.room.message"]  # the last is its greeting


async def until(condition: Callable[[], object]) -> None:
    await asyncio.to_thread(wait_until, condition, 20)


def decided(stage: Stage) -> list[Passage]:
    """The calls by which the host shows whether it takes a room for encrypted: a send in clear, or a question."""
    return [*stage.proxy.of("PUT */send/m.room.message/*"), *stage.proxy.of("GET */state/m.room.encryption*")]


def greeted(carol: SecretPerson, stage: Stage, room: str) -> bool:
    return any(one.sender == stage.bot.user_id and hasattr(one, "body") for one in carol.seen_in[room])


async def answered_to_all(stage: Stage, carol: SecretPerson, room: str, number: int, folder: Path) -> None:
    """With somebody new in the room the next answer needs keys to be asked for, claimed and handed over."""
    account = stage.homeserver.register(unique("dan"), PASSWORD)
    async with SecretPerson(stage.homeserver, account, folder / f"dan{number}") as dan:
        await carol.nio.room_invite(room, dan.user_id)
        await dan.nio.join(room)
        await carol.until(lambda: dan.user_id in carol.nio.rooms[room].users)
        text = f"{stage.bot.user_id} number {number}"
        mentions: dict[str, Any] = {"m.mentions": {"user_ids": [stage.bot.user_id]}}
        await carol.send(room, text, **mentions)
        await carol.until(lambda: heard(carol, stage) == said(number), 60)
        await dan.until(lambda: said(number)[-1] in heard(dan, stage), 10)


def heard(person: SecretPerson, stage: Stage) -> list[str]:
    """What could be read of the bot's words, its greeting left out."""
    bodies = [getattr(one, "body", "") for one in person.seen if one.sender == stage.bot.user_id]
    return [body for body in bodies if body.startswith("echo: ")]


def said(last: int) -> list[str]:
    return [f"echo: number {number}" for number in range(last + 1)]
