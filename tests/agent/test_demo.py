"""What each `/demo` command answers, to the letter; the client judges every frame by AG-UI's models."""

import base64
import json
from typing import Any

import pytest
from tests.agent.contract_client import Client, Connect, text_of
from websockets.exceptions import ConnectionClosedError

from platform_agent import showcase
from platform_agent.backend import CODES
from platform_agent.events import PIECE_CHARS


def of_type(frames: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [frame for frame in frames if frame["type"] == kind]


@pytest.mark.parametrize("text", ["hi", "привет 👋🏽", "a\nb", "demo", "/other", "<b>&amp;", "\x00\x7f"])
async def test_any_other_text_is_echoed(client: Client, text: str) -> None:
    assert await client.say(text) == f"echo: {text}"


async def test_half_a_surrogate_pair_is_echoed(client: Client) -> None:
    assert await client.say("\ud83d") == "echo: \ud83d"


async def test_a_text_near_the_frame_limit_comes_back_in_small_pieces(client: Client) -> None:
    text = "я" * 300_000
    await client.socket.send(json.dumps({"type": "message", "text": text}, ensure_ascii=False))
    frames = await client.rest()
    assert text_of(frames) == f"echo: {text}"
    assert max(len(frame["delta"]) for frame in of_type(frames, "TEXT_MESSAGE_CONTENT")) <= PIECE_CHARS


async def test_attachments_are_named(client: Client) -> None:
    image = {
        "type": "image",
        "source": {"type": "url", "value": "http://127.0.0.1:1/f", "mimeType": "image/png"},
        "metadata": {"name": "cat.png", "size": 48211},
    }
    content = [{"type": "text", "text": "look"}, image]
    frames = await client.run("look", messages=[{"id": "m1", "role": "user", "content": content}])
    assert text_of(frames) == "echo: look\nattachment: image cat.png (image/png, 48211 bytes)"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("/demo tool", "The search found 3 results."),
        ("/demo think", "I have thought about it."),
        ("/demo status 2 0", "2 steps done."),
        ("/demo slow 0.01", "I waited 0.01 s."),
        ("/demo stream 4 0", "word1 word2 word3 word4"),
        ("/demo stream 0 0", ""),
        ("/demo empty", ""),
        ("/demo markdown", showcase.MARKDOWN),
        ("/demo cut", "This answer ends in the middle of a"),
        ("/demo file", "Here is hello.txt."),
        ("/demo drop 99999", "usage: /demo drop [chars]"),
        ("/demo stream nan", "usage: /demo stream [n] [s] [bold|wide]"),
        ("/demo stream 3 0 red", "usage: /demo stream [n] [s] [bold|wide]"),
        ("/demo garbage other", "usage: /demo garbage [unknown|malformed|text|binary|huge]"),
        ("/demo error", "usage: /demo error <code> [s]"),
        ("/demo refuse", "usage: /demo refuse <code> [n] [s]"),
        ("/demo silent 0 never", "usage: /demo silent [s] [nothing|start|text]"),
        ("/demo silent 0.01", "I was silent for 0.01 s."),
        ("/demo silent 0 start", "I was silent for 0 s."),
        ("/demo silent 0 text", "This is the first half of an answer, I was silent for 0 s."),
        ("!demo  TOOL", "The search found 3 results."),
        ("/demo memory", "I remember nothing."),
    ],
)
async def test_commands_answer_exactly(client: Client, command: str, answer: str) -> None:
    assert await client.say(command) == answer


async def test_help_lists_every_command(client: Client) -> None:
    listed = await client.say("/demo")
    assert listed == await client.say("/demo help")
    assert listed.count("\n/demo ") == 24
    assert await client.say("/demo nonsense") == f"There is no such command.\n{listed}"


async def test_memory_lists_what_was_said(client: Client) -> None:
    await client.say("one")
    await client.say("two")
    assert await client.say("/demo memory") == "I remember:\n1. one\n2. two"


async def test_context_repeats_what_the_host_told(client: Client) -> None:
    message = {
        "id": "$1",
        "role": "user",
        "name": "Alice",
        "content": "/demo context",
        "metadata": {"userId": "@alice:example.org"},
    }
    context = [{"description": "surface", "value": "matrix"}, {"description": "locale", "value": "ru"}]
    frames = await client.run("/demo context", messages=[message], context=context)
    assert text_of(frames) == "locale: ru\nsurface: matrix\nmessage $1 from Alice (@alice:example.org)"


@pytest.mark.parametrize("chars", [0, 1, 20, 4096, 12_000])
@pytest.mark.parametrize("kind", ["text", "code"])
async def test_long_has_exactly_so_many_characters(client: Client, chars: int, kind: str) -> None:
    text = await client.say(f"/demo long {chars} {kind}")
    assert len(text) == chars
    assert text == showcase.long_text(chars, code=kind == "code")
    assert (text.count("```") == 2) == (kind == "code" and chars >= 20)


async def test_tool_shows_its_call_and_result(client: Client) -> None:
    frames = await client.run("/demo tool")
    assert [frame["toolCallName"] for frame in of_type(frames, "TOOL_CALL_START")] == ["search"]
    assert [frame["content"] for frame in of_type(frames, "TOOL_CALL_RESULT")] == ["3 results"]
    assert [frame["stepName"] for frame in of_type(frames, "STEP_STARTED")] == ["research"]


async def test_status_lines_are_counted(client: Client) -> None:
    frames = await client.run("/demo status 2 0")
    assert [frame["value"]["text"] for frame in of_type(frames, "CUSTOM")] == ["step 1 of 2", "step 2 of 2"]


@pytest.mark.parametrize(
    ("command", "name", "kind", "data"),
    [
        ("/demo file", "hello.txt", "document", b"Hello, file!\n"),
        ("/demo file text 5", "hello.txt", "document", b"Hello"),
        ("/demo file image", "square.png", "image", showcase.picture()),
        ("/demo file image 300000", "square.png", "image", showcase.picture(300_000)),
        ("/demo file sound 50 of a *beep*", "beep.wav", "audio", showcase.sound(50)),
    ],
)
async def test_files_arrive_whole(client: Client, command: str, name: str, kind: str, data: bytes) -> None:
    part = of_type(await client.run(command), "CUSTOM")[0]["value"]
    assert part["type"] == kind
    caption = {"caption": "of a *beep*"} if kind == "audio" else {}
    assert part["metadata"] == {"name": name, "size": len(data), **caption}
    assert base64.b64decode(part["source"]["value"]) == data


async def test_the_largest_file_fits_in_a_frame(client: Client) -> None:
    assert text_of(await client.run("/demo file text 600000")) == "Here is hello.txt."


async def test_cut_says_why_it_stopped(client: Client) -> None:
    assert (await client.run("/demo cut"))[-1]["result"] == {"stopReason": "length"}


@pytest.mark.parametrize("code", [*CODES, "of_tomorrow"])
async def test_error_fails_after_the_start(client: Client, code: str) -> None:
    frames = await client.run(f"/demo error {code} 7", run_id="r")
    assert [frame["type"] for frame in frames] == ["RUN_STARTED", "RUN_ERROR"]
    assert frames[-1]["code"] == code
    assert frames[-1]["metadata"] == {"runId": "r", "retryAfter": 7.0, "detail": f"/demo error {code}"}


async def test_partial_fails_in_mid_answer(client: Client) -> None:
    frames = await client.run("/demo partial overloaded")
    assert text_of(frames) == "This is the first half of an answer, "
    assert frames[-1]["code"] == "overloaded"
    assert "retryAfter" not in frames[-1]["metadata"]


@pytest.mark.parametrize(
    ("command", "code", "refusals"),
    [("/demo busy 2", "busy", 2), ("/demo refuse overloaded", "overloaded", 1), ("/demo refuse x 3 1", "x", 3)],
)
@pytest.mark.parametrize("run_ids", ["same", "new"])
async def test_refusals_come_before_the_start(
    client: Client, command: str, code: str, refusals: int, run_ids: str
) -> None:
    for attempt in range(refusals):
        [refusal] = await client.run(command, run_id="r" if run_ids == "same" else f"r{attempt}")
        assert (refusal["type"], refusal["code"]) == ("RUN_ERROR", code)
    frames = await client.run(command, run_id="r")
    assert text_of(frames) == f"Accepted after {refusals} refusals."
    assert await client.say("/demo memory") == f"I remember:\n1. {command}"


async def test_crash_fails_without_its_text(client: Client) -> None:
    frames = await client.run("/demo crash")
    assert (frames[-1]["code"], frames[-1]["message"]) == ("internal", "the backend failed: RuntimeError")
    assert await client.say("still there?") == "echo: still there?"


async def until_the_end(client: Client) -> tuple[list[dict[str, Any]], ConnectionClosedError]:
    frames = []
    try:
        while True:
            frames.append(await client.frame())
    except ConnectionClosedError as end:
        return frames, end


@pytest.mark.parametrize(("command", "received"), [("/demo drop 5", 5), ("/demo drop", 37), ("/demo drop 0", 0)])
async def test_drop_cuts_after_so_many_characters(connecting: Connect, command: str, received: int) -> None:
    async with connecting() as client:
        await client.send_run(command, run_id="r")
        frames, lost = await until_the_end(client)
    assert lost.rcvd is None
    assert len(text_of(frames)) == received
    async with connecting() as client:
        whole = text_of(await client.run(command, run_id="r"))
    assert whole == "This is the first half of an answer, and this is the second half."


@pytest.mark.parametrize("code", [1011, 1012, 1013, 4401])
async def test_close_closes_with_the_code(connecting: Connect, code: int) -> None:
    async with connecting() as client:
        await client.send_run(f"/demo close {code}", run_id="r")
        frames, lost = await until_the_end(client)
    assert lost.rcvd is not None
    assert lost.rcvd.code == code
    assert text_of(frames) == "This is the first half of an answer, "


async def test_garbage_is_well_formed_json_around_a_real_answer(client: Client) -> None:
    await client.send_run("/demo garbage")
    frames = [json.loads(await client.socket.recv()) for _ in range(12)]
    assert frames[-1]["type"] == "RUN_FINISHED"
    assert text_of([frame for frame in frames if "delta" in frame]) == "That was garbage: unknown."


@pytest.mark.parametrize(
    ("kind", "frame"),
    [
        ("malformed", '{"type":"TEXT_MESSAGE_CONTENT","messageId":7,"delta":{"text":"wrong"}}'),
        ("text", "this is not JSON"),
        ("binary", b"\xff\xfe\x00\x01"),
    ],
)
async def test_broken_frames_come_after_the_start(client: Client, kind: str, frame: str | bytes) -> None:
    await client.send_run(f"/demo garbage {kind}")
    assert (await client.frame())["type"] == "RUN_STARTED"
    assert await client.socket.recv() == frame
    assert text_of(await client.rest()) == f"That was garbage: {kind}."


async def test_the_huge_frame_is_over_the_limit(client: Client) -> None:
    await client.send_run("/demo garbage huge")
    assert (await client.frame())["type"] == "RUN_STARTED"
    with pytest.raises(ConnectionClosedError) as lost:
        await client.socket.recv()
    assert lost.value.sent is not None
    assert lost.value.sent.code == 1009
