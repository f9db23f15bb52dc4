"""The agent cut off, killed and started again: what came plus a sentence, never a silent half, never twice."""

import asyncio
import signal

import pytest
import pytest_asyncio
from tests.faults.conftest import Make, Stage
from tests.faults.talk import LOST, OVERLOADED, UNREACHABLE, in_part

from surfacehost_devkit.agentprocess import AgentProcess

HALF = "This is the first half of an answer,"
WHOLE = f"{HALF} and this is the second half."

CUTS = {
    "!demo drop 0": LOST,  # before the first word
    "!demo drop 10": f"This is th\n\n{LOST}",
    f"!demo drop {len(WHOLE)}": f"{WHOLE}\n\n{LOST}",  # after the last word, before the run has ended
    "!demo close 1012": f"{HALF}\n\n{OVERLOADED}",
}


@pytest_asyncio.fixture
async def apart(make: Make, agent: AgentProcess) -> Stage:
    """The stage with an agent of its own process."""
    stage = await make()
    stage.host.configure(stage.settings(agent=agent.settings))
    return stage


async def test_a_socket_cut_within_an_answer_is_said_and_the_rest_is_not_said_twice(apart: Stage) -> None:
    talk = await apart.go()
    for text, wanted in CUTS.items():
        await talk.say(text, wanted)
        await talk.say("and now?")
    await talk.check()
    await talk.check_agent()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_an_agent_ended_within_runs_leaves_a_sentence_and_answers_again_when_it_is_back(
    apart: Stage, agent: AgentProcess, number: int
) -> None:
    talk = await apart.go()
    await talk.say("!demo silent 60 text", in_part(HALF))
    await talk.say("behind it", "echo: behind it", UNREACHABLE)
    await apart.all_asked()
    await asyncio.to_thread(agent.end, number)
    await apart.seen(lambda status: status["ready"]["agent"] != "")
    await talk.check()
    await asyncio.to_thread(agent.start)
    await apart.ready()
    await talk.say("back?")
    await talk.check()


async def test_an_agent_restarted_again_and_again_under_load_answers_nothing_twice(
    apart: Stage, agent: AgentProcess
) -> None:
    talk = await apart.go()
    async with talk.going(in_part("echo: number 00")):
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            await apart.answered()
            await asyncio.to_thread(agent.end, number)
            await asyncio.to_thread(agent.start)
            await apart.ready()
    await talk.say("!demo stream 5 0.1", "word1 word2 word3 word4 word5")
    await talk.check()
