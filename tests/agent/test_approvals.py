"""A run ends with a question; the next one answers it, all of it, in time, or withdraws it."""

import re
from datetime import datetime
from typing import Any

import pytest
from tests.agent.contract_client import Client, text_of


def interrupts(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    assert frames[-1]["outcome"]["type"] == "interrupt"
    found: list[dict[str, Any]] = frames[-1]["outcome"]["interrupts"]
    return found


def results(frames: list[dict[str, Any]]) -> list[str]:
    return [frame["content"] for frame in frames if frame["type"] == "TOOL_CALL_RESULT"]


def decide(interrupt: dict[str, Any], payload: object = None, *, status: str = "resolved") -> dict[str, Any]:
    return {"interruptId": interrupt["id"], "status": status, "payload": payload}


async def test_the_question_has_everything_a_prompt_needs(client: Client) -> None:
    frames = await client.run("/demo approve", run_id="r1")
    [question] = interrupts(frames)
    assert question["id"] == "r1-int-1"
    assert question["message"] == "Delete notes.txt?"
    assert question["toolCallId"] == "r1-call-1"
    assert question["responseSchema"]["properties"] == {"approved": {"type": "boolean"}}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", question["expiresAt"])
    assert datetime.fromisoformat(question["expiresAt"]).tzinfo is not None
    assert text_of(frames) == ""


@pytest.mark.parametrize(
    ("payload", "result", "answer"),
    [
        ({"approved": True}, "deleted", "Deleted notes.txt."),
        ({"approved": False}, "denied", "Denied: notes.txt is kept."),
        ({"approved": "yes"}, "denied", "Denied: notes.txt is kept."),
        (None, "denied", "Denied: notes.txt is kept."),
    ],
)
async def test_the_answer_decides(client: Client, payload: object, result: str, answer: str) -> None:
    [question] = interrupts(await client.run("/demo approve"))
    frames = await client.run(resume=[decide(question, payload)])
    assert (results(frames), text_of(frames)) == ([result], answer)


async def test_cancelled_alone_is_reported(client: Client) -> None:
    [question] = interrupts(await client.run("/demo approve"))
    frames = await client.run(resume=[decide(question, status="cancelled")])
    assert (results(frames), text_of(frames)) == (["cancelled"], "Cancelled: notes.txt is kept.")


@pytest.mark.parametrize("resumes", [True, False])
async def test_a_new_message_withdraws_the_question(client: Client, *, resumes: bool) -> None:
    [question] = interrupts(await client.run("/demo approve"))
    resume = [decide(question, status="cancelled")] if resumes else []
    frames = await client.run("never mind", resume=resume)
    assert (results(frames), text_of(frames)) == (["cancelled"], "echo: never mind")
    [refusal] = await client.run(resume=[decide(question, {"approved": True})])
    assert refusal["code"] == "protocol"


async def test_several_questions_are_answered_together(client: Client) -> None:
    one, two = interrupts(await client.run("/demo approve a.txt b.txt"))
    [refusal] = await client.run(resume=[decide(one, {"approved": True})])
    assert refusal["code"] == "protocol"
    frames = await client.run(resume=[decide(two, {"approved": False}), decide(one, {"approved": True})])
    assert (results(frames), text_of(frames)) == (["deleted", "denied"], "Deleted a.txt.\nDenied: b.txt is kept.")


async def test_a_late_answer_changes_nothing(client: Client) -> None:
    [question] = interrupts(await client.run("/demo approve notes.txt 0"))
    frames = await client.run(resume=[decide(question, {"approved": True})])
    assert (results(frames), text_of(frames)) == (["expired"], "Too late: notes.txt is kept.")


async def test_the_same_answer_twice_deletes_once(client: Client) -> None:
    [question] = interrupts(await client.run("/demo approve"))
    first = await client.run(run_id="r2", resume=[decide(question, {"approved": True})])
    assert await client.run(run_id="r2", resume=[decide(question, {"approved": True})]) == first
    [refusal] = await client.run(run_id="r3", resume=[decide(question, {"approved": True})])
    assert refusal["code"] == "protocol"


async def test_a_question_is_open_in_its_own_thread_only(client: Client, connecting: Any) -> None:
    [question] = interrupts(await client.run("/demo approve"))
    async with connecting("1/test/other/b/~") as other:
        [refusal] = await other.run(resume=[decide(question, {"approved": True})])
        assert refusal["code"] == "protocol"
    assert text_of(await client.run(resume=[decide(question, {"approved": True})])) == "Deleted notes.txt."
