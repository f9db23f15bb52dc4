"""All of it through the real ``surfacehost run``: the host, its agent, a homeserver and a person."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
from tests.matrix.smallhost import settings_text

from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.matrixperson import MatrixPerson


@pytest_asyncio.fixture
async def room(homeserver: Homeserver, bot: Account, alice: MatrixPerson, tmp_path: Path) -> AsyncIterator[str]:
    settings = settings_text(homeserver.url, bot, more="edit_interval_s = 0.3")
    with HostProcess(tmp_path / "host", settings) as host:
        await asyncio.to_thread(host.wait_ready)
        room = await alice.create_room(direct=True, invite=[bot.user_id])
        await alice.wait_for(lambda: alice.seen.said(room, bot.user_id))
        yield room


async def test_answers_grow_questions_are_decided_files_go_both_ways_and_changes_are_heeded(
    room: str, alice: MatrixPerson, bot: Account, homeserver: Homeserver
) -> None:
    def said() -> list[str]:
        return alice.seen.said(room, bot.user_id)[1:]

    def offered() -> list[Any]:
        reactions = [e.content["m.relates_to"] for e in alice.seen.events[room] if e.type == "m.reaction"]
        return [one for one in reactions if one["key"] in ("✅", "❌")]

    asked = await alice.send(room, "!demo stream 60 0.03")
    await alice.wait_for(
        lambda: any(e.body.endswith("word60") for e in alice.seen.messages(room, after=asked, from_=bot.user_id))
    )
    first, *edits = alice.seen.messages(room, after=asked, from_=bot.user_id)
    assert len(edits) >= 2  # previews, and the answer
    assert not first.body.endswith("word60")
    assert {edit.replaces for edit in edits} == {first.event_id}
    assert edits[-1].body == f"* {said()[0]}"
    assert [edit.body for edit in edits[:-1]] == ["* …"] * (len(edits) - 1)

    await alice.send(room, "!demo approve")
    await alice.wait_for(lambda: len(offered()) == 2)
    (prompt,) = {one["event_id"] for one in offered()}
    await alice.react(room, prompt, "✅")
    await alice.wait_for(lambda: said()[-1] == "Deleted notes.txt.")
    marks = {e.event_id for e in alice.seen.events[room] if e.type == "m.reaction" and e.sender == bot.user_id}
    await alice.wait_for(lambda: marks <= {e.redacts for e in alice.seen.events[room] if e.type == "m.room.redaction"})
    assert said()[1].startswith("Delete notes.txt?\n\n✅ Approve")
    assert len(said()) == 3

    await alice.send(room, "!demo file image")
    await alice.wait_for(lambda: any(e.content.get("msgtype") == "m.image" for e in alice.seen.events[room]))
    (picture,) = [e for e in alice.seen.events[room] if e.content.get("msgtype") == "m.image"]
    assert (picture.body, picture.content["info"]["w"], picture.content["info"]["h"]) == ("square.png", 64, 64)

    headers = {"Authorization": f"Bearer {alice.account.access_token}"}
    async with httpx.AsyncClient(base_url=homeserver.url, headers=headers) as http:
        uploaded = await http.post("/_matrix/media/v3/upload", content=b"to be, or not to be")
    file = {"msgtype": "m.file", "url": uploaded.raise_for_status().json()["content_uri"], "filename": "plan.txt"}
    await alice.send(room, "what is it?", content={**file, "info": {"mimetype": "text/plain", "size": 19}})
    await alice.wait_for(lambda: "plan.txt" in said()[-1])
    assert "19" in said()[-1]

    slow = await alice.send(room, "!demo stream 400 0.05")  # 20 s, which nothing below waits for
    waiting = await alice.send(room, "first words")
    unwanted = await alice.send(room, "not this")
    await alice.wait_for(lambda: "word3" in said()[-1])
    await alice.edit(room, waiting, "second words")
    await alice.redact(room, unwanted)
    await alice.redact(room, slow)
    await alice.wait_for(lambda: said()[-1] == "echo: second words")
    assert not [text for text in said() if "first words" in text or "not this" in text or "word400" in text]
    question = await alice.send(room, "!demo stream 400 0.05")
    await alice.wait_for(lambda: "word3" in said()[-1])
    await alice.edit(room, question, "something else")
    await alice.wait_for(lambda: said()[-1] == "echo: something else")
    assert not [text for text in said() if "word400" in text]
