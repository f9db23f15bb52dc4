"""What the host itself understands in a chat, through the real process."""

from collections.abc import Iterator

import pytest

from surfacehost.commands_in_chat import SHOWN
from surfacehost.texts import say

from .logbook import Book

SETTINGS = """
[defaults]
dm_policy = "pairing"
owners = ["olga"]
allow = ["ann", "dora"]
groups = [{ id = "team" }]
rate_per_minute = 0
loop_limit = 0
busy = "queue"
"""
TEAM = {"chat": "team", "group": True}


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    made = Book(tmp_path_factory.mktemp("commands"), SETTINGS)
    (made.folder / "said.jsonl").touch()
    with made.host:
        yield made


def runs(book: Book, to: str) -> None:
    """Wait until the agent is asked about *to*."""
    book.host.wait_for(
        lambda status: any(way["event"] == to and "asked" in str(way["steps"]) for way in status["ways"])
    )


def test_help_is_what_menus_show_in_the_persons_language(book: Book) -> None:
    english, russian = book.ask("/help"), book.ask("!help", locale="ru")
    for name in SHOWN:
        assert f"/{name} - {say('en', f'command_{name}')}" in english
        assert f"/{name} - {say('ru', f'command_{name}')}" in russian
    assert "/pair" not in english
    assert "/pair" in book.ask("/help", "olga")
    assert book.ask("/unknown x").startswith("echo: /unknown x")


def test_stop_empties_the_queue_and_status_is_answered_meanwhile(book: Book) -> None:
    slow = book.say("/demo slow 60")
    runs(book, slow)
    queued = [book.say("two"), book.say("three")]
    assert "waiting behind it: 2" in book.ask("/status")
    assert book.ask("/stop") == "Given up, of what was waiting: 2."
    assert "stopped" in book.hear(slow).lower()
    assert book.ask("four") == "echo: four"
    assert [book.answers(one) for one in queued] == [[], []]
    assert book.ask("/stop") == "I'm not working on anything right now."


def test_new_ends_what_runs_and_what_comes_next_is_in_the_fresh_conversation(book: Book) -> None:
    slow = book.say("/demo slow 60", "dora")
    runs(book, slow)
    queued = book.say("two", "dora")
    new, after = book.say("/new", "dora"), book.say("/demo context", "dora")
    assert "stopped" in book.hear(slow).lower()
    assert book.hear(f"{new}/stop") == "Given up, of what was waiting: 1."
    assert book.hear(new) == "A fresh conversation. What is it about?"
    assert "dora/~/2" in book.ask("/status", "dora")
    assert book.hear(after)
    assert book.answers(queued) == []


def test_in_a_group_only_who_asked_or_an_owner_stops_it(book: Book) -> None:
    slow = book.say("/demo slow 60", "ann", **TEAM)
    runs(book, slow)
    mine = book.say("mine", "bob", **TEAM)
    theirs = book.say("theirs", "ann", **TEAM)
    assert book.ask("/stop", "bob", **TEAM) == (
        "Given up, of what was waiting: 1.\nOnly who asked, or an owner, can stop what I'm working on."
    )
    assert book.answers(slow) == []
    assert book.ask("/stop", "olga", **TEAM) == "Given up, of what was waiting: 1."
    assert "stopped" in book.hear(slow).lower()
    assert book.answers(mine) + book.answers(theirs) == []


def test_retry_asks_the_last_question_of_the_same_person_as_a_new_run(book: Book) -> None:
    assert "nothing of yours" in book.ask("/retry", "carol", **TEAM)
    assert book.ask("what is two and two?", "bob", **TEAM) == "echo: what is two and two?"
    assert book.ask("and three?", "ann", **TEAM) == "echo: and three?"
    assert book.ask("/whoami", "bob", **TEAM) == "Your id here is `bob`."
    assert book.ask("/retry", "bob", **TEAM) == "echo: what is two and two?"
    pieces = [book.say(text, "gil", **TEAM) for text in ("long " * 800, "and its end")]  # a client cut it up
    assert "and its end" in book.hear(pieces[0])
    again = book.ask("/retry", "gil", **TEAM)
    assert "long long" in again
    assert "and its end" in again


def test_an_owner_lets_people_in_and_nobody_else_does(book: Book) -> None:
    code = book.ask("hello", "eve").split("**")[1]
    assert book.ask(f"/pair approve {code}", "ann") == "Only an owner can do that."
    assert book.ask("/pair list", "olga") == f"`{code}` - eve"
    assert book.ask("/pair", "olga").startswith("/pair list")
    assert book.ask(f"/pair approve {code[:4]}-{code[4:].lower()}", "olga") == "eve is let in."
    assert book.ask("hello?", "eve") == "echo: hello?"
    assert book.ask("/pair deny eve", "olga") == "eve is not let in."
    wrong = [book.ask("/pair approve AAAAAAAA", "olga") for _ in range(6)]
    assert wrong == ["Nobody has that code; it may be too old."] * 5 + [
        "Too many wrong codes. Please try again in an hour."
    ]
