"""Killed in the middle of what the host itself does: that is done, and told once, with the right words."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from surfacehost_devkit.agentprocess import AgentProcess
from surfacehost_devkit.chaos.doom import Doom
from surfacehost_devkit.chaos.lives import Beginning
from surfacehost_devkit.hostprocess import wait_until

from .conftest import Page

SETTINGS = """
[defaults]
dm_policy = "pairing"
allow = ["ann", "boss", "ann again"]
owners = ["boss"]
busy = "queue"
rate_per_minute = 0
loop_limit = 0
"""

ASKED = "Delete notes.txt?\n\nPlease answer **yes** or **no**."

Final = tuple[str, str]
"""Kind and text of something that is shown for good."""

Step = Callable[[Page], tuple[str, Callable[[Page], list[Final]]]]
"""Says what the host will die of; the event that is answered, and what that must be, once the host runs again."""


def code_in(text: str) -> str:
    [code] = {*re.findall(r"\b[2-9A-HJ-NP-Z]{8}\b", text)}
    return str(code)


def finals(page: Page, to: str) -> list[Final]:
    return [(one["kind"], one["text"]) for one in page.shown(to) if one["kind"] != "preview"]


def offered(page: Page) -> tuple[str, Callable[[Page], list[Final]]]:
    event = page.say("/link", "ann")

    def told(page: Page) -> list[Final]:
        code = code_in(page.final(event))
        assert "/link " in page.tell(f"/link {code}", "ann again")  # the one that was told is good
        return [("notice", page.final(event))]

    return event, told


def claimed(page: Page) -> tuple[str, Callable[[Page], list[Final]]]:
    event = page.say(f"/link {code_in(page.tell('/link', 'ann'))}", "ann again")

    def told(page: Page) -> list[Final]:
        text = page.final(event)
        assert "stay apart" in page.tell(f"/link {code_in(text)} separate", "ann")
        assert page.tell("/unlink", "ann") == "This chat has its own conversation again."
        return [("notice", text)]

    return event, told


def confirmed(page: Page) -> tuple[str, Callable[[Page], list[Final]]]:
    second = code_in(page.tell(f"/link {code_in(page.tell('/link', 'ann'))}", "ann again"))
    event = page.say(f"/link {second} shared", "ann")

    def told(page: Page) -> list[Final]:
        text = page.final(event)
        assert "goes on with the conversation of this chat" in text
        assert "1/slate/ann/ann/~" in page.tell("/status", "ann again")
        return [("notice", text)]

    return event, told


def undone(page: Page) -> tuple[str, Callable[[Page], list[Final]]]:
    assert "1/slate/ann/ann/~" in page.tell("/status", "ann again")  # linked by the step before
    event = page.say("/unlink", "ann again")

    def told(page: Page) -> list[Final]:
        assert "1/slate/ann~20again/" in page.tell("/status", "ann again")
        return [("notice", "This chat has its own conversation again.")]

    return event, told


def knocked(page: Page) -> tuple[str, Callable[[Page], list[Final]]]:
    who = f"stranger {page.host.pid}"
    event = page.say("let me in", who)

    def told(page: Page) -> list[Final]:
        text = page.final(event)
        assert page.tell(f"/pair approve {code_in(text)}", "boss") == f"{who} is let in."
        return [("notice", text)]

    return event, told


def decided(page: Page) -> tuple[str, Callable[[Page], list[Final]]]:
    who = f"stranger {page.host.pid}"
    event = page.say(f"/pair approve {code_in(page.tell('let me in', who))}", "boss")

    def told(page: Page) -> list[Final]:
        page.final(event)
        assert page.tell("hello", who) == "echo: hello"
        return [("notice", f"{who} is let in.")]

    return event, told


def given_up(page: Page) -> tuple[str, Callable[[Page], list[Final]]]:
    slow = page.say("/demo slow 60", "ann")
    page.host.wait_for(lambda status: any(way["event"] == slow and "asked" in str(way) for way in status["ways"]))
    waiting = page.say("meanwhile", "ann")
    page.host.wait_for(lambda status: status["inbox"]["slate"]["open"] == 2)
    event = page.say("/stop", "ann")

    def told(page: Page) -> list[Final]:
        page.final(event)
        assert page.final(slow) == "Stopped."
        assert page.tell("and now?", "ann") == "echo: and now?"
        assert (len(finals(page, slow)), finals(page, waiting)) == (1, [])
        return [("notice", "Given up, of what was waiting: 1.")]

    return event, told


def asked(page: Page, more: str = "") -> dict[str, Any]:
    prompt = page.wait_shown(page.say(f"/demo approve notes.txt {more}", "ann"), "prompt")
    assert prompt["text"] == ASKED
    return prompt


def answered(page: Page) -> tuple[str, Callable[[Page], list[Final]]]:
    prompt = asked(page)
    event = page.say("", "ann", choice=prompt["choices"][0]["id"], sender_name="Ann")

    def told(page: Page) -> list[Final]:
        page.wait_shown(event, "answer")
        return [("decided", "Delete notes.txt?\n\n✅ Approve · Ann"), ("answer", "Deleted notes.txt.")]

    return event, told


def withdrawn(page: Page) -> tuple[str, Callable[[Page], list[Final]]]:
    asked(page)
    event = page.say("never mind", "ann again")  # linked by a step before: the same conversation

    def told(page: Page) -> list[Final]:
        page.wait_shown(event, "answer")
        wait_until(lambda: any(one["chat"] == "ann" for one in withdrawals(page)), 20, page.host.log_tail)
        assert [one["chat"] for one in withdrawals(page)] == ["ann"] * (1 + bool(before))
        return [("answer", "echo: never mind")]

    before = withdrawals(page)
    return event, told


def withdrawals(page: Page) -> list[dict[str, Any]]:
    return [one for one in page.shown(None, "decided") if one["text"].endswith("↩ Withdrawn.")]


def expired(page: Page) -> tuple[str, Callable[[Page], list[Final]]]:
    event = f"host/expired/{asked(page, '1')['to']}/"

    def told(page: Page) -> list[Final]:
        wait_until(lambda: any(one["to"].startswith(event) for one in page.shown(None, "answer")), 20)
        return [
            ("decided", "Delete notes.txt?\n\n⌛ Nobody decided in time."),
            ("answer", "Cancelled: notes.txt is kept."),
        ]

    return event, told


STEPS: dict[str, Step] = {
    "offer": offered,
    "claim": claimed,
    "confirm": confirmed,
    "show_elsewhere": withdrawn,
    "undo": undone,
    "knock": knocked,
    "decide": decided,
    "give_up": given_up,
    "take_prompt": answered,
    "tell_decided": answered,
    "expire": expired,
}
"""What is said for the host to do the step; one after the other, for those that build on each other."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("killed")
    with AgentProcess(folder) as agent:
        page = Page(folder, f"{SETTINGS}[agent]\n{agent.settings}\n")
        yield page
        page.host.close()


@pytest.mark.parametrize("when", ["inside", "after"])
def test_killed_around_what_the_host_does_itself(page: Page, when: str) -> None:
    for name, step in STEPS.items():
        page.host._first = Beginning(None, Doom(point=f"{name} {when}"))
        page.host.start().wait_ready()
        event, told = step(page)
        wait_until(lambda: not page.host.is_alive, 20, page.host.log_tail)
        assert not [one for one in page.shown(event) if one["kind"] == "answer"], name
        page.host._first = None
        with page.host:
            wanted = told(page)
            page.host.wait_for(lambda status: not status["inbox"])
            there = [(one["kind"], one["text"]) for one in page.answers() if one["to"].startswith(event)]
            assert [one for one in there if one[0] != "preview"] == wanted, name
