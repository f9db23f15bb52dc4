"""Sends that are carried out and never answered: nobody else waits, and when patience is over nothing is said twice."""

import asyncio

import pytest
from tests.faults.conftest import Stage

from surfacehost_devkit.botapi import faults


@pytest.mark.timeout(240)
async def test_a_send_that_hangs_holds_up_its_own_thread_and_doubles_nothing(stage: Stage) -> None:
    talk = await stage.go()
    room, other_room, chat, other_chat = talk.told
    stage.proxy.faults.plan(f"PUT */{room.thread.name}/send/*", faults.hang(acts=True))
    stage.api.faults.plan("sendMessage", faults.hang(acts=True))
    for told in (room, chat):
        await told.say("into the void")
        await told.say("and behind it")
    await stage.seen(lambda _: stage.proxy.faults.hanging == stage.api.faults.hanging == 1)
    for told in (other_room, other_chat):
        await told.say("meanwhile")
    heard = await asyncio.gather(*(told.thread.heard(1, 10) for told in (other_room, other_chat)))
    assert heard == [["echo: meanwhile"], ["echo: meanwhile"]]
    assert stage.proxy.faults.hanging == stage.api.faults.hanging == 1
    await talk.check(100)
    await talk.check_agent()
