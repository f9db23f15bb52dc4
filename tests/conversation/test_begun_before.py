"""What a host had begun with before it was killed, and what people did in between."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from surfacehost_devkit.agentprocess import AgentProcess
from surfacehost_devkit.chaos.doom import Doom
from surfacehost_devkit.chaos.lives import Beginning
from surfacehost_devkit.hostprocess import wait_until

from .conftest import Page
from .test_killed import code_in
from .witness import Witness

SETTINGS = """
[defaults]
dm_policy = "{policy}"
allow = ["ann", "anna", "bob", "bob again", "carl", "carl again"]
rate_per_minute = 0
loop_limit = 0
"""


@dataclass(frozen=True, kw_only=True)
class Life:
    """A host, what it dies of, an agent that lives longer, and an extension that writes down what it hears."""

    page: Page
    agent: AgentProcess
    witness: Witness

    def configure(self, policy: str) -> None:
        self.page.host.configure(f"{SETTINGS.format(policy=policy)}[agent]\n{self.agent.settings}\n{self.page.table}")

    def begin(self, *, ends: str = "") -> None:
        """Start it; it *ends* at that point."""
        self.page.host._first = Beginning(None, Doom(point=ends)) if ends else None
        self.page.host.start().wait_ready()

    def end(self) -> None:
        wait_until(lambda: not self.page.host.is_alive, 20, self.page.host.log_tail)

    def running(self, text: str, who: str) -> str:
        """Have the agent at work on *text*."""
        id_ = self.page.say(text, who)
        self.asked(id_)
        return id_

    def asked(self, id_: str) -> None:
        self.page.host.wait_for(
            lambda status: any(way["event"] == id_ and way["steps"][-1][0] == "asked" for way in status["ways"])
        )


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    folder = tmp_path_factory.mktemp("before")
    witness = Witness(folder)
    with AgentProcess(folder) as agent:
        page = Page(folder)
        page.host._environ |= {
            name: f"{value}:{page.host._environ.get(name, '')}" for name, value in witness.environ.items()
        }
        life = Life(page=page, agent=agent, witness=witness)
        life.configure("pairing")
        yield life
        page.host.close()


@pytest.fixture
def life(lives: Life) -> Life:
    """It, running; each test is left with one that runs."""
    if not lives.page.host.is_alive:
        lives.begin()
    return lives


def test_whoever_was_turned_away_is_not_heard_of_where_they_are_let_in_since(life: Life) -> None:
    life.page.host.kill()
    life.configure("pairing")
    life.begin(ends="sent")
    event = life.page.say("let me in", "stranger")
    life.end()
    life.configure("open")
    life.begin()
    life.page.host.wait_for(lambda status: not status["inbox"])
    assert "this code" in life.page.final(event)
    assert life.page.tell("and now?", "stranger") == "echo: and now?"
    assert life.witness.heard[-1] == "and now?"
    assert "let me in" not in life.witness.heard


def test_a_question_stands_again_once_what_decided_it_was_taken_back_unheard(life: Life) -> None:
    page = life.page
    prompt = page.wait_shown(page.say("/demo approve notes.txt", "ann"), "prompt")
    life.agent.send_signal(signal.SIGSTOP)
    yes = life.running("yes", "ann")
    page.say("", "ann", kind="redaction", of=yes)
    after = page.say("/whoami", "ann")  # what was written before it is stored
    page.final(after)
    page.host.kill()
    life.agent.send_signal(signal.SIGCONT)
    life.begin()
    assert page.tell("", "ann", choice=prompt["choices"][0]["id"]) == "Deleted notes.txt."
    assert page.shown(yes) == []


def test_what_was_begun_before_is_not_changed_any_more(life: Life) -> None:
    slow = life.running("/demo slow 3", "ann")
    life.page.host.kill()
    life.begin()
    life.asked(slow)
    life.page.say("hello", "ann", kind="edit", of=slow)
    assert life.page.final(slow) == "I waited 3 s."


def test_what_was_begun_before_is_answered_in_the_conversation_it_was_asked_in(life: Life) -> None:
    page, codes = life.page, {}
    for who in ("bob", "carl"):
        first = code_in(page.tell("/link", who))
        codes[who] = code_in(page.tell(f"/link {first}", f"{who} again"))
    assert "goes on with the conversation" in page.tell(f"/link {codes['carl']} shared", "carl")
    slow = [life.running("/demo slow 4", who) for who in ("bob again", "carl again")]
    assert "goes on with the conversation" in page.tell(f"/link {codes['bob']} shared", "bob")
    assert "its own conversation again" in page.tell("/unlink", "carl again")
    page.host.kill()
    life.begin()
    assert [page.final(one) for one in slow] == ["I waited 4 s.", "I waited 4 s."]
    assert "slow" not in page.tell("/demo memory", "bob")
    assert "slow" not in page.tell("/demo memory", "carl again")
    assert "slow" in page.tell("/demo memory", "carl")


def test_what_is_asked_in_a_conversation_that_its_chat_has_left_meanwhile_is_withdrawn(life: Life) -> None:
    page = life.page
    code = code_in(page.tell(f"/link {code_in(page.tell('/link', 'ann'))}", "anna"))
    life.agent.send_signal(signal.SIGSTOP)
    asks = life.running("/demo approve notes.txt", "anna")
    assert "goes on with the conversation" in page.tell(f"/link {code} shared", "ann")
    life.agent.send_signal(signal.SIGCONT)
    page.wait_shown(asks, "prompt")
    wait_until(lambda: any(one["text"].endswith("↩ Withdrawn.") for one in page.shown(None, "decided")), 20)


def test_what_was_told_to_stop_stays_so_though_nobody_has_heard_that_it_did(life: Life) -> None:
    slow = life.running("/demo slow 60", "ann")
    life.agent.send_signal(signal.SIGSTOP)
    stop = life.page.say("/stop", "ann")
    life.page.host.wait_for(
        lambda status: any(way["event"] == stop and way["steps"][-1][0] == "settled" for way in status["ways"])
    )
    life.page.host.kill()
    life.agent.end()
    life.agent.start()  # which knows of nothing
    life.begin()
    assert life.page.final(slow) == "Stopped."
    assert life.page.tell("and now?", "ann") == "echo: and now?"
