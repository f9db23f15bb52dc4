"""What becomes of every call and every update that goes wrong on its way, through one real ``surfacehost run``.

``ENDINGS`` is the table of ``surfacehost_telegram.outcome``. What it leaves out is elsewhere: refused formatting
(test_whole_in_trouble.py), a topic that is gone (test_whole.py), files that are not taken (test_whole_answers.py), a
group that moved (test_process.py), a call that never left because nobody is there (tests/both/test_faults.py).
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.telegram.hurriedhost import DELIVERIES, Hurried, hurried_host

from surfacehost_devkit.botapi import Bot, Fault, faults
from surfacehost_devkit.botapi import Message as Sent

pytestmark = pytest.mark.asyncio(loop_scope="module")

REFUSED = "not done, and it never will be"
NOT_DONE = "certainly not done"
LOST = "not done, which nobody knows"
UNHEARD = "done, which nobody knows"

ENDINGS: dict[str, tuple[Fault, str]] = {
    "no right to write": (faults.error(400, "Bad Request: not enough rights to send text messages"), REFUSED),
    "a person who is gone": (faults.error(403, "Forbidden: user is deactivated"), REFUSED),
    "a stray 401": (faults.error(401, "Unauthorized"), NOT_DONE),
    "a stray 404": (faults.error(404, "Not Found"), NOT_DONE),
    "a penalty": (faults.too_many(1), NOT_DONE),
    "a penalty without a number": (faults.too_many(None), NOT_DONE),
    "a reset": (faults.reset(), LOST),
    "a hang": (faults.hang(), LOST),
    "a gateway": (faults.bad_gateway(), LOST),
    "an error of the server's": (faults.error(500, "Internal Server Error"), LOST),
    "garbage": (faults.garbage(), LOST),
    "ok: false": (faults.not_ok(), LOST),
    "a reset afterwards": (faults.drop_after(), UNHEARD),
    "a hang afterwards": (faults.hang(acts=True), UNHEARD),
    "half an answer": (faults.half(), UNHEARD),
    "a gateway afterwards": (faults.bad_gateway(acts=True), UNHEARD),
    "an error of the server's afterwards": (faults.error(500, "Internal Server Error", acts=True), UNHEARD),
    "garbage afterwards": (faults.garbage(acts=True), UNHEARD),
    "ok: false afterwards": (faults.not_ok(acts=True), UNHEARD),
}

HEARD: dict[str, dict[str, int]] = {
    "probe": {REFUSED: 0, NOT_DONE: 1, LOST: 1, UNHEARD: 1},
    "edit": {REFUSED: 0, NOT_DONE: 1, LOST: 1, UNHEARD: 1},
    "again": {REFUSED: 0, NOT_DONE: 1, LOST: 1, UNHEARD: 2},
    "once": {REFUSED: 0, NOT_DONE: 1, LOST: 0, UNHEARD: 1},
}
"""How often an answer comes, by ``delivery`` and by what became of the first call."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hurried(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hurried]:
    async with hurried_host(tmp_path_factory.mktemp("faults")) as hurried:
        yield hurried


def ask_all(hurried: Hurried, bot: Bot) -> dict[str, Sent]:
    """By what is to become of the first call: what a person of its own asks *bot*."""
    asked = {}
    for name, (fault, _) in ENDINGS.items():
        alice = hurried.person()
        hurried.api.faults.plan(f"sendMessage {alice.id}", fault)
        asked[name] = hurried.api.world.write(alice, name, bot=bot)
    return asked


async def all_settled(hurried: Hurried, asked: dict[str, Sent]) -> None:
    """Wait until each has led to a call at least, and nothing is open any more."""
    sent = hurried.api.calls.of
    for question in asked.values():
        await hurried.api.world.wait_for(lambda q=question: sent("sendMessage", chat_id=q.chat.id) or None)  # type: ignore[misc]
    await hurried.until(lambda status: not any(one["open"] for one in status["inbox"].values()))


async def test_what_becomes_of_a_send(hurried: Hurried) -> None:
    ways = {**hurried.deliveries, "webhook": hurried.brought}
    asked = {way: ask_all(hurried, bot) for way, bot in ways.items()}
    await asyncio.gather(*(all_settled(hurried, one) for one in asked.values()))
    said: Any = {way: {name: hurried.said(question) for name, question in asked[way].items()} for way in ways}
    placeholder = {name: ["…"] for name, (_, done) in ENDINGS.items() if done == UNHEARD}
    for way in ways:
        delivery = way if way in DELIVERIES else "probe"
        extra = placeholder if delivery == "edit" else {}
        assert said[way] == {
            name: extra.get(name, []) + [f"echo: {name}"] * HEARD[delivery][done] for name, (_, done) in ENDINGS.items()
        }, way
    hurried.api.faults.release()
