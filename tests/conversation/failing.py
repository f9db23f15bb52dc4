"""An agent that fails in every way there is, with words of its provider's in each that are nobody's business."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

SECRET = "key-1234 of db.internal"
"""What its provider tells."""
BEGINNING = "a beginning"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What is said of a run, how its connection ends, and which sentence that is to a person."""

    sentence: str
    bare: str = ""
    """… with these words before all, in a frame that is nothing else."""
    frames: Sequence[dict[str, Any]] = ()
    code: int | None = None
    """Of the close frame; none: the connection stays."""
    partial: str = ""


STARTED = {"type": "RUN_STARTED"}
SOME = {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": BEGINNING}


def _error(code: str) -> dict[str, Any]:
    return {"type": "RUN_ERROR", "code": code, "message": SECRET, "metadata": {"detail": SECRET}}


FAILURES = {
    "an exception": Failure(frames=[STARTED], code=1011, sentence="error_internal"),
    "half a stream": Failure(frames=[STARTED, SOME], code=3000, sentence="error_lost", partial=BEGINNING),
    "an error within": Failure(
        frames=[STARTED, SOME, _error("internal")], sentence="error_internal", partial=BEGINNING
    ),
    "a refusal": Failure(frames=[STARTED, _error("content_refused")], sentence="error_content_refused"),
    "a code of its own": Failure(frames=[STARTED, _error(SECRET)], sentence="error_internal"),
    "no credit": Failure(frames=[STARTED, _error("quota")], sentence="error_quota"),
    "not let in": Failure(frames=[STARTED], code=1008, sentence="error_auth"),
    "no such frame": Failure(
        frames=[STARTED, {"type": "TEXT_MESSAGE_CONTENT", "delta": [SECRET]}], sentence="error_protocol"
    ),
    "bare text": Failure(bare=f"Internal Server Error: {SECRET}", sentence="error_protocol"),
    "nothing": Failure(
        frames=[STARTED, {"type": "RUN_FINISHED", "outcome": {"type": "success"}}], sentence="error_empty"
    ),
}
"""By what it is told."""


class FailingAgent:
    """Does as it is told; while it ``is_down`` the server before it answers with 500."""

    def __init__(self) -> None:
        self.is_down = False
        self.url = ""

    @classmethod
    @asynccontextmanager
    async def serve(cls) -> AsyncIterator[Self]:
        agent, speaks = cls(), [Subprotocol("ag-ui.v1")]
        async with serve(agent._talk, "127.0.0.1", 0, subprotocols=speaks, process_request=agent._let_in) as server:
            agent.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
            yield agent

    async def _let_in(self, connection: ServerConnection, _: Request) -> Response | None:
        return connection.respond(500, SECRET) if self.is_down else None

    async def _talk(self, socket: ServerConnection) -> None:
        try:
            async for text in socket:
                asked = json.loads(text)
                if asked["type"] == "run":
                    await self._fail(socket, asked)
        except ConnectionClosed:
            return

    async def _fail(self, socket: ServerConnection, asked: dict[str, Any]) -> None:
        failure = FAILURES[asked["text"]]
        if failure.bare:
            await socket.send(failure.bare)
        for frame in failure.frames:
            await socket.send(json.dumps(frame | {"runId": asked["runId"]}))
        if failure.code is not None:
            await socket.close(failure.code, SECRET)
