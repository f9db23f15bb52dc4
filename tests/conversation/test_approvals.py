"""What the agent wants to be told: asked with choices, decided by who may, in time, once, and shown as decided."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from surfacehost import Message
from surfacehost.agent import wire
from surfacehost.approvals import Refusal, judged, prompt_of, shown
from surfacehost.events import load_event
from surfacehost.store.prompts import Prompt
from surfacehost_devkit.agentprocess import AgentProcess
from surfacehost_devkit.hostprocess import wait_until
from surfacehost_render import plain

from .conftest import OPEN, Page


def asked(page: Page, who: str, **fields: Any) -> dict[str, str]:
    """Have *who* be asked; the ids of the choices by their marks."""
    prompt = page.wait_shown(page.say("/demo approve", who, **fields), "prompt")
    assert prompt["text"] == "Delete notes.txt?\n\nPlease answer **yes** or **no**."
    return {one["mark"]: one["id"] for one in prompt["choices"]}


def test_a_choice_decides_and_the_prompt_shows_who_took_it(shared: Page) -> None:
    choices = asked(shared, "ann")
    assert sorted(choices) == ["✅", "❌"]
    assert all(len(token) == 10 for token in choices.values())
    tap = shared.say("", "ann", choice=choices["✅"], sender_name="Ann\n# [x=1] A_")
    assert shared.final(tap) == "Deleted notes.txt."
    decided, answer = shared.shown(tap)
    told = "Delete notes.txt?\n\n✅ Approve · Ann # [x=1] A_"  # a name is neither a formula nor a heading
    assert (decided["kind"], plain(decided["text"])) == ("decided", told)
    [prompt] = shared.shown(None, "prompt")
    assert decided["note"] == {"stands": prompt["id"]}
    assert answer["kind"] == "answer"
    late = shared.tell("", "ann", choice=choices["❌"])
    assert late.startswith("There is nothing to decide any more")
    assert shared.tell("/approve", "ann") == late


def test_words_always_work_and_other_words_withdraw(shared: Page) -> None:
    for word, heard in {
        "Да!": "Deleted notes.txt.",
        "/deny": "Denied: notes.txt is kept.",
        "👍🏽": "Deleted notes.txt.",
    }.items():
        asked(shared, "bob")
        assert shared.tell(word, "bob") == heard
    asked(shared, "bob")
    other = shared.say("what is the time?", "bob")
    assert shared.final(other) == "echo: what is the time?"
    assert shared.shown(other, "decided")[0]["text"].endswith("↩ Withdrawn.")
    asked(shared, "bob")
    new = shared.say("/new", "bob")
    assert shared.final(new).startswith("A fresh conversation")
    assert shared.shown(new, "decided")[0]["text"].endswith("↩ Withdrawn.")
    assert shared.tell("yes", "bob") == "echo: yes"


def test_what_is_asked_once_more_decides_nothing(shared: Page) -> None:
    asked(shared, "erin")
    assert shared.tell("yes", "erin") == "Deleted notes.txt."
    again = shared.say("/retry", "erin")  # what it repeats is the question, not the word that decided it
    assert shared.wait_shown(again, "answer", "prompt")["kind"] == "prompt"
    assert shared.tell("no", "erin") == "Denied: notes.txt is kept."
    club: dict[str, Any] = {"chat": "retried", "direct": False}
    assert shared.tell("yes", "boss", **club) == "echo: yes"
    asked(shared, "erin", **club)
    again = shared.say("/retry", "boss", **club)  # which waits, as whatever others say
    assert shared.tell("no", "erin", **club) == "Denied: notes.txt is kept."
    assert shared.final(again) == "echo: yes"


def test_in_a_group_only_who_asked_or_an_owner_decides(shared: Page) -> None:
    club: dict[str, Any] = {"chat": "club", "direct": False}
    choices = asked(shared, "carol", **club)
    for text, choice in (("", choices["✅"]), ("yes", "")):
        assert shared.tell(text, "bob", choice=choice, **club) == "That is for whoever asked to decide."
    by_boss = shared.say("", "boss", choice=choices["❌"], **club)
    assert shared.final(by_boss) == "Denied: notes.txt is kept."
    assert shared.shown(by_boss, "decided")[0]["text"].endswith("❌ Deny · boss")


def test_in_a_group_the_words_of_others_wait_until_it_is_decided_or_its_time_has_passed(shared: Page) -> None:
    club: dict[str, Any] = {"chat": "patient club", "direct": False}
    choices = asked(shared, "carol", **club)
    waits = [shared.say(text, who, **club) for text, who in (("me too", "bob"), ("/new", "erin"), ("and me", "dora"))]
    wait_until(lambda: shared.marks(waits[0]) == ["⏳"], 20, shared.host.log_tail)
    assert shared.tell("no", "dora", **club) == "That is for whoever asked to decide."
    assert shared.tell("/stop", "dora", **club) == "Given up, of what was waiting: 1."
    tap = shared.say("", "carol", choice=choices["✅"], **club)
    assert shared.final(tap) == "Deleted notes.txt."
    assert shared.final(waits[0]) == "echo: me too"
    assert shared.final(waits[1]).startswith("A fresh conversation")
    assert [shared.marks(one)[-1] for one in waits[:2]] == [None, None]
    assert (shared.shown(waits[0], "decided"), shared.shown(waits[2])) == ([], [])

    asked(shared, "carol", **club)
    for text in ("forget it", "and that"):
        gone = shared.say(text, "bob", **club)
        wait_until(lambda gone=gone: shared.marks(gone) == ["⏳"], 20, shared.host.log_tail)  # type: ignore[misc]
        assert shared.tell("/stop", "bob", **club) == "Given up, of what was waiting: 1."
        wait_until(lambda gone=gone: shared.marks(gone) == ["⏳", None], 20, shared.host.log_tail)  # type: ignore[misc]
    assert shared.tell("no", "carol", **club) == "Denied: notes.txt is kept."

    asked(shared, "carol", **club)
    other = shared.say("what is the time?", "bob", **club)
    own = shared.say("never mind", "carol", **club)
    assert shared.final(own) == "echo: never mind"
    assert shared.shown(own, "decided")[0]["text"].endswith("↩ Withdrawn.")
    assert shared.final(other) == "echo: what is the time?"

    choices = asked(shared, "carol", **club)
    pieces = [
        shared.say(f"picture {number}", "bob", bundle="held", addressed=number == 2, **club) for number in (1, 2, 3)
    ]
    wait_until(lambda: shared.marks(pieces[0]) == ["⏳"], 20, shared.host.log_tail)
    tap = shared.say("", "carol", choice=choices["✅"], **club)
    assert shared.final(tap) == "Deleted notes.txt."
    assert shared.final(pieces[0]) == "echo: picture 1\npicture 2\npicture 3"

    shared.wait_shown(shared.say("/demo approve notes.txt 1", "carol", **club), "prompt")
    other = shared.say("and now?", "bob", **club)
    assert shared.final(other) == "echo: and now?"
    assert shared.shown(other, "decided")[0]["text"].endswith("⌛ Nobody decided in time.")


def test_where_nothing_is_taken_meanwhile_others_are_told_so_once_while_a_question_stands(
    pages: dict[str, Page],
) -> None:
    page, club = pages["picky"], {"chat": "picky club", "direct": False}
    asked(page, "carol", **club)
    assert page.tell("me too", "bob", **club).startswith("I'm still at work on what was written before.")
    again = page.say("please", "bob", **club)
    assert page.tell("and me?", "dora", **club).startswith("I'm still at work on what was written before.")
    assert page.tell("never mind", "carol", **club) == "echo: never mind"
    assert page.shown(again) == []
    assert page.tell("now?", "bob", **club) == "echo: now?"


def states_of(page: Page) -> list[str]:
    """The states of all questions, oldest first."""
    with closing(sqlite3.connect(page.host.folder / "var" / "surfacehost.db")) as store:
        return [state for (state,) in store.execute("select state from prompt order by id")]


def said_to(page: Page, chat: str, *kinds: str) -> list[dict[str, Any]]:
    """What of these kinds was shown in *chat*, to whatever event."""
    return [one for one in page.shown(None, *kinds) if one["chat"] == chat]


def ended(status: Any, event: str) -> bool:
    """Whether the host is done with *event*."""
    return any(way["event"] == event and way["steps"][-1][0] == "settled" for way in status["ways"])


def test_over_a_restart_by_the_clock_of_the_agent_and_while_that_is_away(tmp_path: Path) -> None:
    agent = AgentProcess(tmp_path)
    page = Page(tmp_path, f"{OPEN}[agent]\n{agent.settings}\n")
    with page.host:
        with agent:
            page.host.wait_ready(20)
            choices = {who: asked(page, who) for who in ("ann", "carol")}
            short = page.wait_shown(page.say("/demo approve notes.txt 2", "bob"), "prompt")
            club: dict[str, Any] = {"chat": "club", "direct": False}
            in_club, waits = asked(page, "gus", **club), page.say("me too", "hal", **club)
            page.host.wait_for(lambda status: status["inbox"].get("slate", {}).get("open") == 1)
            page.host.kill()
            page.host.start()
            assert page.tell("", "ann", choice=choices["ann"]["✅"]) == "Deleted notes.txt."
            said = page.wait_shown(f"host/expired/{short['to']}/3.1", "answer")
            assert said["text"] == "Cancelled: notes.txt is kept."
            [decided] = page.shown(said["to"], "decided")
            assert (decided["text"].partition("\n\n")[2], decided["chat"]) == ("⌛ Nobody decided in time.", "bob")
            late = page.tell("", "bob", choice=short["choices"][0]["id"])
            assert late.startswith("There is nothing to decide any more")
            assert page.shown(waits) == []
            assert page.tell("", "gus", choice=in_club["✅"], **club) == "Deleted notes.txt."
            assert page.final(waits) == "echo: me too"
            missed = page.wait_shown(page.say("/demo approve notes.txt 1", "dora"), "prompt")
        tap = page.say("", "carol", choice=choices["carol"]["✅"])
        assert page.final(tap).startswith("I can't reach the assistant")
        assert not page.shown(tap, "decided")
        assert states_of(page)[:3] == ["closed", "open", "closed"]  # it never heard of it, so it can be decided again
        page.host.wait_for(lambda status: ended(status, f"host/expired/{missed['to']}/5.1"), 20)
        with agent:
            page.tell("/status")  # which finds that it is back
            wait_until(lambda: said_to(page, "dora", "decided"), 20, page.host.log_tail)
            assert [one["text"].partition("\n\n")[2] for one in said_to(page, "dora", "decided")] == [
                "⌛ Nobody decided in time."
            ]
            assert said_to(page, "dora", "notice") == []  # she did not ask whether the assistant can be reached
            wait_until(lambda: states_of(page)[4] == "closed", 20, page.host.log_tail)


INTERRUPT = wire.Interrupt("i1", "Which?", schema={"properties": {"size": {"enum": ["S", "M", "_*_"]}}})
QUESTION = Message(surface="toy", id="e1", chat="c", sender="ann", direct=True, text="go", native={"n": 1})


def test_a_question_with_a_few_answers_has_a_choice_for_each() -> None:
    prompt = prompt_of([INTERRUPT], QUESTION, "ann", "en", now=100)
    assert [(one.choice.label, one.choice.mark) for one in prompt.options] == [
        ("S", "1️⃣"), ("M", "2️⃣"), ("_*_", "3️⃣"),
    ]  # fmt: skip
    assert shown(prompt, "en").startswith("Which?\n\nPlease answer with one of these: **S** · **M** · **")
    assert plain(shown(prompt, "en")).endswith(": S · M · _*_.")
    assert prompt.expires_at == 100 + 900
    taken = judged(
        prompt, Message(surface="toy", id="e2", chat="c", sender="ann", direct=True, text=" m."), 7, (), "en"
    )
    assert isinstance(taken, Prompt)
    assert taken.resume == ({"interruptId": "i1", "status": "resolved", "payload": {"size": "M"}},)
    denied = judged(
        prompt, Message(surface="toy", id="e2", chat="c", sender="ann", direct=True, text="нет"), 7, (), "en"
    )
    assert isinstance(denied, Prompt)
    assert denied.resume == ({"interruptId": "i1", "status": "cancelled"},)
    assert judged(taken, QUESTION, 7, (), "en") is taken  # the same event, after a crash
    assert judged(taken, QUESTION, 8, (), "en") is None  # another one, in a chat that shares the conversation
    occasion = load_event(prompt.occasion)
    assert (occasion.sender, occasion.native, occasion.chat) == ("", {}, "c")


@pytest.mark.parametrize(
    ("text", "moment"),
    [("2026-11-22T10:15:00Z", 1795342500), ("2026-11-22T13:15:00+03:00", 1795342500),
     ("2026-11-22T10:15:00", 1795342500), ("soon", 0), (None, 0)],
)  # fmt: skip
def test_when_a_question_expires_is_read_as_agents_write_it(text: str | None, moment: float) -> None:
    interrupt = {"id": "i", "reason": "r", **({"expiresAt": text} if text else {})}
    frame = {"type": "RUN_FINISHED", "runId": "r", "outcome": {"type": "interrupt", "interrupts": [interrupt]}}
    finished = wire.parse(json.dumps(frame), "t")
    assert isinstance(finished, wire.Finished)
    assert finished.interrupts[0].expires_at == moment


def test_what_is_too_late_is_refused_and_the_host_itself_says_nothing_to_nothing() -> None:
    occasion = Message(surface="toy", id="host/expired/e1", chat="c", sender="", direct=True, text="")
    assert judged(None, occasion, 7, (), "en") == Refusal()
    assert judged(None, QUESTION, 7, (), "en") is None
