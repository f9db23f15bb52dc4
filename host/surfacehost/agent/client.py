"""Asking the agent: one run at a time in a thread, under every clock, and never twice once it has begun."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator

import stamina
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from surfacehost.agent import failures, wire
from surfacehost.agent.breaker import Breaker
from surfacehost.agent.sockets import AgentAddress, Session, Sockets
from surfacehost.agent.unasked import Listening
from surfacehost.errors import Kind, NotReady, PlatformError

ABORT_GRACE_S = 5.0
"""How long the agent has to say that it stopped; then the connection is closed."""

HEARD_LATELY_S = 10.0
"""An agent that was heard within this time need not be probed."""

BUSY_S = 5.0
"""How long a message waits for another run in its thread, one that a host before this one began, say."""

PROBE_THREAD = "1/probe/~/~/~"
"""What the handshake of a probe names as its thread; nothing is ever asked there."""

log = logging.getLogger(__name__)


class AgentSessionClient:
    """Asks the agent; everything that goes wrong comes out as PlatformError."""

    def __init__(self, address: AgentAddress) -> None:
        self._address = address
        self._breaker = Breaker()
        self.sockets = Sockets(address)
        self.listening = Listening(self.sockets.reopen)

    @property
    def trouble(self) -> str:
        """Why it can't be asked, in one line; empty when it can."""
        return self.sockets.unreachable or (self._breaker.reason if self._breaker.is_open else "")

    async def run(self, thread_id: str, turn: wire.Turn) -> AsyncGenerator[wire.AgentEvent, None]:
        """Ask *turn* in *thread_id*; what the agent says, up to ``Finished`` or ``WholeText``.

        Raises PlatformError, and NotReady while another run is on in the thread. Before the agent has begun a failed
        connection is tried again; after that, never.
        """
        session = self.sockets.session(thread_id)
        async with session.turn(turn.run_id):
            await self.listening.end(session)
            session.run_id = turn.run_id
            deadline = time.monotonic() + self._address.run_timeout_s
            is_whole = False
            try:
                first = await self._begin(session, turn)
                async for event in self._follow(session, first, deadline):
                    yield event
                is_whole = True
            except PlatformError as error:
                if error.kind is Kind.TIMEOUT:  # it may still be at it: nobody waits for that any more
                    await self._tell_to_stop(session)
                raise
            finally:
                self.sockets.rest(session)
                if is_whole:
                    self.listening.begin(session)
                else:  # whatever is still to come must not be taken for the next answer
                    await self.sockets.drop(session)

    async def abort(self, thread_id: str, run_id: str | None = None) -> bool:
        """Stop the run *run_id* of *thread_id*, or whatever is on and waits there; False where nothing is.

        A run that is on then ends as ``cancelled``, one that waits does when its turn comes.
        """
        session = self.sockets.known(thread_id)
        runs = [one for one in session.stopped if run_id in (None, one)] if session else []
        if session is None or not runs:
            return False
        session.stopped.update(dict.fromkeys(runs, True))
        if session.run_id in runs:
            asyncio.get_running_loop().call_later(ABORT_GRACE_S, self._cut, session, session.run_id)
            await self._tell_to_stop(session)
        return True

    async def _tell_to_stop(self, session: Session) -> None:
        if self._address.dialect == "text":  # it would take the frame for something a person said
            self._cut(session, session.run_id)
        elif session.connection is not None and session.run_id is not None:
            with contextlib.suppress(OSError, ConnectionClosed):  # the run has then ended by itself
                await session.connection.send(wire.abort_frame(session.run_id))

    async def probe(self) -> None:
        """Find out whether the agent can be reached, by a handshake, unless it was heard of lately. Never raises.

        A handshake says nothing about answers: it ends the caution after failed connections, not after failed runs.
        """
        if time.monotonic() - self.sockets.heard_at < HEARD_LATELY_S and not self.trouble:
            return
        try:
            connection = await self.sockets.connect(PROBE_THREAD)
        except PlatformError as error:
            log.debug("the agent can't be reached: %s", error)
            return
        if self._breaker.last is Kind.UNREACHABLE:
            self._breaker.close()
        await connection.close()

    async def _begin(self, session: Session, turn: wire.Turn) -> wire.AgentEvent:
        """Connect, ask, and wait for the first sign that the agent has begun; the part that may be repeated."""
        async for attempt in stamina.retry_context(on=_pause_before_retry, attempts=3, timeout=30, wait_initial=0.3):
            with attempt:
                async with self._breaker.guard():
                    return await self._ask(session, turn)
        raise AssertionError("stamina gives up by raising")

    async def _ask(self, session: Session, turn: wire.Turn) -> wire.AgentEvent:
        connection = await self.sockets.connected(session)
        session.raise_if_aborted()
        try:
            await self._hear_leftovers(session, connection)
            await connection.send(wire.bare_text(turn) if self._address.dialect == "text" else wire.run_frame(turn))
            event = await self._first_event(session, turn)
        except Exception as error:
            failure = failures.of_run(error, has_started=False, partial="")
            if failure.kind is Kind.TIMEOUT:
                await self._tell_to_stop(session)
            await self.sockets.drop(session)
            session.raise_if_aborted()
            raise failure from error
        self.sockets.heard_at = time.monotonic()
        if isinstance(event, wire.Failed):
            raise event.error
        if isinstance(event, wire.Busy):
            raise NotReady("the agent is busy in this thread", retry_after=BUSY_S)
        return event

    async def _hear_leftovers(self, session: Session, connection: ClientConnection) -> None:
        """Hear what came after the end of the last run: it must not be taken for the next answer."""
        with contextlib.suppress(TimeoutError, ConnectionClosed, PlatformError):
            while True:
                async with asyncio.timeout(0):
                    frame = await connection.recv()
                event = wire.parse(frame, session.thread_id, connection.subprotocol)
                self.listening.take(session, event or wire.Activity())

    async def _first_event(self, session: Session, turn: wire.Turn) -> wire.AgentEvent:
        """The first thing said about *turn*: what belongs to another run is passed over."""
        patience_s = self._first_patience(session)
        deadline = time.monotonic() + patience_s
        while True:
            left_s = deadline - time.monotonic()
            event = await self._receive(session, left_s, f"said nothing for {patience_s:g} s")
            is_ours = not isinstance(event, wire.RunStarted) or event.run_id == turn.run_id
            if self._speaks_events(session) and (not is_ours or isinstance(event, wire.Text | wire.TextEnd)):
                self.listening.take(session, event)  # its own run, or a message outside of any: ours has not begun
            elif is_ours and not isinstance(event, wire.TextEnd) and event != wire.Activity():
                return event

    def _first_patience(self, session: Session) -> float:
        """How long to wait for the first word. An agent that just sends text says nothing before it is done."""
        address = self._address
        return address.first_event_timeout_s if self._speaks_events(session) else address.silence_timeout_s

    def _speaks_events(self, session: Session) -> bool:
        """Whether the agent speaks the contract, so that a run of its begins with saying so."""
        return session.connection is not None and session.connection.subprotocol == wire.SUBPROTOCOL

    async def _follow(
        self, session: Session, event: wire.AgentEvent, deadline: float
    ) -> AsyncIterator[wire.AgentEvent]:
        """*event* and what comes after it, up to the end of the run."""
        partial, has_begun = "", isinstance(event, wire.RunStarted)
        while True:
            if isinstance(event, wire.WholeText) and has_begun:
                error = PlatformError(Kind.PROTOCOL, "bare text in the middle of a run")
                raise failures.of_run(error, has_started=True, partial=partial)
            if isinstance(event, wire.Failed):
                raise failures.of_run(event.error, has_started=True, partial=partial)
            yield event
            if isinstance(event, wire.Finished | wire.WholeText):
                return
            partial += event.delta if isinstance(event, wire.Text) else ""
            try:
                event = await self._next_event(session, deadline)
            except Exception as error:
                session.raise_if_aborted(partial)
                raise failures.of_run(error, has_started=True, partial=partial) from error

    async def _next_event(self, session: Session, deadline: float) -> wire.AgentEvent:
        """What comes next in a run that must be done by *deadline*, on the monotonic clock."""
        silence_s, left_s = self._address.silence_timeout_s, deadline - time.monotonic()
        if left_s < silence_s:
            return await self._receive(session, left_s, f"was not done after {self._address.run_timeout_s:g} s")
        return await self._receive(session, silence_s, f"said nothing for {silence_s:g} s")

    async def _receive(self, session: Session, patience_s: float, complaint: str) -> wire.AgentEvent:
        """The next thing the agent says; what means nothing to us shows at least that it is at work.

        The limit stands here and not around the run: a timeout that spans a ``yield`` would end whoever listens.
        """
        assert session.connection is not None  # noqa: S101 - for the type checker
        try:
            async with asyncio.timeout(max(0.0, patience_s)):
                frame = await session.connection.recv()
        except TimeoutError as error:
            raise PlatformError(Kind.TIMEOUT, f"the agent {complaint}") from error
        return wire.parse(frame, session.thread_id, session.connection.subprotocol) or wire.Activity()

    def _cut(self, session: Session, run_id: str | None) -> None:
        """The agent did not stop when told: end the connection under the run."""
        if session.run_id == run_id and session.connection is not None:
            session.connection.transport.abort()


def _pause_before_retry(error: Exception) -> bool | float:
    """Whether a run that had not begun is asked again, and after how many seconds where the agent told."""
    if not isinstance(error, PlatformError) or not error.is_repeatable:
        return False
    return True if error.retry_after is None else error.retry_after
