"""Asking to be let in, and being let in, through the real process."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conversation.witness import Witness

from surfacehost.busy import LONG_CHARS
from surfacehost.store import people
from surfacehost_devkit.hostprocess import wait_until
from surfacehost_devkit.turnedclock import TurnedClock
from surfacehost_render import plain

from .logbook import Book

SETTINGS = """
[defaults]
groups = [{ id = "Team", share_thread = false }]
rate_per_minute = 5
busy = "queue"
"""


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> TurnedClock:
    return TurnedClock(tmp_path_factory.mktemp("clock") / "clock")


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Witness:
    return Witness(tmp_path_factory.mktemp("witness"))


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory, clock: TurnedClock, witness: Witness) -> Iterator[Book]:
    made = Book(tmp_path_factory.mktemp("pairing"), SETTINGS, first=clock, environ=witness.environ)
    (made.folder / "said.jsonl").touch()
    with made.host:
        yield made


def knock(book: Book, who: str, **fields: Any) -> str:
    """*who* writes for the first time; the code that they get."""
    found = re.search(r"\*\*(\w+)\*\*", heard := book.ask("let me in", who, **fields))
    assert found, heard
    assert re.fullmatch("[2-9A-HJ-NP-Z]{8}", found[1])
    return found[1]


def pair(book: Book, *words: str, status: int = 0) -> str:
    done = book.host.command("pair", *words)
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr


def settled(book: Book) -> None:
    book.host.wait_for(lambda status: not status["inbox"])


def test_a_stranger_is_let_in_by_the_operator_and_the_first_becomes_owner(book: Book, witness: Witness) -> None:
    code = knock(book, "alice")
    again = book.say("hello?", "alice")
    settled(book)
    assert book.answers(again) == []  # told within the hour, and reaches nobody
    [asking] = json.loads(pair(book, "list", "--json"))["waiting"]
    assert (asking["surface"], asking["person"], asking["code"]) == ("logbook", "alice", code)
    assert pair(book, "approve", code.lower()) == "alice of logbook is let in as the first owner\n"
    pasted = book.say("x" * LONG_CHARS, "alice")
    book.say("now?", "alice")
    assert book.hear(pasted).endswith("x\nnow?")
    assert sorted(witness.heard) == ["now?", "x" * LONG_CHARS]  # and nothing from before


def test_the_next_one_is_a_guest_and_can_be_let_out_again(book: Book) -> None:
    assert pair(book, "approve", knock(book, "bob", locale="ru")) == "bob of logbook is let in\n"
    assert book.ask("hi", "bob") == "echo: hi"
    assert pair(book, "deny", "bob") == "bob of logbook is let out again\n"
    assert "Your id here is bob" in book.ask("hi?", "bob")
    pair(book, "deny", knock(book, "carol"))
    silent = book.say("please", "carol")
    settled(book)
    assert book.answers(silent) == []


def test_only_so_many_wait_at_a_time(book: Book) -> None:
    for who in ("dan", "erin"):
        knock(book, who)
    assert "too many people are waiting" in book.ask("and me?", "frank")
    silent = book.say("me?", "frank")
    settled(book)
    assert book.answers(silent) == []


def test_a_group_is_answered_by_its_id_each_member_in_a_conversation_of_their_own(book: Book) -> None:
    team = {"chat": "Team", "group": True}
    assert "1/logbook/gus/Team/~`" in book.ask("/status", "gus", **team)
    assert "1/logbook/hal/Team/~`" in book.ask("/status", "hal", **team)
    silent = [
        book.say("hi", "gus", chat="team", group=True),
        book.say("hi", "alice", chat="other", group=True),  # being let in is for direct messages
        book.say("hi", "gus", addressed=False, **team),
    ]
    assert book.ask("hi", "gus", **team) == "echo: hi"
    assert [book.answers(one) for one in silent] == [[], [], []]


def test_who_writes_too_much_is_told_so_and_others_are_not_kept_waiting(book: Book) -> None:
    team = {"chat": "Team", "group": True}
    said = [book.say(f"{number}", "ivy", **team) for number in range(8)]
    wait_until(lambda: all(book.answers(one) for one in said[:6]), 20, book.host.log_tail)
    assert [book.hear(one) for one in said[:5]] == [f"echo: {number}" for number in range(5)]
    assert "at most 5 messages a minute" in book.hear(said[5])
    settled(book)
    assert [book.answers(one) for one in said[6:]] == [[], []]


def test_a_code_is_good_for_an_hour(book: Book, clock: TurnedClock) -> None:
    """The operator's clock is right; the host's own was slow: what it told then is so old."""
    codes = {}
    for who, seconds in (("zoe", -people.CODE_S - 60), ("yan", 60 - people.CODE_S)):
        clock.turn(seconds)
        codes[who] = knock(book, who)
    clock.turn(0)
    assert [one["person"] for one in json.loads(pair(book, "list", "--json"))["waiting"]] == ["yan"]
    assert "nobody asks with this code" in pair(book, "approve", codes["zoe"], status=1).lower()
    assert knock(book, "zoe") != codes["zoe"]
    assert pair(book, "approve", codes["yan"]) == "yan of logbook is let in\n"


def test_an_owner_who_guesses_codes_is_not_listened_to_for_an_hour(book: Book, clock: TurnedClock) -> None:
    guess = "Nobody has that code; it may be too old."
    assert [book.ask("/pair approve AAAAAAAA", "alice") for _ in range(5)] == [guess] * 5
    code = knock(book, "wim")
    assert book.ask(f"/pair approve {code}", "alice") == "Too many wrong codes. Please try again in an hour."
    clock.turn(people.CODE_S + 1)
    assert book.ask(f"/pair approve {code}", "alice") == guess  # it is too old as well
    welcome = book.ask(f"/pair approve {knock(book, '@_wim_:here')}", "alice")
    assert plain(welcome) == "@_wim_:here is let in."  # whose name is no emphasis


def test_who_is_let_in_stays_so_and_who_asks_keeps_their_code(tmp_path: Path) -> None:
    book = Book(tmp_path, "")
    (book.folder / "said.jsonl").touch()
    with book.host:
        code = knock(book, "alice")
        book.host.kill()
        pair(book, "approve", code)
        assert "nobody asks with this code" in pair(book, "approve", code, status=1).lower()
        other = book.say("while nobody runs", "_bob_")
        book.host.start()
        assert book.ask("hi", "alice") == "echo: hi"
        assert "Your id here is _bob_" in plain(book.hear(other))
