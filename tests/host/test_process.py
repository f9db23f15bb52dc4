"""The host as people run it: the real process with a surface that came by entry point."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from surfacehost_devkit.agentprocess import AgentProcess
from surfacehost_devkit.hostprocess import HostProcess, wait_until

from .logbook import OPEN, Book


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    """A host for tests that leave it as it was; each speaks as someone else."""
    made = Book(tmp_path_factory.mktemp("shared"))
    (made.folder / "said.jsonl").touch()
    with made.host:
        yield made


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    made = Book(tmp_path)
    (made.folder / "said.jsonl").touch()
    with made.host:
        yield made


def test_a_message_is_answered_and_its_way_is_shown(book: Book) -> None:
    assert book.ask("hi") == "echo: hi"
    status = book.host.wait_for(lambda status: status["ways"][0]["steps"][-1][0] == "settled")
    assert [step for step, _ in status["ways"][0]["steps"]] == [
        "stored", "taken", "asked", "answered", "sent", "settled",
    ]  # fmt: skip
    assert status["ways"][0]["thread"] == "1/logbook/ann/ann/~"
    assert book.host.readiness()[0] == 200


def test_each_person_has_a_thread_and_a_memory_of_their_own(shared: Book) -> None:
    shared.ask("I am Ann", "ann")
    shared.ask("I am Bob", "bob")
    assert "1. I am Ann" in (heard := shared.ask("/demo memory", "ann"))
    assert "Bob" not in heard


def test_messages_of_a_thread_are_answered_in_order(shared: Book) -> None:
    ids = [shared.say(f"number {number}", "counter") for number in range(30)]
    shared.hear(ids[-1])
    assert [one["to"] for one in shared.answers() if one["to"] in ids] == ids


KINDS = [
    ("unreachable", "can't reach", "Сейчас не получается"),
    ("timeout", "took too long", "не успел"),
    ("lost", "connection broke", "Связь прервалась"),
    ("auth", "isn't set up correctly", "настроен неверно"),
    ("model", "chosen model", "Выбранная модель"),
    ("quota", "out of credit", "исчерпан"),
    ("rate_limited", "in 7 s", "через 7 с"),  # noqa: RUF001 - Russian
    ("overloaded", "overloaded", "перегружен"),
    ("content_refused", "declined", "отказался"),
    ("too_large", "too large", "Слишком большой"),
    ("context_full", "too long", "слишком длинной"),
    ("protocol", "couldn't read", "непонятный"),
    ("internal", "Something went wrong", "Что-то пошло не так"),
    ("never_heard_of", "Something went wrong", "Что-то пошло не так"),
]


def test_every_kind_of_error_is_a_sentence_in_the_persons_language(shared: Book) -> None:
    for kind, english, russian in KINDS:
        assert english in shared.ask(f"/demo error {kind} 7", kind)
        assert russian in shared.ask(f"/demo error {kind} 7", f"{kind}-ru", locale="ru-RU")
    everything = " ".join(one["text"] for one in shared.answers())
    assert "provider text" not in everything
    assert shared.host.is_alive
    logged = shared.host.log_text()
    for kind, _, _ in KINDS:
        assert f"the agent says: {kind}" in logged
    answer = next(one["text"] for one in shared.answers() if "Something went wrong" in one["text"])
    ref = answer.split("(ref ")[1].split(")")[0]
    assert f"(ref {ref}) in 1/logbook/" in logged


TROUBLES = {
    "/demo drop": "This is the first half of an answer, \n\nThe connection broke before the answer was finished.",
    "/demo empty": "The assistant gave an empty answer. Please try again.",
    "/demo garbage": "That was garbage: unknown.",
    "/demo garbage malformed": "The assistant sent something I couldn't read. Please tell the operator (ref",
    "/demo garbage huge": "That is too large: at most 1 MiB.",
    "/demo cut": "This answer ends in the middle of a\n\n(cut off here)",
    "/demo crash": "Something went wrong (ref",
    "/demo refuse overloaded 1": "The assistant is overloaded.",
    "/demo busy 1": "Accepted after 1 refusals.",
}


def test_what_goes_wrong_in_an_answer_is_told(shared: Book) -> None:
    for said, heard in TROUBLES.items():
        assert shared.ask(said, "trouble").startswith(heard)
        assert shared.ask("still there?", "trouble") == "echo: still there?"


def test_an_approval_is_asked_and_answered_in_words(shared: Book) -> None:
    assert shared.ask("/demo approve") == "Delete notes.txt?\n\nPlease answer **yes** or **no**."
    assert shared.ask("Yes!") == "Deleted notes.txt."
    shared.ask("/demo approve")
    assert shared.ask("нет") == "Denied: notes.txt is kept."
    shared.ask("/demo approve")
    assert shared.ask("what is the time?") == "echo: what is the time?"
    assert shared.ask("yes") == "echo: yes"


def test_stop_does_not_wait_and_new_starts_afresh(shared: Book) -> None:
    slow = shared.say("/demo slow 60")
    shared.host.wait_for(lambda status: any("asked" in str(way["steps"]) for way in status["ways"]))
    shared.say("!stop")
    assert shared.hear(slow) == "Stopped."
    assert shared.ask("/stop") == "I'm not working on anything right now."
    shared.ask("remember this")
    assert shared.ask("/new") == "A fresh conversation. What is it about?"
    assert shared.ask("/demo memory") == "I remember nothing."
    assert "1/logbook/ann/ann/~/2" in shared.ask("/status")
    assert "ann" in shared.ask("/whoami")
    assert "/new" in shared.ask("/help")


def test_stop_needs_no_free_place(tmp_path: Path) -> None:
    book = Book(tmp_path, f"{OPEN}[dispatch]\nthreads_per_surface = 1\n")
    (book.folder / "said.jsonl").touch()
    with book.host:
        slow = book.say("/demo slow 60")
        book.host.wait_for(lambda status: any("asked" in str(way["steps"]) for way in status["ways"]))
        book.say("/stop")
        assert book.hear(slow) == "Stopped."


def test_the_agents_password_is_shown_nowhere(tmp_path: Path) -> None:
    book = Book(tmp_path, f'{OPEN}[agent]\nembedded = false\nurl = "ws://bot:hunter2@127.0.0.1:9/x?key=s3cret"\n')
    (book.folder / "said.jsonl").touch()
    with book.host:
        assert "can't reach" in book.ask("hi")
        shown = book.host.readiness()[1] + str(book.host.status()) + book.host.log_text()
        assert "ws://127.0.0.1:9/x" in shown
        assert "hunter2" not in shown
        assert "s3cret" not in shown


@pytest.mark.parametrize("moment", ["stored", "asked", "answered"])
def test_killed_at_any_step_the_message_is_answered_once(tmp_path: Path, moment: str) -> None:
    book = Book(tmp_path)
    first = book.say("/demo slow 2" if moment == "asked" else "hi")
    environ = {"SURFACEHOST_DISPATCH__THREADS_PER_SURFACE": "1"}
    with HostProcess(book.host.folder, OPEN + book.table, environ) as host:
        host.wait_for(lambda status: any(moment == step for way in status["ways"] for step, _ in way["steps"]))
        host.kill()
    with book.host:
        assert book.hear(first).startswith(("echo: hi", "I waited 2 s."))
        book.ask("and now?")
    assert len(book.answers(first)) == 1


def test_killed_again_and_again_nothing_is_lost_or_answered_twice(tmp_path: Path) -> None:
    book = Book(tmp_path)
    ids = []
    for round_ in range(6):
        ids += [book.say(f"round {round_} {who}", who) for who in ("ann", "bob", "cleo", "dan") * 5]
        book.host.start()
        before = len(book.answers())
        wait_until(lambda before=before: len(book.answers()) > before + 3, 20, book.host.log_tail)  # type: ignore[misc]
        book.host.kill()
    with book.host:
        wait_until(lambda: {one["to"] for one in book.answers()} >= set(ids), 30, book.host.log_tail)
    assert sorted(one["to"] for one in book.answers()) == sorted(ids)
    for who in ("ann", "bob", "cleo", "dan"):
        mine = [one["to"] for one in book.answers() if one["text"].endswith(who)]
        assert mine == sorted(mine, key=lambda id_: int(id_.split("-")[1]))


def test_the_agent_is_away_then_back(tmp_path: Path) -> None:
    agent = AgentProcess(tmp_path)
    book = Book(tmp_path, f"{OPEN}[agent]\n{agent.settings}\n")
    (book.folder / "said.jsonl").touch()
    with book.host:
        assert book.ask("anyone?") == "I can't reach the assistant right now. Please try again in a minute."
        code, text = book.host.readiness()
        assert (code, "agent: " in text, "logbook: ok" in text) == (503, True, True)
        agent.start()
        book.host.wait_ready(20)
        assert book.ask("anyone?") == "echo: anyone?"
        assert agent.end(signal.SIGTERM) == 0
        assert book.ask("still?").startswith("I can't reach the assistant")
        assert book.host.is_alive


def test_a_stranger_is_told_once_and_reaches_nobody(tmp_path: Path) -> None:
    book = Book(tmp_path, '[defaults]\ndm_policy = "allowlist"\nallow = ["ann"]\n')
    (book.folder / "said.jsonl").touch()
    with book.host:
        assert "Your id here is eve" in book.ask("let me in", "eve")
        again = book.say("please", "eve")
        assert book.ask("hi") == "echo: hi"
        book.host.wait_for(lambda status: not status["inbox"])
        assert book.answers(again) == []


def test_it_stops_cleanly_and_goes_on_where_it_was(book: Book) -> None:
    slow = book.say("/demo slow 30")
    book.host.wait_for(lambda status: any("asked" in str(way["steps"]) for way in status["ways"]))
    began = time.monotonic()
    assert book.host.stop() == 0
    assert time.monotonic() - began < 10
    assert book.answers(slow) == []


def test_a_second_host_on_the_same_data_is_refused(book: Book) -> None:
    second = HostProcess(book.host.folder.parent / "second", OPEN + book.table)
    second.configure(f'[host]\ndata_dir = "{book.host.folder / "var"}"\n{OPEN}{book.table}')
    with pytest.raises(AssertionError, match="another surfacehost is using"):
        second.start()
    assert second.returncode == 1
    assert book.ask("still here?") == "echo: still here?"


def test_a_taken_port_is_said(book: Book, tmp_path: Path) -> None:
    port = book.host.address.rpartition(":")[2]
    other = HostProcess(tmp_path / "other", f'[web]\nlisten = "127.0.0.1:{port}"\n')
    with pytest.raises(AssertionError, match=f"127.0.0.1:{port} can't be had"):
        other.start()
