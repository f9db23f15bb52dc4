"""The parts that need no host."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import HTTPConnection

from surfacehost.plugins import EntryPoints
from surfacehost.settings import load
from surfacehost_web.history import History, Line
from surfacehost_web.settings import WebSettings
from surfacehost_web.tabs import MAX_WAITING_CHARS, Tab, Tabs, TooSlow
from surfacehost_web.visitor import Door


class Notes:
    """A surface's memory without a database; it can be told to fail."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.failure: BaseException | None = None

    async def get(self, key: str) -> Any:
        return self.values.get(key)

    async def items(self, prefix: str = "") -> dict[str, Any]:
        return {key: value for key, value in self.values.items() if key.startswith(prefix)}

    async def set(self, values: Mapping[str, Any]) -> None:
        if self.failure:
            raise self.failure
        self.values = {key: value for key, value in {**self.values, **values}.items() if value is not None}


def said(number: int, text: str = "") -> Line:
    return Line(id=f"m{number}", who="person", text=text or str(number))


async def texts(history: History) -> list[str]:
    async with history.reading("p", "c") as (lines, _):
        return [line.text for _, line in lines]


# -- history ---------------------------------------------------------------------------------------------------------


async def test_lines_have_growing_numbers_and_the_oldest_go() -> None:
    notes = Notes()
    history = History(notes, keep=3)
    numbers = [(await history.say("p", "c", said(number), notes.set))[0] for number in range(6)]
    assert numbers == [0, 1, 2, 3, 4, 5]
    assert await texts(history) == ["3", "4", "5"]
    assert await texts(History(notes, keep=3)) == ["3", "4", "5"]
    assert sum(key.startswith("chat/") for key in notes.values) == 3


async def test_a_write_that_failed_or_was_cancelled_leaves_no_gap_and_no_double() -> None:
    notes = Notes()
    history = History(notes, keep=10)
    await history.say("p", "c", said(1), notes.set)
    for failure in (OSError("full"), asyncio.CancelledError()):
        notes.failure = failure
        with pytest.raises(type(failure)):
            await history.say("p", "c", said(2), notes.set)
    notes.failure = None

    async def cut_off_after_writing(values: Mapping[str, Any]) -> None:
        await notes.set(values)
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await history.say("p", "c", said(2), cut_off_after_writing)
    await history.say("p", "c", said(2), notes.set)
    await history.say("p", "c", said(3), notes.set)
    assert await texts(history) == ["1", "2", "3"]


async def test_a_reply_is_written_once() -> None:
    notes = Notes()
    history = History(notes, keep=10)
    await history.say("p", "c", said(1), notes.set)
    reply = Line(id="m1/0", who="agent", text="answer", kind="answer", to="m1")
    assert await history.answer("p", "c", reply) == 1
    assert await History(notes, keep=10).answer("p", "c", reply) == 1
    assert await texts(history) == ["1", "answer"]


async def test_a_conversation_is_called_by_its_first_words_that_are_no_command() -> None:
    notes = Notes()
    history = History(notes, keep=10)

    async def title() -> str:
        return str((await history.chats("p"))[0]["title"])

    await history.say("p", "c", said(1, "/help"), notes.set)
    assert await title() == "/help"
    await history.say(
        "p", "c", said(2, "How do I   keep apples\nover the winter, and for how long do they last?"), notes.set
    )
    assert await title() == "How do I keep apples over the winter, and for how long do…"
    await history.say("p", "c", said(3, "And pears?"), notes.set)
    assert (await title()).startswith("How do I")


async def test_a_page_of_history_is_not_too_long() -> None:
    notes = Notes()
    history = History(notes, keep=10)
    for number in range(4):
        await history.say("p", "c", said(number, "x" * 200_000), notes.set)
    async with history.reading("p", "c") as (lines, more):
        assert [number for number, _ in lines] == [2, 3]
        assert more
    async with history.reading("p", "c", 2) as (lines, more):
        assert [number for number, _ in lines] == [0, 1]
        assert not more


async def test_people_whose_ids_begin_alike_are_apart() -> None:
    notes = Notes()
    history = History(notes, keep=10)
    await history.say("p", "c", said(1), notes.set)
    await history.say("p", "c2", said(2), notes.set)
    await history.say("p2", "c", said(3), notes.set)
    assert await texts(history) == ["1"]
    assert {chat["id"] for chat in await history.chats("p")} == {"c", "c2"}


# -- tabs ------------------------------------------------------------------------------------------------------------


class Reader:
    """The other end of a tab's socket; it takes nothing until it is let."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.may_read = asyncio.Event()
        self._news = asyncio.Condition()

    async def take(self, frame: str) -> None:
        await self.may_read.wait()
        async with self._news:
            self.frames.append(json.loads(frame))
            self._news.notify_all()

    async def has(self, count: int) -> None:
        async with asyncio.timeout(5), self._news:
            await self._news.wait_for(lambda: len(self.frames) >= count)


async def test_of_a_growing_answer_only_the_newest_waits() -> None:
    tab, reader = Tab("p"), Reader()
    tab.tell("hello")
    writing = asyncio.create_task(tab.write(reader.take))
    text = ""
    for number in range(1000):
        text += f"{number} "
        tab.preview("m", text)
        await asyncio.sleep(0)
    reader.may_read.set()
    await reader.has(2)
    tab.preview("m", text + "end")
    await reader.has(3)
    writing.cancel()
    assert [frame.get("text", frame.get("add")) for frame in reader.frames[1:]] == [text, "end"]


async def test_a_page_that_does_not_read_is_let_go() -> None:
    tab, reader = Tab("p"), Reader()
    writing = asyncio.create_task(tab.write(reader.take))
    for _ in range(100):
        tab.tell("final", text="x" * 100_000)
    assert tab._size <= MAX_WAITING_CHARS + 200_000
    reader.may_read.set()
    with pytest.raises(TooSlow):
        await writing


async def test_a_long_frame_by_itself_is_no_reason_to_let_go() -> None:
    tab, reader = Tab("p"), Reader()
    reader.may_read.set()
    tab.tell("history", text="x" * (MAX_WAITING_CHARS + 1))
    writing = asyncio.create_task(tab.write(reader.take))
    await reader.has(1)
    writing.cancel()


def test_pages_that_were_closed_are_forgotten() -> None:
    tabs = Tabs()
    with tabs.opened("p"), tabs.opened("p"), tabs.opened("q"), tabs.working("p", "c", "m"):
        tabs.grow("p", "c", "m", "so far")
        assert tabs.live("p", "c") == {"m": "so far"}
        assert len(tabs._of("p")) == 2
    assert tabs._tabs == {}
    assert tabs._live == {}


async def test_half_a_character_in_an_answer_does_not_end_the_socket() -> None:
    tab, reader = Tab("p"), Reader()
    reader.may_read.set()
    tab.tell("final", text="a \ud83d b")
    writing = asyncio.create_task(tab.write(reader.take))
    await reader.has(1)
    tab.preview("m", "\ud83d")
    await reader.has(2)
    writing.cancel()
    assert [frame["text"] for frame in reader.frames] == ["a \ufffd b", "\ufffd"]


# -- the door --------------------------------------------------------------------------------------------------------


def visit(**headers: str) -> HTTPConnection:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "headers": raw, "scheme": "http", "path": "/chat/", "server": ("x", 80)})


@pytest.mark.parametrize(
    ("host", "is_known"),
    [
        ("127.0.0.1:8700", True),
        ("192.168.1.7", True),
        ("[::1]:8700", True),
        ("localhost:8700", True),
        ("chat.localhost", True),
        ("bot.example.org", True),
        ("BOT.example.org:8443", True),
        ("evil.example", False),
        ("bot.example.org.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("[evil", False),
        ("", False),
    ],
)
def test_which_hosts_the_page_has(host: str, is_known: bool) -> None:  # noqa: FBT001 - parametrized
    assert Door("web", "/chat", "https://bot.example.org").knows_host(visit(host=host)) is is_known


@pytest.mark.parametrize(
    ("host", "origin", "is_own"),
    [
        ("127.0.0.1:8700", "http://127.0.0.1:8700", True),
        ("127.0.0.1:8700", "https://127.0.0.1:8700", True),
        ("127.0.0.1:8700", "http://127.0.0.1:8701", False),
        ("127.0.0.1:8700", "http://localhost:8700", False),
        ("127.0.0.1:8700", "https://bot.example.org", True),  # a proxy that does not hand the name on
        ("bot.example.org", "https://bot.example.org", True),
        ("bot.example.org", "https://bot.example.org.evil.example", False),
        ("bot.example.org", "null", False),
    ],
)
def test_which_pages_may_open_the_socket(host: str, origin: str, is_own: bool) -> None:  # noqa: FBT001 - parametrized
    door = Door("web", "/chat", "https://bot.example.org:443/somewhere")
    assert door.is_own_page(visit(host=host, origin=origin)) is is_own


def test_a_browser_is_a_person_and_the_id_does_not_tell_the_cookie() -> None:
    door = Door("web", "/chat", "")
    cookie = door.cookie(visit(host="localhost")).partition(";")[0]
    person = door.person(visit(host="localhost", cookie=cookie))
    assert person is not None
    assert cookie.partition("=")[2] not in person
    assert person == Door("web", "/chat", "").person(visit(cookie=f"other=1; {cookie}"))
    assert door.person(visit(cookie=cookie.replace("web=", "web2="))) is None
    assert door.cookie(visit(host="localhost", cookie=cookie)).partition(";")[0] == cookie


# -- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("[surfaces.web]\n", "open"),
        ('[defaults]\nowners = ["a"]\n[surfaces.web]\n', "open"),
        ('[defaults]\ndm_policy = "allowlist"\n[surfaces.web]\n', "allowlist"),
        ('[defaults]\ndm_policy = "allowlist"\n[surfaces.web]\ndm_policy = "open"\n', "open"),
        ('[surfaces.web]\ndm_policy = "disabled"\n', "disabled"),
    ],
)
def test_everyone_may_write_unless_the_operator_says_otherwise(tmp_path: Path, text: str, policy: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    settings = load(file, finder=EntryPoints(), environ={})
    assert settings.surfaces["web"].settings.dm_policy == policy


@pytest.mark.parametrize("path", ["chat", "/", "/Chat", "/a b", "//x", "/../x", ""])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="should be a path"):
        WebSettings(path=path)


@pytest.mark.parametrize("origin", ["'unsafe-inline'", "https://x; script-src *", "javascript:x"])
def test_a_frame_ancestor_that_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(ValueError, match="is no origin"):
        WebSettings(frame_ancestors=(origin,))
