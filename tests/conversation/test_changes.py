"""What people change or take back, and the marks on what they said: done by the host, as far as a message has got."""

import sqlite3
from contextlib import closing
from dataclasses import replace
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
        return [store.execute("select body from inbox where event_id = ?", [id_]).fetchone()[0] for id_ in ids]


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


def test_a_run_begins_anew_for_who_asked_while_it_is_young_and_has_not_acted() -> None:
    message = Message(surface="toy", id="1", chat="c", sender="ann", direct=True, text="old")
    growth = Growth()
    visit: Any = SimpleNamespace(entry=SimpleNamespace(id=7, event=message, prompt=None), growth=growth)
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
