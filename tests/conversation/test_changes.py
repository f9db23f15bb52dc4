"""What people change or take back, and the marks on what they said: done by the host, as far as a message has got."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from surfacehost import Edit, Message
from surfacehost.previews import Growth
from surfacehost.runs import RESTART_WITHIN_S, Runs
from surfacehost.store.prompts import Prompt
from surfacehost_devkit.hostprocess import wait_until

from .conftest import Page


def bodies(page: Page, *ids: str) -> list[str]:
    """What the host keeps of messages, nothing where it was erased."""
    with closing(sqlite3.connect(page.host.folder / "var" / "surfacehost.db")) as store:
        found = [store.execute("select body from inbox where event_id = ?", [id_]).fetchone() for id_ in ids]
    return [row[0] for row in found if row]


def running(page: Page, text: str, who: str) -> str:
    """Have the agent at work on *text*."""
    id_ = page.say(text, who)
    page.host.wait_for(
        lambda status: any(way["event"] == id_ and way["steps"][-1][0] == "asked" for way in status["ways"])
    )
    return id_


def test_a_message_that_waits_is_replaced_or_dropped(shared: Page) -> None:
    slow = running(shared, "/demo slow 2", "ann")
    kept, gone, other = (shared.say(text, "ann") for text in ("/demo tool one", "secret", "/demo memory"))
    shared.say("I am here", "ann", kind="edit", of=kept)
    shared.say("mine now", "bob", kind="edit", of=other, chat="ann")
    shared.say("", "ann", kind="redaction", of=gone)
    for elsewhere in (slow, kept):  # from another chat nobody takes back what was said in this one
        shared.say("", "bob", kind="redaction", of=elsewhere)
    assert shared.final(slow) == "I waited 2 s."
    assert shared.final(kept) == "echo: I am here"
    assert "I am here" in shared.final(other)
    assert shared.shown(gone) == []
    assert bodies(shared, gone) == [""]


def test_an_edit_begins_the_run_anew(shared: Page) -> None:
    slow = running(shared, "/demo slow 60", "bob")
    shared.say("hello", "bob", kind="edit", of=slow)
    assert shared.final(slow) == "echo: hello"
    assert [one["text"] for one in shared.shown(slow, "answer", "notice")] == ["echo: hello"]


def fetched(page: Page, text: str, who: str) -> tuple[str, Path]:
    """Say *text* with a file that does not come before it is put where the path says."""
    file = page.folder / f"{who}.txt"
    file.with_suffix(".due").unlink(missing_ok=True)
    id_ = page.say(text, who, files=[file.name])
    wait_until(file.with_suffix(".due").exists, 20, page.host.log_tail)
    return id_, file


def test_what_is_stopped_or_taken_back_while_its_file_is_fetched_is_not_asked(shared: Page) -> None:
    stopped, _ = fetched(shared, "never mind", "frank")
    stop = shared.say("/stop", "frank")
    assert shared.final(stopped) == "Stopped."
    gone, _ = fetched(shared, "my secret", "frank")
    shared.say("", "frank", kind="redaction", of=gone)
    assert shared.final(gone) == "Stopped."
    heard = shared.tell("/demo memory", "frank")
    assert not any(text in heard for text in ("never mind", "my secret"))
    assert shared.shown(stop) == []
    assert bodies(shared, gone) == [""]


def test_what_is_changed_while_its_file_is_fetched_is_asked_as_it_is_by_then(shared: Page) -> None:
    id_, file = fetched(shared, "old words", "grace")
    for text in ("other words", "new words"):
        edit = shared.say(text, "grace", kind="edit", of=id_)
    wait_until(lambda: bodies(shared, edit), 20, shared.host.log_tail)
    file.write_text("a list")
    assert shared.final(id_).startswith("echo: new words\nattachment: document grace.txt")
    assert "old words" not in shared.tell("/demo memory", "grace")


def test_a_run_begins_anew_for_who_asked_while_it_is_young_and_has_not_acted() -> None:
    message = Message(surface="toy", id="1", chat="c", sender="ann", direct=True, text="old")
    growth = Growth()
    entry = SimpleNamespace(id=7, event=message, prompt=None, was_taken=False)
    visit: Any = SimpleNamespace(entry=entry, growth=growth, bringing=None)
    parts: Any = dict.fromkeys(("conversation", "replies", "tenants", "ways", "files", "locale"))
    runs = Runs(visits={("toy", "1"): visit}, **parts)

    def may(sender: str = "ann") -> bool:
        return runs.may_restart(Edit(surface="toy", id="2", chat="c", sender=sender, direct=True, of="1", text="new"))

    assert (may(), may("bob")) == (True, False)
    visit.entry.prompt = Prompt(question="?", person="ann", interrupts=(), options=(), expires_at=1e12, taken_by=7)
    assert not may()  # it approved something: no other words take that back, or say it again
    visit.entry.prompt = replace(visit.entry.prompt, taken_by=6)
    growth.asked_at -= RESTART_WITHIN_S - 1
    assert may()
    growth.asked_at -= 1
    assert not may()  # the answer to the old words is at hand
    visit.growth = Growth()
    assert may()
    visit.entry.was_taken = True
    assert not may()  # nobody knows what came of it before
    visit.entry.was_taken = False
    visit.growth.work("search", is_tool=True)
    assert not may()


def test_what_is_taken_back_is_stopped_and_erased(shared: Page) -> None:
    slow = running(shared, "/demo slow 60", "carol")
    edit = shared.say("", "carol", kind="redaction", of=slow)
    assert shared.final(slow) == "Stopped."
    done = shared.say("my secret", "carol")
    assert shared.final(done) == "echo: my secret"
    shared.say("", "carol", kind="redaction", of=done)
    after = shared.say("hi", "carol")
    assert shared.final(after) == "echo: hi"
    assert bodies(shared, slow, done) == ["", ""]
    assert shared.shown(edit) == []  # no hook ever hears of it


def test_marks_tell_that_one_waits_that_one_was_seen_and_that_one_failed(shared: Page) -> None:
    slow = running(shared, "/demo slow 1", "alice")
    first, second = shared.say("one", "alice"), shared.say("two", "alice")
    group: dict[str, Any] = {"chat": "circle", "direct": False}
    seen, failed = shared.say("hi", "alice", **group), shared.say("/demo error quota", "bob", **group)
    wait_until(lambda: None in shared.marks(first) and len(shared.marks(failed)) == 2, 20, shared.host.log_tail)
    assert shared.marks(first) == ["⏳", None]
    assert shared.marks(slow) == shared.marks(second) == []  # never on each
    assert shared.marks(seen) == ["👀", None]
    assert shared.marks(failed)[-1] == "⚠️"


def test_no_mark_stays_on_what_is_given_up(shared: Page) -> None:
    running(shared, "/demo slow 60", "dora")
    waits = shared.say("one", "dora")
    wait_until(lambda: shared.marks(waits) == ["⏳"], 20, shared.host.log_tail)
    shared.say("/stop", "dora")
    wait_until(lambda: shared.marks(waits) == ["⏳", None], 20, shared.host.log_tail)
