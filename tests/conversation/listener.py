"""An agent that keeps what it was asked, plays by the contract, and takes its time when told to."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

Frame = dict[str, Any]

QUESTION: Frame = {
    "id": "i1", "reason": "input", "message": "Which size?",
    "responseSchema": {"type": "object", "properties": {"size": {"enum": ["small", "large", "very large indeed"]}}},
}  # fmt: skip
"""What it asks when told to ``choose``."""

MORE = ", and more of it" * 8
"""How a beginning goes on that is long enough to be shown at once, on any surface."""

SOON_S = 2.0
"""How long that can be decided when it is to ``choose soon``."""


@dataclass(slots=True)
class Run:
    """What was said in one run, and whether it has ended."""

    asked: Frame
    thread: str
    at: float = field(default_factory=time.time)
    """When it was asked, for the first time."""
    said: list[Frame] = field(default_factory=list)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the host has read the beginning of it."""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def text(self) -> str:
        return str(self.asked.get("text", ""))

    @property
    def is_over(self) -> bool:
        return bool(self.said) and self.said[-1]["type"] in ("RUN_FINISHED", "RUN_ERROR")

    async def beyond(self, place: int) -> None:
        """Wait until more was said than *place* frames."""
        async with self.changed:
            await self.changed.wait_for(lambda: place < len(self.said))

    async def say(self, *frames: Frame) -> None:
        async with self.changed:
            self.said += frames
            self.changed.notify_all()


class Listener:
    """A run goes on without its socket; one that is asked again is joined."""

    def __init__(self) -> None:
        self.url = ""
        self.runs: dict[str, Run] = {}
        self.asked: list[str] = []
        """The texts of every ``run`` that came, those that came again among them."""
        self.heeds_abort = True
        self.letters: dict[str, dict[str, str]] = {}
        """What was said unasked and is not confirmed, by thread."""
        self._sockets: dict[ServerConnection, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.news = asyncio.Condition()

    async def tell(self, thread: str, id_: str, text: str) -> None:
        """Say something in *thread* that nobody asked for, twice; and again to each who connects, until confirmed."""
        self.letters.setdefault(thread, {})[id_] = text
        for socket in [socket for socket, its in self._sockets.items() if its == thread]:
            await self._send_letters(socket, thread)
            await self._send_letters(socket, thread)

    async def hang_up(self, thread: str, code: int) -> None:
        """Close the connections of *thread* with this code, and forget them."""
        for socket in [socket for socket, its in self._sockets.items() if its == thread]:
            await socket.close(code)

    async def all_confirmed(self) -> None:
        """Wait until everything that was said unasked is confirmed."""
        async with asyncio.timeout(20), self.news:
            await self.news.wait_for(lambda: not any(self.letters.values()))

    async def _take_back(self, thread: str, id_: str) -> None:
        async with self.news:
            self.letters[thread].pop(id_, None)
            self.news.notify_all()

    async def _send_letters(self, socket: ServerConnection, thread: str) -> None:
        for id_, text in list(self.letters.get(thread, {}).items()):
            for frame in (_text(text, id_), {"type": "TEXT_MESSAGE_END", "messageId": id_}):
                await socket.send(json.dumps(frame))

    @classmethod
    @asynccontextmanager
    async def serve(cls) -> AsyncIterator[Self]:
        agent = cls()
        async with serve(agent._talk, "127.0.0.1", 0, subprotocols=[Subprotocol("ag-ui.v1")]) as server:
            agent.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
            yield agent
            for task in agent._tasks:
                task.cancel()

    async def run_of(self, text: str) -> Run:
        """The run that was asked *text*, once it is."""
        async with asyncio.timeout(20), self.news:
            await self.news.wait_for(lambda: text in self.asked)
        return next(run for run in self.runs.values() if run.text == text)

    async def again(self, text: str) -> Run:
        """Another run that was asked *text*, once there is one."""
        async with asyncio.timeout(20), self.news:
            await self.news.wait_for(lambda: len(self._runs_of(text)) > 1)
        return self._runs_of(text)[-1]

    def _runs_of(self, text: str) -> list[Run]:
        return [run for run in self.runs.values() if run.text == text]

    async def begun(self, text: str) -> Run:
        """The run that was asked *text*, once the host has read its beginning."""
        run = await self.run_of(text)
        async with asyncio.timeout(20):
            await run.heard.wait()
        return run

    async def _talk(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        thread = parse_qs(urlsplit(socket.request.path).query)["thread_id"][0]
        self._sockets[socket] = thread
        try:
            await self._send_letters(socket, thread)
            async for text in socket:
                frame = json.loads(text)
                if frame["type"] == "received":
                    await self._take_back(thread, frame["messageId"])
                    continue
                if frame["type"] == "abort" and not self.heeds_abort:
                    continue
                if frame["type"] == "abort":
                    self.runs[frame["runId"]].stopped.set()
                else:
                    self._start(self._follow(socket, await self._run(frame, thread)))
        except ConnectionClosed:  # the host was killed
            return
        finally:
            del self._sockets[socket]

    async def _run(self, frame: Frame, thread: str) -> Run:
        if (known := self.runs.get(frame["runId"])) is None:
            known = self.runs[frame["runId"]] = Run(frame, thread)
            self._start(self._perform(known))
        async with self.news:
            self.asked.append(str(frame.get("text", "")))
            self.news.notify_all()
        return known

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _perform(self, run: Run) -> None:
        id_ = run.asked["runId"]
        await run.say({"type": "RUN_STARTED", "runId": id_})
        words = (run.text.splitlines() or [json.dumps(run.asked["resume"][0].get("payload"))])[-1]
        if "tool" in words:
            await run.say({"type": "TOOL_CALL_START", "toolCallId": "t", "toolCallName": "search"})
        outcome = "success"
        if "slow" in words:
            more = MORE * ("long" in words)  # enough to be shown while it grows
            await run.say(*[_text(f"a beginning{more}")] * ("mute" not in words))
            stopped, released = (asyncio.create_task(one.wait()) for one in (run.stopped, run.may_go_on))
            await asyncio.wait({stopped, released}, return_when=asyncio.FIRST_COMPLETED)
            outcome = "cancelled" if stopped.done() else "success"
            stopped.cancel()
            released.cancel()
        if outcome == "success":
            await run.say(_text(f" heard: {run.text or words}"))
        ending: Frame = {"type": outcome}
        if "choose" in words:
            soon = (datetime.now(UTC) + timedelta(seconds=SOON_S)).isoformat()
            ending = {"type": "interrupt", "interrupts": [QUESTION | ({"expiresAt": soon} if "soon" in words else {})]}
        await run.say({"type": "RUN_FINISHED", "runId": id_, "outcome": ending})

    async def _follow(self, socket: ServerConnection, run: Run) -> None:
        place = 0
        while place < len(run.said) or not run.is_over:
            await run.beyond(place)
            try:
                await socket.send(json.dumps(run.said[place]))
                place += 1
                if place == len(run.said):
                    await (await socket.ping())
                    run.heard.set()
            except ConnectionClosed:  # the host was killed
                return


def _text(delta: str, id_: str = "m") -> Frame:
    return {"type": "TEXT_MESSAGE_CONTENT", "messageId": id_, "delta": delta}
