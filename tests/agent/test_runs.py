"""A runId runs once, whoever asks and however often; runs end well, badly or by an abort."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from tests.agent.contract_client import Client, Connect, check_order, connected, text_of

from platform_agent import AgentError, AgentServer, Thread, Turn, events
from platform_agent.events import Frame
from platform_agent.runs import Answers, Run


class Gate:
    """A backend that counts its runs, says half, waits until it may go on, and says the rest."""

    def __init__(self) -> None:
        self.runs = 0
        self.ended = asyncio.Event()
        self.go_on = asyncio.Event()

    async def run(self, thread: Thread, turn: Turn) -> AsyncGenerator[Frame, None]:
        self.runs += 1
        try:
            yield events.started(turn.run_id)
            yield events.begin_text("m")
            for event in events.add_text("m", f"{len(thread.said)} before; "):
                yield event
            await self.go_on.wait()
            for event in events.add_text("m", "done"):
                yield event
            yield events.end_text("m")
        finally:
            self.ended.set()


async def test_a_known_run_id_repeats_the_same_frames(client: Client) -> None:
    first = await client.run("hello", run_id="r1")
    assert await client.run("hello", run_id="r1") == first
    assert await client.run("other words", run_id="r1") == first
    assert await client.say("/demo memory") == "I remember:\n1. hello"


async def test_a_second_client_joins_a_run_from_its_beginning() -> None:
    gate = Gate()
    async with AgentServer.serve(backend=gate) as server, connected(server.url) as one, connected(server.url) as two:
        await one.send_run("hi", run_id="r1")
        half = await one.until("TEXT_MESSAGE_CONTENT")
        await two.send_run("hi", run_id="r1")
        assert await two.until("TEXT_MESSAGE_CONTENT") == half
        gate.go_on.set()
        assert await one.rest() == await two.rest()
    assert gate.runs == 1


async def test_the_same_run_twice_on_one_socket_is_sent_once() -> None:
    gate = Gate()
    async with AgentServer.serve(backend=gate) as server, connected(server.url) as client:
        await client.send_run("hi", run_id="r1")
        await client.until("TEXT_MESSAGE_CONTENT")
        await client.send_run("hi", run_id="r1")
        gate.go_on.set()
        assert text_of(await client.rest()) == "done"
        await client.send_run("next", run_id="r2")
        assert (await client.frame())["runId"] == "r2"


async def test_a_run_goes_on_without_its_client_and_is_joined_later() -> None:
    gate = Gate()
    async with AgentServer.serve(backend=gate) as server:
        async with connected(server.url) as client:
            await client.send_run("hi", run_id="r1")
            await client.until("TEXT_MESSAGE_CONTENT")
        gate.go_on.set()
        async with asyncio.timeout(5):
            await gate.ended.wait()
        async with connected(server.url) as client:
            assert text_of(await client.run("hi", run_id="r1")) == "0 before; done"
            assert text_of(await client.run("more", run_id="r2")) == "2 before; done"
    assert gate.runs == 2


async def test_another_run_in_the_thread_is_refused_as_busy_and_welcome_later() -> None:
    gate = Gate()
    async with AgentServer.serve(backend=gate) as server, connected(server.url) as one, connected(server.url) as two:
        await one.send_run("hi", run_id="r1")
        await one.until("TEXT_MESSAGE_CONTENT")
        [refusal] = await two.run("me too", run_id="r2")
        assert (refusal["code"], refusal["metadata"]["runId"]) == ("busy", "r2")
        async with connected(server.url, "1/test/other/b/~") as other:
            await other.send_run("another thread")
            await other.until("TEXT_MESSAGE_CONTENT")
        gate.go_on.set()
        await one.rest()
        assert text_of(await two.run("me too", run_id="r2")) == "2 before; done"


@pytest.mark.parametrize("run_id", ["r1", None])
async def test_abort_cancels_and_closes_what_is_open(run_id: str | None) -> None:
    gate = Gate()
    async with AgentServer.serve(backend=gate) as server, connected(server.url) as client:
        await client.send_run("hi", run_id="r1")
        frames = await client.until("TEXT_MESSAGE_CONTENT")
        await client.socket.send(json.dumps({"type": "abort", **({"runId": run_id} if run_id else {})}))
        frames += await client.rest()
        check_order(frames)
        assert frames[-1]["outcome"] == {"type": "cancelled"}
        assert gate.ended.is_set()
        assert await client.run("hi", run_id="r1") == frames
        gate.go_on.set()
        assert text_of(await client.run("next", run_id="r2")) == "2 before; done"


async def test_abort_of_a_silent_run_still_begins_and_ends_it(client: Client) -> None:
    await client.send_run("/demo silent 60", run_id="r1")
    await client.abort("r1")
    assert [frame["type"] for frame in await client.rest()] == ["RUN_STARTED", "RUN_FINISHED"]


async def test_abort_of_another_run_changes_nothing(client: Client) -> None:
    await client.abort("never heard of")
    await client.send_run("/demo silent 0 start", run_id="r1")
    await client.abort("r0")
    assert (await client.rest())[-1]["outcome"] == {"type": "success"}


async def test_a_run_that_takes_too_long_ends_as_timeout() -> None:
    async with AgentServer.serve(run_timeout_s=0.05) as server, connected(server.url) as client:
        frames = await client.run("/demo slow 60")
        assert frames[-1]["code"] == "timeout"
        assert await client.say("hi") == "echo: hi"


class Refuser:
    """A backend that refuses with every detail there is."""

    async def run(self, thread: Thread, turn: Turn) -> AsyncGenerator[Frame, None]:
        if not thread.notes.setdefault("tried", []):
            thread.notes["tried"].append(turn.run_id)
            raise AgentError("rate_limited", "slow down", retry_after=2.5, detail="why")
        yield events.started(turn.run_id)


async def test_a_refused_run_was_not_begun() -> None:
    async with AgentServer.serve(backend=Refuser()) as server, connected(server.url) as client:
        [refusal] = await client.run("hi", run_id="r1")
        assert refusal["metadata"] == {"runId": "r1", "retryAfter": 2.5, "detail": "why"}
        assert not next(iter(server.threads)).said
        assert (await client.run("hi", run_id="r1"))[-1]["type"] == "RUN_FINISHED"


async def test_an_answer_no_longer_kept_is_not_given_a_second_time(client: Client) -> None:
    await client.run("first", run_id="r0")
    for number in range(1, 18):
        await client.run("x", run_id=f"r{number}")
    [refusal] = await client.run("first", run_id="r0")
    assert refusal["code"] == "lost"
    assert (await client.say("/demo memory")).count("first") == 1


def test_answers_are_bounded() -> None:
    answers = Answers(keep=3, keep_chars=10_000, keep_ids=5)
    for number in range(20):
        run = Run(f"r{number}")
        answers.put(run)
        run.end(events.finished(run.id))
    kept = [number for number in range(20) if answers.get(f"r{number}")]
    forgotten = [number for number in range(20) if answers.was_forgotten(f"r{number}")]
    assert (kept, forgotten) == ([17, 18, 19], [12, 13, 14, 15, 16])


def test_a_large_answer_pushes_out_the_small_ones() -> None:
    answers = Answers(keep=10, keep_chars=1000)
    for number in range(3):
        run = Run(f"r{number}")
        answers.put(run)
        for event in events.add_text("m", "x" * 900):
            run.add(event)
    answers.put(Run("last"))
    assert [name for name in ("r0", "r1", "r2", "last") if answers.get(name)] == ["r2", "last"]


async def read(run: Run) -> list[Any]:
    return [frame async for frame in run.follow()]


async def test_followers_read_everything_whenever_they_come() -> None:
    run = Run("r")
    early = asyncio.create_task(read(run))
    for number in range(5):
        run.add(events.status(str(number)))
        await asyncio.sleep(0)
    late = asyncio.create_task(read(run))
    await asyncio.sleep(0)
    run.end(events.finished("r"))
    async with asyncio.timeout(5):
        assert await early == await late == await read(run)
    assert len(await read(run)) == 7


async def test_every_thread_runs_side_by_side(connecting: Connect) -> None:
    async def one(number: int) -> str:
        async with connecting(f"1/test/{number}/b/~") as client:
            return await client.say(f"/demo stream {number} 0")

    async with asyncio.timeout(20):
        answers = await asyncio.gather(*(one(number) for number in range(1, 21)))
    assert [len(answer.split()) for answer in answers] == list(range(1, 21))
