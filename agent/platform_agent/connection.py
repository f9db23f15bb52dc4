"""One socket: the client's frames on the one hand, the frames of the runs it asked for on the other."""

import asyncio
import logging
from collections.abc import AsyncIterator

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from platform_agent import events, wire
from platform_agent.backend import AgentError
from platform_agent.events import Event, Hangup
from platform_agent.runner import Runner
from platform_agent.runs import Run

_log = logging.getLogger(__name__)

# How long a client may take to confirm that it has read everything before a demonstrated cut.
_CONFIRM_S = 5


class Connection:
    """A client's socket on one thread."""

    def __init__(self, socket: ServerConnection, thread_id: str, runner: Runner) -> None:
        self._socket = socket
        self._thread_id = thread_id
        self._runner = runner
        # Events other than the first and the last name no run, so those of two runs must not mix on one socket.
        self._turns = asyncio.Lock()
        self._following: dict[str, asyncio.Task[None]] = {}
        self._unknown: set[str] = set()

    async def talk(self) -> None:
        """Serve the socket until it closes; the runs it began go on."""
        unasked = asyncio.create_task(self._speak_unasked())
        try:
            async for frame in self._socket:
                await self._take(frame)
        except ConnectionClosed:
            _log.debug("a client went away without closing")
        finally:
            tasks = [unasked, *self._following.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _take(self, frame: str | bytes) -> None:
        try:
            match wire.read(frame):
                case wire.Turn() as turn:
                    self._follow(self._runner.begin(self._thread_id, turn))
                case wire.Abort() as abort:
                    self._runner.abort(self._thread_id, abort.run_id)
                case wire.Received() as received:
                    self._runner.threads.open(self._thread_id).unasked.received(received.message_id)
                case wire.Unknown() as unknown:
                    self._ignore(unknown)
        except wire.Malformed as problem:
            await self._send(events.failed("protocol", str(problem), run_id=problem.run_id))
        except AgentError as refusal:
            await self._send(events.failed(refusal.code, str(refusal), run_id=turn.run_id))

    async def _speak_unasked(self) -> None:
        """Say what nobody asked for, between the runs."""
        try:
            async for message_id, text in self._runner.threads.open(self._thread_id).unasked.follow():
                async with self._turns:
                    for event in events.message_of(message_id, text):
                        await self._send(event)
        except ConnectionClosed:
            _log.debug("the client went away; what it did not confirm is kept")

    def _ignore(self, unknown: wire.Unknown) -> None:
        if unknown.type not in self._unknown and len(self._unknown) < 100:
            self._unknown.add(unknown.type)
            _log.warning("frames of the unknown type %r are ignored", unknown.type)

    async def _send(self, event: Event) -> None:
        await self._socket.send(wire.encode(event))

    def _follow(self, run: Run) -> None:
        """Send the run's frames from the first on; a client that is being sent them already gets them once."""
        if run.id not in self._following:
            task = asyncio.create_task(self._pass_on(run, run.follow()))
            self._following[run.id] = task
            task.add_done_callback(lambda _: self._following.pop(run.id, None))

    async def _pass_on(self, run: Run, frames: AsyncIterator[str | bytes | Hangup]) -> None:
        try:
            async with self._turns:
                async for frame in frames:
                    if isinstance(frame, Hangup):
                        await self._hang_up(frame)
                        return
                    await self._socket.send(frame)
        except ConnectionClosed:
            _log.debug("the client of run %s went away; the run goes on", run.id)

    async def _hang_up(self, hangup: Hangup) -> None:
        # Aborting throws away what is not yet written; a pong proves that everything before has been read.
        try:
            async with asyncio.timeout(_CONFIRM_S):
                await (await self._socket.ping())
        except TimeoutError:
            _log.debug("the client does not read; the connection is cut all the same")
        if hangup.code is None:
            self._socket.transport.abort()
        else:
            await self._socket.close(hangup.code, "demonstration")
