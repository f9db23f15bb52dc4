"""A message that always fails, in the real process: it is laid aside, nobody waits for it, the operator mends it."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from surfacehost_devkit.hostprocess import wait_until

from .logbook import OPEN, Book
from .test_isolation import install
from .test_settings_act import agent

SECRET = "hush-hush-0123"
TROUBLE = """
from pathlib import Path
from surfacehost import NotReady, hookimpl
from surfacehost_logbook import Logbook

class Trouble(Logbook):
    def is_told(self, word):
        return Path({folder!r}, word).exists()

    def compose(self, text):
        if ("unspeakable" in text or self.is_told("mute")) and not self.is_told("mended"):
            raise ValueError("no words")
        return super().compose(text)

    @hookimpl
    async def on_error(self, error, event, client):
        if self.is_told("away"):
            raise NotReady("nobody home")
        await super().on_error(error, event, client)

    @hookimpl
    async def on_message(self, message, client):
        if "poison" in message.text and not self.is_told("mended"):
            raise ValueError("can't swallow it: {secret}")
        if "stubborn" in message.text and not self.is_told("mended"):
            raise NotReady("not this one")
        if "sticky" in message.text and not self.is_told("mended"):
            async for reply in client.answer(message):
                raise ValueError("the pen is broken")
        await super().on_message(message, client)
"""
QUICK = "[dispatch]\npark_after_attempts = 2\npark_after_s = 0.1\n"


class Ward(Book):
    """A logbook with a trouble that may be told how bad it is, and the operator's commands."""

    def __init__(self, folder: Path, settings: str) -> None:
        super().__init__(folder, settings, plugin="trouble")
        (self.folder / "said.jsonl").touch()
        code = TROUBLE.format(folder=str(self.folder), secret=SECRET)
        self.host._environ |= install(folder / "trouble", code=code)

    def mend(self) -> None:
        """End every trouble."""
        (self.folder / "mended").touch()

    def inbox(self, *words: str, status: int = 0) -> str:
        """What the command says: on standard output where it does what it is told, else on standard error."""
        done: subprocess.CompletedProcess[str] = self.host.command("inbox", *words)
        assert done.returncode == status, done
        return done.stdout if status == 0 else done.stderr

    def listed(self, *words: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.inbox("list", "--json", *words))
        return rows

    def parked(self, event: str, *, times: int = 1) -> int:
        """Wait until *event* has been parked so many times; its number, as the log tells it."""
        told = re.compile(rf" {event} of \S+ is parked: see surfacehost inbox show (\d+)")
        wait_until(lambda: len(told.findall(self.host.log_text())) == times, 20, self.host.log_tail)
        return int(told.findall(self.host.log_text())[0])

    def steps(self, event: str) -> list[str]:
        """The steps of the way of *event*."""
        return [step for way in self.host.status()["ways"] if way["event"] == event for step, _ in way["steps"]]

    def heard(self, event: str) -> list[str]:
        """The ids of what was said to *event*."""
        return [one["id"] for one in self.answers(event)]


@contextmanager
def ward(tmp_path: Path, settings: str = OPEN + QUICK) -> Iterator[Ward]:
    made = Ward(tmp_path, settings)
    with made.host:
        yield made


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Ward]:
    with ward(tmp_path) as made:
        yield made


def test_attempts_alone_do_not_park_it_it_must_be_old_enough(tmp_path: Path) -> None:
    with ward(tmp_path, OPEN + "[dispatch]\npark_after_attempts = 1\npark_after_s = 2.5\n") as book:
        number = book.parked(book.say("poison"))
        row = json.loads(book.inbox("show", "--json", str(number)))
        assert row["attempts"] > 2
        way = next(dict(way["steps"]) for way in book.host.status()["ways"])
        assert way["settled"] - row["failed_at"] >= 2.5


def test_age_alone_does_not_park_it_it_must_have_been_tried_often_enough(tmp_path: Path) -> None:
    with ward(tmp_path, OPEN + "[dispatch]\npark_after_attempts = 4\npark_after_s = 0.1\n") as book:
        number = book.parked(book.say("poison"))
        assert json.loads(book.inbox("show", "--json", str(number)))["attempts"] == 4
        assert book.host.log_text().count("ValueError: can't swallow it") >= 4


def test_what_is_parked_holds_up_nobody_and_is_shown_everywhere(quick: Ward) -> None:
    began = time.monotonic()
    poison, behind = quick.say("poison for ann"), quick.say("and this?")
    assert quick.ask("hello", "bob") == "echo: hello"
    assert time.monotonic() - began < 5
    assert "Something went wrong" in quick.hear(poison)
    assert quick.hear(behind) == "echo: and this?"
    number = quick.parked(poison)
    status, text = quick.host.readiness()
    assert (status, text.splitlines()[0]) == (200, "logbook: ok, 1 parked: surfacehost inbox list")
    shown = quick.inbox("list")
    assert shown.splitlines()[1].split()[:3] == [str(number), "logbook", "parked"]
    assert "1/logbook/ann/ann/~  internal: ValueError: can't swallow it" in shown
    assert "poison for ann" not in shown + str(quick.listed())
    whole = quick.inbox("show", str(number))
    for line in ("state     parked", "attempts  2 failed", "from      ann", "text      poison for ann"):
        assert line in whole.splitlines()
    assert f"sent      notice {poison}/error/0: " in whole


def test_a_mended_one_is_answered_within_seconds_after_a_retry(quick: Ward) -> None:
    poison = quick.say("poison")
    number = quick.parked(poison)
    quick.mend()
    assert quick.inbox("retry", str(number)) == f"{number}: is tried again\n"
    began = time.monotonic()
    wait_until(lambda: len(quick.answers(poison)) == 2, 10, quick.host.log_tail)
    assert time.monotonic() - began < 5
    assert quick.answers(poison)[1]["text"] == "echo: poison"
    assert quick.heard(poison) == [f"{poison}/error/0", f"{poison}/retry1/0"]
    quick.host.wait_for(lambda status: not status["inbox"])
    assert quick.host.readiness()[1].startswith("logbook: ok\n")
    assert quick.listed() == []
    assert "done" in quick.inbox("list", "--state", "done")


def test_one_that_fails_again_is_parked_again_and_the_person_is_told_again(quick: Ward) -> None:
    poison = quick.say("poison")
    number = quick.parked(poison)
    assert quick.inbox("retry", "99", str(number), status=1) == "there is no message 99\n"
    assert quick.parked(poison, times=2) == number
    assert quick.heard(poison) == [f"{poison}/error/0", f"{poison}/retry1/error/0"]
    row = json.loads(quick.inbox("show", "--json", str(number)))
    assert (row["attempts"], row["retried"]) == (2, 1)


def test_one_that_cannot_even_be_excused_is_parked_without_a_word(quick: Ward) -> None:
    (quick.folder / "mute").touch()
    said = quick.say("hello")
    number = quick.parked(said)
    assert quick.heard(said) == []
    quick.mend()
    quick.inbox("retry", str(number))
    wait_until(lambda: quick.heard(said) == [f"{said}/retry1/0"], 10, quick.host.log_tail)


def test_the_sentence_is_said_in_the_end_however_often_it_failed_to_be(quick: Ward) -> None:
    (quick.folder / "away").touch()
    poison = quick.say("poison")
    wait_until(lambda: quick.host.log_text().count("waits") >= 2, 20, quick.host.log_tail)
    quick.host.kill()
    (quick.folder / "away").unlink()
    quick.host.start()
    quick.parked(poison)
    assert quick.heard(poison) == [f"{poison}/error/0"]


def test_an_answer_that_could_not_be_sent_is_sent_and_the_agent_is_not_asked_again(quick: Ward) -> None:
    sticky = quick.say("sticky")
    number = quick.parked(sticky)
    quick.mend()
    assert "what was not yet sent of its answer is sent" in quick.inbox("retry", str(number))
    wait_until(lambda: f"{sticky}/0" in quick.heard(sticky), 10, quick.host.log_tail)
    assert quick.heard(sticky) == [f"{sticky}/error/0", f"{sticky}/0"]
    assert quick.steps(sticky).count("asked") == 1


def test_a_retry_is_a_run_that_the_agent_has_not_seen(tmp_path: Path) -> None:
    with agent() as (url, told), ward(tmp_path, f'{OPEN}{QUICK}[agent]\nembedded = false\nurl = "{url}"\n') as book:
        said = book.say("unspeakable")
        number = book.parked(said)
        book.mend()
        book.inbox("retry", str(number))
        wait_until(lambda: len(book.answers(said)) == 2, 10, book.host.log_tail)
    runs = [json.loads(frame)["runId"] for _, frame in told]
    assert len(runs) == 3
    assert len(set(runs[:2])) == 1
    assert runs[2] not in runs[:2]


def test_dropped_is_settled_for_good(quick: Ward) -> None:
    poison = quick.say("poison")
    number = quick.parked(poison)
    assert quick.inbox("drop", str(number)) == f"{number}: is dropped\n"
    quick.mend()
    quick.host.wait_for(lambda status: not status["inbox"])
    assert f"{number} is ignored" in quick.inbox("retry", str(number), status=1)
    assert f"{number} is ignored" in quick.inbox("drop", str(number), status=1)
    assert quick.ask("still there?") == "echo: still there?"
    assert quick.heard(poison) == [f"{poison}/error/0"]
    assert "dropped by the operator; internal: ValueError" in quick.inbox("show", str(number))


def test_with_the_host_stopped_it_is_the_same(quick: Ward) -> None:
    first, second = quick.say("poison one", "ann"), quick.say("poison two", "bob")
    one, two = quick.parked(first), quick.parked(second)
    assert quick.host.stop() == 0
    quick.mend()
    quick.inbox("retry", str(one))
    quick.inbox("drop", str(two))
    assert [row["state"] for row in quick.listed()] == ["waiting"]
    quick.host.start()
    wait_until(lambda: f"{first}/retry1/0" in quick.heard(first), 10, quick.host.log_tail)
    quick.host.wait_for(lambda status: not status["inbox"])
    assert quick.heard(second) == [f"{second}/error/0"]


@pytest.mark.parametrize("moment", ["taken", "asked", "answered"])
def test_killed_during_a_retry_it_is_answered_once(quick: Ward, moment: str) -> None:
    poison = quick.say("/demo slow 1 poison")
    number = quick.parked(poison)
    quick.mend()
    quick.host.stop()
    quick.inbox("retry", str(number))
    quick.host.start()
    quick.host.wait_for(lambda _: moment in quick.steps(poison))
    quick.host.kill()
    quick.host.start()
    quick.host.wait_for(lambda status: not status["inbox"])
    assert quick.heard(poison) == [f"{poison}/error/0", f"{poison}/retry1/0"]


def test_all_that_are_parked_are_retried_or_dropped_at_once(quick: Ward) -> None:
    said = [quick.say(f"poison {who}", who) for who in ("ann", "bob", "cleo")]
    for one in said:
        quick.parked(one)
    assert quick.inbox("drop", "--all-parked", "--surface", "elsewhere") == "nothing is parked\n"
    assert quick.listed("--surface", "elsewhere") == []
    assert quick.inbox("list", "--surface", "elsewhere") == "no such message\n"
    assert [row["event"] for row in quick.listed("--limit", "2")] == said[1:]
    quick.mend()
    assert quick.inbox("retry", "--all-parked").count("is tried again") == 3
    for one in said:
        wait_until(lambda one=one: f"{one}/retry1/0" in quick.heard(one), 10, quick.host.log_tail)  # type: ignore[misc]


def test_what_the_host_works_on_is_let_be(quick: Ward) -> None:
    slow = quick.say("/demo slow 100")
    quick.host.wait_for(lambda status: any("asked" in str(way["steps"]) for way in status["ways"]))
    (row,) = quick.listed("--state", "open")
    number = str(row["number"])
    assert "its conversation is being worked on" in quick.inbox("drop", number, status=1)
    assert "the host tries it by itself" in quick.inbox("retry", number, status=1)
    assert "there is no message 99" in quick.inbox("drop", "99", status=1)
    quick.say("/stop")
    assert quick.hear(slow) == "Stopped."


def test_what_a_killed_host_worked_on_can_be_dropped(quick: Ward) -> None:
    slow = quick.say("/demo slow 60")
    quick.host.wait_for(lambda status: any("asked" in str(way["steps"]) for way in status["ways"]))
    quick.host.kill()
    (row,) = quick.listed()
    quick.inbox("drop", str(row["number"]))
    quick.host.start()
    assert quick.ask("and now?") == "echo: and now?"
    assert quick.heard(slow) == []


def test_a_secret_in_an_error_and_a_trick_in_a_text_are_not_shown(tmp_path: Path) -> None:
    with ward(tmp_path, f'{OPEN}{QUICK}[agent]\ntoken = "{SECRET}"\n') as book:
        number = book.parked(book.say("poison \x1b[2J"))
        shown = [book.inbox(*words) for words in (["list"], ["show", str(number)], ["show", "--json", str(number)])]
        for text in (*shown, book.host.log_text(), str(book.host.status())):
            assert SECRET not in text
            assert "\x1b" not in text
        assert "poison \\x1b[2J" in shown[1]
        assert "can't swallow it: **********" in shown[0]


def test_usage_settings_and_the_want_of_a_database_have_their_exit_status(tmp_path: Path) -> None:
    book = Ward(tmp_path, OPEN)
    assert "there is no database at" in book.inbox("list", status=1)
    assert not (book.host.folder / "var").exists()
    wrong = (["retry"], ["drop", "1", "--all-parked"], ["list", "--state", "lost"], ["list", "--limit", "0"], ["show"])
    for words in (*wrong, ["drop", "1", "--surface", "logbook"], ["show", "99999999999999999999"], []):
        assert "usage: surfacehost inbox" in book.inbox(*words, status=2)
    book.host.configure("[agnet]\n")
    assert "unknown table [agnet]" in book.inbox("list", status=2)


def test_what_the_platform_never_takes_while_it_takes_everything_else_is_parked_too(quick: Ward) -> None:
    event = quick.say("stubborn")
    wait_until(lambda: quick.host.log_text().count("waits") >= 2, 20, quick.host.log_tail)
    (waiting,) = quick.listed()
    assert (waiting["state"], waiting["attempts"]) == (
        "waiting",
        0,
    )  # as long as nobody gets through it is the platform's

    def is_parked() -> bool:
        quick.ask("hello", who="bob")
        return "is parked" in quick.host.log_text()

    wait_until(is_parked, 30, quick.host.log_tail)
    quick.mend()
    quick.inbox("retry", str(quick.parked(event)))
    wait_until(lambda: any("echo: stubborn" in one["text"] for one in quick.answers(event)), 20, quick.host.log_tail)
