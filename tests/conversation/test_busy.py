"""Messages that come while the agent is at work, or in one breath: asked together, once, and settled together."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from surfacehost import Message
from surfacehost.behaviour import Behaviour
from surfacehost.busy import gathering
from surfacehost_devkit.hostprocess import wait_until

from .conftest import OPEN, Page


class Listener:
    """An agent that keeps what it was asked, and is slow over what says so until it may go on."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.may_go_on = threading.Semaphore(0)
        self._server = serve(self._talk, "127.0.0.1", 0, subprotocols=["ag-ui.v1"])  # type: ignore[list-item]
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def texts(self) -> list[str]:
        return [frame["text"] for frame in self.asked]

    def close(self) -> None:
        self.may_go_on.release(99)
        self._server.shutdown()
        self._thread.join()

    def _talk(self, socket: ServerConnection) -> None:
        try:
            for text in socket:
                self._answer(socket, json.loads(text))
        except ConnectionClosed:  # the host was killed
            return

    def _answer(self, socket: ServerConnection, frame: dict[str, Any]) -> None:
        if frame["type"] != "run":
            return
        self.asked.append(frame)
        socket.send(json.dumps({"type": "RUN_STARTED", "runId": frame["runId"]}))
        if "tool" in frame["text"]:
            socket.send(json.dumps({"type": "TOOL_CALL_START", "toolCallId": "t", "toolCallName": "search"}))
        if "slow" in frame["text"]:
            self.may_go_on.acquire(timeout=20)
        said = {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": f"heard: {frame['text']}"}
        for event in (said, {"type": "RUN_FINISHED", "runId": frame["runId"]}):
            socket.send(json.dumps(event))


@pytest.fixture
def agent() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


def stored(page: Page, id_: str) -> bool:
    with closing(sqlite3.connect(page.host.folder / "var" / "surfacehost.db")) as store:
        return bool(store.execute("select 1 from inbox where event_id = ?", [id_]).fetchall())


def page_with(agent: Listener, folder: Path, table: str = "debounce_s = 0.3\n") -> Page:
    return Page(folder, f'{OPEN}[agent]\nembedded = false\nurl = "{agent.url}"\n', table)


def test_what_comes_meanwhile_is_one_run_settled_together_also_when_killed(tmp_path: Path, agent: Listener) -> None:
    page = page_with(agent, tmp_path)
    with page.host:
        page.say("slow")
        wait_until(lambda: agent.asked, 20, page.host.log_tail)
        group: dict[str, Any] = {"chat": "club", "direct": False}
        ids = [page.say("one"), page.say("two slow"), page.say("three")]
        page.host.wait_for(lambda status: status["inbox"]["slate"]["open"] == 4)
        agent.may_go_on.release()
        wait_until(lambda: len(agent.asked) > 1, 20, page.host.log_tail)
        page.host.kill()
        page.say("a later one")
        agent.may_go_on.release(2)
        page.host.start()
        assert page.final(ids[0]) == "heard: one\ntwo slow\nthree"
        page.host.wait_for(lambda status: not status["inbox"])
        again = [frame for frame in agent.asked if frame["text"].startswith("one")]
        assert len(again) == 2
        assert again[0]["runId"] == again[1]["runId"]
        assert [one["id"] for one in again[0]["messages"]] == ids
        assert [one["content"][0]["text"] for one in again[0]["messages"]] == ["one", "two slow", "three"]
        assert page.shown(ids[1]) == page.shown(ids[2]) == []
        assert agent.texts()[-1] == "a later one"

        agent.asked.clear()
        page.say("slow", "ann", **group)
        wait_until(lambda: agent.asked, 20, page.host.log_tail)
        ids = [
            page.say(text, who, **group) for text, who in (("a1", "ann"), ("a2", "ann"), ("b1", "bob"), ("/x", "bob"))
        ]
        page.host.wait_for(lambda status: status["inbox"]["slate"]["open"] == 5)
        agent.may_go_on.release()
        page.final(ids[-1])
        assert agent.texts() == ["slow", "a1\na2", "b1", "/x"]


def test_an_album_and_a_long_text_come_in_pieces(tmp_path: Path, agent: Listener) -> None:
    page = page_with(agent, tmp_path, 'debounce_s = 1.5\nbusy = "queue"\n')
    with page.host:
        first = page.say("look", bundle="album")
        page.host.wait_for(lambda status: status["inbox"])
        page.say("", bundle="album")
        page.say("and this", bundle="album")
        assert page.final(first) == "heard: look\nand this"
        long = page.say("x" * 4000)
        page.say("its end")
        assert page.final(long).endswith("x\nits end")
        assert [len(frame["messages"]) for frame in agent.asked] == [2, 2]  # an empty one is none
        agent.asked.clear()
        page.say("slow")
        wait_until(lambda: agent.asked, 20, page.host.log_tail)
        last = [page.say("one"), page.say("two")][-1]
        agent.may_go_on.release()
        page.final(last)
        assert agent.texts() == ["slow", "one", "two"]
        tool = page.say("slow tool")
        wait_until(lambda: len(agent.asked) == 4, 20, page.host.log_tail)
        edit = page.say("other words", kind="edit", of=tool)
        wait_until(lambda: stored(page, edit), 20, page.host.log_tail)
        agent.may_go_on.release()
        assert page.final(tool) == "heard: slow tool"  # it had acted: what was begun is ended


def message(text: str, sender: str = "ann", **fields: Any) -> Message:
    return Message(surface="toy", id=text, chat="c", sender=sender, direct=True, text=text, **fields)


def test_what_stands_alone() -> None:
    joins = gathering(Behaviour()).joins
    assert joins(message("a"), message("b"))
    for alone in (
        message("/demo tool"),
        message("!stop"),
        message("Yes."),
        message("", choice="abc"),
        message("b", sender="bob"),
    ):
        assert not joins(message("a"), alone)
        assert not joins(alone, message("a"))
    assert not gathering(Behaviour(busy="queue")).joins(message("a"), message("b"))
