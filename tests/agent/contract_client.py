"""A client of the agent contract that judges every frame by AG-UI's own models."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from urllib.parse import quote

from ag_ui.core import Event, RunAgentInput
from pydantic import TypeAdapter
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

_EVENT: TypeAdapter[Any] = TypeAdapter(Event)
_ENDINGS = ("RUN_FINISHED", "RUN_ERROR")
_OPENS = {
    "TEXT_MESSAGE_START": "TEXT_MESSAGE_END",
    "REASONING_START": "REASONING_END",
    "REASONING_MESSAGE_START": "REASONING_MESSAGE_END",
    "TOOL_CALL_START": "TOOL_CALL_END",
    "STEP_STARTED": "STEP_FINISHED",
}


def check_event(frame: dict[str, Any], thread_id: str) -> None:
    """Fail unless the frame is an AG-UI event with no field that AG-UI does not know."""
    whole = {**frame, "threadId": thread_id} if frame["type"] in ("RUN_STARTED", "RUN_FINISHED") else frame
    event = _EVENT.validate_python(whole)
    assert not event.model_extra, f"fields that AG-UI does not know: {event.model_extra}"
    assert event.model_dump(mode="json", by_alias=True) == whole


def check_order(frames: list[dict[str, Any]]) -> None:
    """Fail unless the run begins, closes what it opens and ends once, as AG-UI asks."""
    kinds = [frame["type"] for frame in frames]
    assert kinds[0] in ("RUN_STARTED", "RUN_ERROR")
    assert [kind for kind in kinds if kind in _ENDINGS] == [kinds[-1]]
    if kinds[-1] == "RUN_FINISHED":
        for opening, closing in _OPENS.items():
            assert kinds.count(opening) == kinds.count(closing), opening


def text_of(frames: list[dict[str, Any]]) -> str:
    """The assistant's words."""
    return "".join(frame["delta"] for frame in frames if frame["type"] == "TEXT_MESSAGE_CONTENT")


class Client:
    """One socket on one thread."""

    def __init__(self, socket: ClientConnection, thread_id: str) -> None:
        self.socket = socket
        self.thread_id = thread_id

    async def send_run(self, text: str = "", *, run_id: str = "", **fields: Any) -> str:
        """Send a run frame that AG-UI's input model accepts."""
        run_id = run_id or f"run-{uuid.uuid4()}"
        message = {"id": f"m-{run_id}", "role": "user", "content": text}
        frame = {
            "type": "run",
            "runId": run_id,
            "protocolVersion": "1.0",
            "text": text,
            "messages": [message] if text else [],
            **fields,
        }
        RunAgentInput.model_validate({**frame, "threadId": self.thread_id})
        await self.socket.send(json.dumps(frame))
        return run_id

    async def abort(self, run_id: str) -> None:
        await self.socket.send(json.dumps({"type": "abort", "runId": run_id}))

    async def frame(self) -> dict[str, Any]:
        """The next frame, checked."""
        async with asyncio.timeout(10):
            frame: dict[str, Any] = json.loads(await self.socket.recv())
        check_event(frame, self.thread_id)
        return frame

    async def until(self, kind: str) -> list[dict[str, Any]]:
        """The frames up to one of this type."""
        frames = [await self.frame()]
        while frames[-1]["type"] != kind:
            frames.append(await self.frame())
        return frames

    async def rest(self) -> list[dict[str, Any]]:
        """The frames up to the ending."""
        frames = [await self.frame()]
        while frames[-1]["type"] not in _ENDINGS:
            frames.append(await self.frame())
        return frames

    async def run(self, text: str = "", *, run_id: str = "", **fields: Any) -> list[dict[str, Any]]:
        """A whole run, its frames checked one by one and in their order."""
        await self.send_run(text, run_id=run_id, **fields)
        frames = await self.rest()
        check_order(frames)
        return frames

    async def say(self, text: str) -> str:
        """The words that this message is answered with."""
        return text_of(await self.run(text))


Connect = Callable[..., AbstractAsyncContextManager[Client]]


@asynccontextmanager
async def connected(url: str, thread_id: str = "1/test/a/b/~", **options: Any) -> AsyncIterator[Client]:
    """A client on this server and thread."""
    address = f"{url}/?thread_id={quote(thread_id, safe='')}"
    async with connect(address, subprotocols=[Subprotocol("ag-ui.v1")], compression=None, **options) as socket:
        yield Client(socket, thread_id)
