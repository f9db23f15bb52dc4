"""An agent that answers by the script and remembers every run it is asked for, repeated ones as well."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from surfacehost_devkit.chaos.script import answer_to, files_to

PIECES = 4
"""In how many pieces an answer comes."""

SLOW_S = 1.0
"""How long a slow one takes."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One run as it was asked for."""

    surface: str
    event: str
    run_id: str
    life: int
    """In which life of the host, counted by whoever starts it."""


class ScriptedAgent:
    """Every run is a new one to it, whatever its id: an answer that is asked for twice is given twice."""

    def __init__(self, part_chars: Mapping[str, int]) -> None:
        self.url = ""
        self.life = 0
        self.asked: list[Asked] = []
        self._part_chars = part_chars

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["ScriptedAgent"]:
        """Serve on a free port of the loopback interface until the block ends."""
        async with serve(
            self._talk, "127.0.0.1", 0, subprotocols=[Subprotocol("ag-ui.v1")], compression=None
        ) as server:
            self.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield self

    async def _talk(self, socket: ServerConnection) -> None:
        assert socket.request is not None  # noqa: S101 - there was a handshake
        thread = parse_qs(urlsplit(socket.request.path).query)["thread_id"][0]
        surface = thread.split("/")[1]
        try:
            async for frame in socket:
                run = json.loads(frame)
                if run["type"] == "run":
                    self.asked.append(Asked(surface, run["messages"][0]["id"], run["runId"], self.life))
                    await self._answer(socket, run, self._part_chars.get(surface, 1000))
        except ConnectionClosed:
            pass  # the host was killed: it asks again

    async def _answer(self, socket: ServerConnection, run: Mapping[str, Any], part_chars: int) -> None:
        run_id, answer = run["runId"], answer_to(run["text"], part_chars)
        await _send(socket, type="RUN_STARTED", runId=run_id, threadId="-")
        if answer is None:
            await _send(socket, type="RUN_ERROR", code="content_refused", message="no")
            return
        await _send(socket, type="TEXT_MESSAGE_START", messageId=run_id, role="assistant")
        size = -(-len(answer) // PIECES)
        for start in range(0, len(answer), size):
            await asyncio.sleep(SLOW_S / PIECES if run["text"].endswith("slow") else 0)
            await _send(socket, type="TEXT_MESSAGE_CONTENT", messageId=run_id, delta=answer[start : start + size])
        await _send(socket, type="TEXT_MESSAGE_END", messageId=run_id)
        for number, content in enumerate(files_to(run["text"])):
            await _send(socket, type="CUSTOM", name="file", value=_file(f"{number}.txt", content.encode()))
        await _send(socket, type="RUN_FINISHED", runId=run_id, threadId="-")


def _file(name: str, content: bytes) -> Mapping[str, object]:
    """A file in the answer: docs/agent-contract.md."""
    source = {"type": "data", "value": b64encode(content).decode(), "mimeType": "text/plain"}
    return {"type": "document", "source": source, "metadata": {"name": name, "size": len(content)}}


async def _send(socket: ServerConnection, **event: object) -> None:
    await socket.send(json.dumps(event))
