"""Bad lines to a homeserver, and rooms left and invitations taken back, through one real ``surfacehost run``.

Its surfaces: ``shaky`` behind a proxy, ``calm`` beside it, and some whose servers' ``.well-known`` is not in order.
"""

import asyncio
import json
import signal
import ssl
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import trustme
from tests.matrix.smallhost import PASSWORD, asked, direct_chat, register
from tests.matrix.test_prompts import on
from tests.matrix.test_upgrades import became
from tests.matrix.test_ways_in import Website
from tests.matrix.wholemore import Beside

from surfacehost_devkit import faults
from surfacehost_devkit.faultproxy import FaultProxy
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess, surface_in
from surfacehost_devkit.matrixapi import MatrixApi
from surfacehost_devkit.matrixfaults import HISTORY, SYNC
from surfacehost_devkit.matrixperson import MatrixPerson
from surfacehost_matrix import homeserver as reading
from surfacehost_matrix import reactions, requests

JOIN = "POST */join"
LITTLE = 7_000_000
"""Bytes: a few pages of the largest events; all that is said there takes ten million at the least."""
WELL_KNOWN = {
    "page": (200, "<html><body>Welcome!</body></html>", "does not say where the homeserver is"),
    "missing": (404, "", "has no .well-known/matrix/client and is no homeserver itself"),
    "odd": (200, '{"m.homeserver": {"base_url": ["https://127.0.0.1"]}}', "whose address is none"),
    "elsewhere": (200, '{"m.homeserver": {"base_url": "https://SELF"}}', "but none is there"),
    "busy": (503, "busy", "answers 503"),
}
"""Surfaces by what is wrong with their servers' websites, and what is said of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """The process, two accounts, the proxy before the homeserver of one, and the websites by the surfaces' names."""

    process: HostProcess
    homeserver: Homeserver
    beside: Beside
    """The loop of the proxy."""
    proxy: FaultProxy
    shaky: Account
    calm: Account
    websites: dict[str, Website]

    async def until(self, name: str, state: str) -> str:
        """Wait until a surface is up, waiting or parked; why."""
        told = await self.process.seen(lambda one: surface_in(one, name)["state"] == state)
        return str(surface_in(told, name)["reason"])

    async def until_hanging(self) -> None:
        """Wait until a call hangs at the proxy."""
        await self.process.seen(lambda _: bool(self.proxy.faults.hanging))

    def release(self) -> None:
        """Nothing hangs any more, nor will."""
        self.proxy.faults.clear()
        self.beside.call(self.proxy.faults.release)


def hurry() -> None:
    """A sync brings ten events of a room, a page ten reactions; a homeserver that says nothing is given up sooner."""
    for name, value in {"PAGE": 10, "CATCHING_UP": 10, "PROBE_S": 0.5, "POLL_S": 2}.items():
        setattr(reading, name, value)
    requests.CALL_S = 3
    reactions.PAGE = 10


@pytest.fixture(scope="module")
def lines(homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lines]:
    folder = tmp_path_factory.mktemp("lines")
    accounts = {name: register(homeserver, name) for name in (*WELL_KNOWN, "shaky", "calm")}
    with Beside() as beside, badly_kept(folder, beside) as websites:
        proxy = beside.enter(FaultProxy.before(homeserver.url))
        tables = {name: {"homeserver": one.name, "ca_file": str(one.ca_file)} for name, one in websites.items()}
        tables |= {"shaky": {"homeserver": proxy.url}, "calm": {"homeserver": homeserver.url}}
        settings = '[host]\nlocale = "en"\n[defaults]\ndm_policy = "open"\ngroup_policy = "open"\nbusy = "queue"\n'
        settings += "rate_per_minute = 0\nloop_limit = 0\n"
        for name, table in tables.items():
            whole = {
                "plugin": "matrix",
                "user_id": accounts[name].user_id,
                "password": PASSWORD,
                "invites": "allow",
            }
            written = [f"{key} = {json.dumps(value)}" for key, value in {**whole, **table}.items()]
            settings += "\n".join([f"[surfaces.{name}]", *written, "encryption = false\n"])
        with HostProcess(folder / "host", settings, first=hurry) as process:
            for name in ("shaky", "calm"):
                process.wait_for(lambda told, name=name: surface_in(told, name)["state"] == "up")  # type: ignore[misc]
            yield Lines(
                process=process, homeserver=homeserver, beside=beside, proxy=proxy, shaky=accounts["shaky"],
                calm=accounts["calm"], websites=websites,
            )  # fmt: skip


@contextmanager
def badly_kept(folder: Path, beside: Beside) -> Iterator[dict[str, Website]]:
    """Websites whose ``.well-known`` is not in order."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    websites = {}
    for name, (status, text, _) in WELL_KNOWN.items():
        site = websites[name] = Website(folder / "ca.pem")
        server = beside.enter(beside.run(asyncio.start_server(site.answer, "127.0.0.1", 0, ssl=context)))
        site.name = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        site.says = status, text.replace("SELF", site.name)
    yield websites


async def test_a_website_that_does_not_say_where_the_homeserver_is_parks_or_delays_its_own_surface_alone(
    lines: Lines, alice: MatrixPerson
) -> None:
    for name, (status, _, said) in WELL_KNOWN.items():
        assert said in await lines.until(name, "waiting" if status == 503 else "parked")
    assert await asked(alice, await direct_chat(alice, lines.calm), lines.calm, "hello?") == "echo: hello?"
    lines.websites["busy"].says = 200, json.dumps({"m.homeserver": {"base_url": lines.homeserver.url}})
    await lines.until("busy", "up")


async def test_more_than_a_sync_brings_is_said_between_two_of_a_running_host_and_all_of_it_is_answered_once(
    lines: Lines, alice: MatrixPerson
) -> None:
    room, pages = await direct_chat(alice, lines.shaky), len(lines.proxy.of(HISTORY))
    texts = [f"number {number}" for number in range(15)]
    losses = lines.process.log_text().count("shaky is not listening")
    lines.process.send_signal(signal.SIGSTOP)
    try:
        for text in texts:
            await alice.send(room, text)
    finally:
        lines.process.send_signal(signal.SIGCONT)
    await alice.wait_for(lambda: "echo: number 14" in alice.seen.said(room, lines.shaky.user_id))
    assert await asked(alice, room, lines.shaky, "and now?") == "echo: and now?"
    assert lines.process.log_text().count("shaky is not listening") == losses
    assert len(lines.proxy.of(HISTORY)) > pages
    assert alice.seen.said(room, lines.shaky.user_id)[1:] == [f"echo: {text}" for text in [*texts, "and now?"]]


async def test_what_was_said_since_an_invitation_is_read_page_by_page_and_is_never_all_in_memory(
    lines: Lines, alice: MatrixPerson
) -> None:
    """Ten megabytes, most of it what nobody has to answer."""
    shaky, room = lines.shaky, await alice.create_room(name="group")
    lines.process.send_signal(signal.SIGSTOP)
    try:
        await alice.send(room, "before you came", mentions=[shaky.user_id])
        await alice.invite(room, shaky.user_id)
        async with aclosing(MatrixApi(lines.homeserver.url, shaky.access_token)) as other:
            await other.call("POST", "join", room, json={})
        await alice.send(room, "first", mentions=[shaky.user_id])
        for _ in range(10):
            await asyncio.gather(*(alice.send(room, "x" * 60_000, msgtype="m.notice") for _ in range(17)))
        await alice.send(room, "last", mentions=[shaky.user_id])
        with lines.process.in_little_memory(LITTLE):
            lines.process.send_signal(signal.SIGCONT)
            await alice.wait_for(lambda: "echo: last" in alice.seen.said(room, shaky.user_id))
    finally:
        lines.process.send_signal(signal.SIGCONT)
    said = [one for one in alice.seen.said(room, shaky.user_id) if one.startswith("echo: ")]
    assert said == ["echo: first", "echo: last"]


async def test_a_first_sync_that_hangs_while_nothing_else_answers_is_given_up_and_harms_nobody(
    lines: Lines, alice: MatrixPerson
) -> None:
    room, other = await direct_chat(alice, lines.shaky), await direct_chat(alice, lines.calm)
    lines.process.kill()
    await alice.send(room, "while you were away")
    lines.proxy.faults.plan(SYNC, faults.hang(), times=None)
    await asyncio.to_thread(lines.process.start)
    await lines.until_hanging()
    lines.proxy.faults.plan("*", faults.hang(), times=None)
    assert "does not answer in time" in await lines.until("shaky", "waiting")
    code, text = await asyncio.to_thread(lines.process.readiness)
    assert (code, "shaky: waiting: " in text, "calm: ok" in text) == (503, True, True)
    tries = len(lines.proxy.passages)
    assert await asked(alice, other, lines.calm, "and you?") == "echo: and you?"
    await lines.process.seen(lambda told: surface_in(told, "shaky")["failures"] >= 2)
    assert len(lines.proxy.passages) - tries <= 3  # one call each, and then a pause
    lines.release()
    await lines.until("shaky", "up")
    await alice.send(room, "and now?")
    await alice.wait_for(lambda: "echo: and now?" in alice.seen.said(room, lines.shaky.user_id))
    said = alice.seen.said(room, lines.shaky.user_id)[1:]
    assert said == ["echo: while you were away", "echo: and now?"]


async def test_an_invitation_that_is_taken_back_is_let_go_and_another_one_followed(
    lines: Lines, alice: MatrixPerson
) -> None:
    """Before it is followed; in place of one that was refused, told before we hear of that; and while it was away."""
    shaky, proxy = lines.shaky, lines.proxy
    proxy.faults.plan(JOIN, faults.hang())
    room = await alice.create_room(name="tea", invite=[shaky.user_id])
    await lines.until_hanging()
    await alice.kick(room, shaky.user_id)
    lines.release()
    await closed(lines, room)
    await alice.invite(room, shaky.user_id)
    await greeted(alice, room, shaky)

    refused = faults.answer(403, {"errcode": "M_FORBIDDEN", "error": "You are not invited to this room."})
    proxy.faults.plan(JOIN, refused)
    swift = await alice.create_room(name="swift", invite=[shaky.user_id])
    await closed(lines, swift)
    await told_again(lines, swift)
    await became("join", swift, alice, shaky)

    proxy.faults.plan(JOIN, faults.hang())
    known = await alice.create_room(name="known", invite=[shaky.user_id])
    await lines.until_hanging()
    lines.process.kill()
    lines.release()
    unknown, again = [await alice.create_room(name="away", invite=[shaky.user_id]) for _ in range(2)]
    for one in (known, unknown, again):
        await alice.kick(one, shaky.user_id)
    await alice.invite(again, shaky.user_id)
    await asyncio.to_thread(lines.process.start)
    await lines.until("shaky", "up")
    await became("join", again, alice, shaky)
    for one in (known, unknown):
        await alice.invite(one, shaky.user_id)
        await greeted(alice, one, shaky)
        assert await asked(alice, one, shaky, "hello?", mentions=True) == "echo: hello?"
    assert lines.process.log_text().count("is closed to us") <= 4  # once each, and not again and again


async def greeted(person: MatrixPerson, room: str, bot: Account, *, times: int = 1) -> None:
    """Wait until the bot has come into *room* and said hello."""
    await person.wait_for(lambda: sum(one.startswith("Hello!") for one in person.seen.said(room, bot.user_id)) == times)


async def told_again(lines: Lines, room: str) -> None:
    """Have a sync bring the invitation into *room* as if it were another one, with nothing told of the one before."""
    async with aclosing(MatrixApi(lines.homeserver.url, lines.shaky.access_token)) as api:
        invited = (await api.sync(None, filter_="{}", timeout_ms=0))["rooms"]["invite"][room]
    [since] = parse_qs(lines.proxy.of(SYNC)[-1].query)["since"]
    lines.proxy.faults.plan(SYNC, faults.answer(200, {"next_batch": since, "rooms": {"invite": {room: invited}}}))


async def closed(lines: Lines, room: str) -> None:
    await lines.process.seen(lambda _: f"{room} is closed to us" in lines.process.log_text())


async def test_a_room_that_another_client_of_the_account_has_left_is_come_into_again(
    lines: Lines, alice: MatrixPerson
) -> None:
    """While it runs and while it does not; what was said in between was not said to it."""
    shaky = lines.shaky
    room = await alice.create_room(name="group", invite=[shaky.user_id])
    await greeted(alice, room, shaky)
    answers = [await asked(alice, room, shaky, "hello?", mentions=True)]
    async with aclosing(MatrixApi(lines.homeserver.url, shaky.access_token)) as other:
        for is_away in (False, True):
            if is_away:
                lines.process.kill()
            await other.call("POST", "rooms", room, "leave", json={})
            await became("leave", room, alice, shaky)
            await alice.send(room, "behind your back", mentions=[shaky.user_id])
            await alice.invite(room, shaky.user_id)
            if is_away:
                await asyncio.to_thread(lines.process.start)
            await greeted(alice, room, shaky, times=2 + is_away)
            answers.append(await asked(alice, room, shaky, f"back, {is_away}?", mentions=True))
    told = [one for one in alice.seen.said(room, shaky.user_id) if one.startswith("echo: ")]
    assert told == answers == ["echo: hello?", "echo: back, False?", "echo: back, True?"]


async def test_its_reactions_are_found_among_any_number_of_others(lines: Lines, alice: MatrixPerson) -> None:
    bot = lines.calm
    room = await direct_chat(alice, bot)
    question = await alice.send(room, "!demo approve")
    [prompt] = await alice.replies(room, after=question, from_=bot.user_id)
    await alice.wait_for(lambda: len(on(alice, room, prompt.event_id)) == 2)
    for number in range(2, 14):
        await alice.react(room, prompt.event_id, str(number))
    await alice.react(room, prompt.event_id, "❌")
    await alice.wait_for(lambda: not [who for who, _ in on(alice, room, prompt.event_id) if who == bot.user_id])
