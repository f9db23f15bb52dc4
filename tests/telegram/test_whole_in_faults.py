"""What becomes of every call and every update that goes wrong on its way, through one real ``surfacehost run``.

``ENDINGS`` is the table of ``surfacehost_telegram.outcome``. What it leaves out is elsewhere: refused formatting
(test_whole_in_trouble.py), a topic that is gone (test_whole.py), files that are not taken (test_whole_answers.py), a
group that moved (test_process.py), a call that never left because nobody is there (tests/both/test_faults.py).
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from tests.telegram.hurriedhost import DELIVERIES, Hurried, hurried_host
from tests.telegram.wholehost import WAIT_S

from surfacehost_devkit.botapi import Bot, Fault, faults
from surfacehost_devkit.botapi import Message as Sent
from surfacehost_devkit.hostprocess import surface_in
from surfacehost_devkit.smalldisk import SmallDisk

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

GOING_BYTES = 12_345
"""How large the file is that goes before it can be sent."""

FILES: dict[str, tuple[str, str, Fault, str]] = {
    "not as a voice": (
        *("/demo shown 6", "sendVoice"),
        faults.error(400, "Bad Request: VOICE_MESSAGES_FORBIDDEN"),
        "document",
    ),
    "not at all": (
        *("/demo file text 40", "sendDocument"),
        faults.error(400, "Bad Request: wrong type of the web page content"),
        "⚠️ Telegram does not take hello.txt (0.0 kB).\nDownload it here",
    ),
    "too large": (
        *("/demo file text 40", "sendDocument"),
        faults.answer(413, "<html>too large</html>"),
        "⚠️ hello.txt (0.0 kB) is too large for Telegram.\nDownload it here",
    ),
    "gone from the disk": (
        *(f"/demo file text {GOING_BYTES}", "sendDocument"),
        faults.too_many(1),
        "⚠️ Telegram does not take hello.txt (12.3 kB).",
    ),
    "lost": ("/demo file text 40", "sendDocument", faults.reset(), "document"),
    "unheard": ("/demo file text 40", "sendDocument", faults.drop_after(), "document"),
}
"""What is asked for, the call that goes wrong, how it does, and what comes of the file."""

LISTENING: dict[str, Fault] = {
    "a reset": faults.reset(),
    "a reset afterwards": faults.drop_after(),
    "half an answer": faults.half(),
    "a gateway": faults.bad_gateway(),
    "an error of the server's": faults.error(500, "Internal Server Error"),
    "garbage": faults.garbage(acts=True),
    "ok: false": faults.not_ok(acts=True),
    "a hang": faults.hang(),
}

BRINGING: dict[str, Fault] = {
    "a reset": faults.reset(),
    "a reset afterwards": faults.drop_after(),
    "half an answer": faults.half(),
    "a gateway": faults.bad_gateway(),
    "a gateway afterwards": faults.bad_gateway(acts=True),
    "garbage afterwards": faults.garbage(acts=True),  # not without: whoever says 200 has taken it
    "a hang": faults.hang(),
    "a hang afterwards": faults.hang(acts=True),
}


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    """Of the host's data."""
    with SmallDisk(tmp_path_factory.mktemp("disk"), megabytes=32) as disk:
        yield disk


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hurried(disk: SmallDisk, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hurried]:
    async with hurried_host(tmp_path_factory.mktemp("faults"), disk.path / "var") as hurried:
        yield hurried


# ── what comes in ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_cannot_be_stored_is_brought_again(hurried: Hurried, disk: SmallDisk) -> None:
    world, alice = hurried.api.world, hurried.person()
    before = await hurried.ask(alice, "before", bot=hurried.brought)
    disk.fill()
    for text in ("one", "two"):
        world.write(alice, text, bot=hurried.brought)
    webhook = hurried.api.state.webhooks[hurried.brought.id]
    await world.wait_for(lambda: "503" in webhook.last_error_message or None, timeout_s=WAIT_S)
    assert hurried.said(before) == []
    disk.free()
    await hurried.replies(before, 2)
    await hurried.rests()
    assert hurried.said(before) == ["echo: one", "echo: two"]


async def test_what_is_brought_out_of_order_or_twice_is_answered_in_order_and_once(hurried: Hurried) -> None:
    alice = hurried.person()
    first = await hurried.ask(alice, "before", bot=hurried.brought)
    hurried.brought.last_message_id += 5  # of those that are brought by hand

    async def bring(number: int) -> int:
        return await hurried.bring(alice, first.id + 1 + number, str(number))

    assert await bring(0) == 200
    came = await asyncio.gather(*map(bring, (4, 3, 1, 2, 2, 4)))
    assert {*came, await bring(0), await bring(3)} == {200}
    await hurried.replies(first, 5)
    await hurried.rests()
    assert hurried.said(first) == [f"echo: {number}" for number in range(5)]


async def test_whatever_becomes_of_bringing_it_is_answered_once(hurried: Hurried) -> None:
    faulty = hurried.proxy.faults
    for fault in BRINGING.values():
        faulty.plan("POST */webhook/brought/", fault)
    asked = [hurried.api.world.write(hurried.person(), name, bot=hurried.brought) for name in BRINGING]
    await hurried.until(lambda _: faulty.hanging == 2 and not faulty.is_planned)
    await hurried.proxy.away()
    await hurried.proxy.back()
    await asyncio.gather(*(hurried.answer(question) for question in asked))
    await hurried.rests()
    assert [hurried.said(question) for question in asked] == [[f"echo: {name}"] for name in BRINGING]


async def test_whatever_becomes_of_polling_it_is_answered_once(hurried: Hurried) -> None:
    faulty, bots = hurried.api.faults, [*hurried.deliveries.values()]
    for fault in LISTENING.values():
        faulty.plan("getUpdates", fault)
    asked = [
        hurried.api.world.write(hurried.person(), name, bot=bots[number % len(bots)])
        for number, name in enumerate(LISTENING)
    ]
    await hurried.until(lambda _: not faulty.is_planned)
    await asyncio.gather(*(hurried.answer(question) for question in asked))
    await hurried.rests()
    assert [hurried.said(question) for question in asked] == [[f"echo: {name}"] for name in LISTENING]
    faulty.release()


async def test_whatever_becomes_of_a_look_at_the_webhook_it_goes_on(hurried: Hurried) -> None:
    before = len(hurried.api.calls.of("setWebhook"))
    for name in ("ok: false", "a hang"):  # the host waits longer each time
        hurried.api.faults.plan("getWebhookInfo", LISTENING[name])
        await hurried.until(lambda status: surface_in(status, "brought")["state"] != "up")
        assert (await hurried.ask(hurried.person(), name, bot=hurried.brought)).text == f"echo: {name}"
        await asyncio.to_thread(hurried.host.wait_ready)
    assert len(hurried.api.calls.of("setWebhook")) == before
    hurried.api.faults.release()


async def test_who_polls_beside_a_webhook_is_refused_and_who_removes_it_is_named(hurried: Hurried) -> None:
    alice = hurried.person()
    with hurried.host.unharmed():
        assert await hurried.call(hurried.brought, "getUpdates") == 409
        assert (await hurried.ask(alice, "one", bot=hurried.brought)).text == "echo: one"
    assert await hurried.call(hurried.brought, "deleteWebhook") == 200
    named = "brought: waiting: another process takes this bot's messages, one that has removed our webhook"
    await hurried.until(lambda _: named in hurried.host.readiness()[1])
    assert (await hurried.ask(alice, "two", bot=hurried.brought)).text == "echo: two"


# ── what goes out ───────────────────────────────────────────────────────────────────────────────────────────────────


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
    await hurried.rests()


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


async def test_what_becomes_of_a_file(hurried: Hurried, disk: SmallDisk) -> None:
    asked: dict[str, Sent] = {}
    for name, (command, method, fault, _) in FILES.items():
        alice = hurried.person()
        hurried.api.faults.plan(f"{method} {alice.id}", fault)
        asked[name] = hurried.api.world.write(alice, command, bot=hurried.bot)
    await hurried.calls("sendDocument", asked["gone from the disk"].chat.id, 1)
    [file] = [one for one in (disk.path / "var" / "media").iterdir() if one.stat().st_size == GOING_BYTES]
    file.unlink()
    await asyncio.gather(*(hurried.replies(question, 2) for question in asked.values()))
    await hurried.rests()
    for name, question in asked.items():
        _, told = hurried.api.world.replies(question.chat, after=question)
        assert (told.content.shown_as if told.content.document else told.text) == FILES[name][3], name


async def test_no_token_is_in_any_file_or_log(hurried: Hurried, disk: SmallDisk) -> None:
    assert await hurried.leaks(disk.path) == {"settings.toml"}
