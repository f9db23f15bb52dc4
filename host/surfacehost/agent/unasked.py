"""What the agent says while nobody has asked: put together message by message, handed on, and then confirmed.

A message counts once it is whole. It is confirmed to the agent when it is stored, so an agent that keeps what was not
confirmed, and says it again on the next connection under the same id, loses nothing and says nothing twice.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from surfacehost.agent import wire
from surfacehost.agent.sockets import Session
from surfacehost.backoff import pause
from surfacehost.errors import PlatformError

CHUNKS_END_S = 1.0
"""After so long without another one a message that came in chunks is whole: nothing else ends those."""

HUNG_UP = 1000
"""With this code an agent closes a connection that it has done with (RFC 6455, 7.4.1); any other is mischance."""

Hear = Callable[[str, str, str], Awaitable[None]]
"""Stores what was said: the thread, the message's id and its text. Raises NotReady when it can't now."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message that nobody asked for."""

    id: str
    """The agent's own; empty where it gave none."""
    text: str


class Pieces:
    """The messages of one connection that are not yet whole."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._chunked = ""

    @property
    def may_be_whole(self) -> bool:
        """Whether nothing but silence will end what has come."""
        return bool(self._chunked)

    def take(self, event: wire.AgentEvent) -> list[Letter]:
        """What is whole now that *event* has come."""
        whole = self.end_chunks() if not isinstance(event, wire.Text) or event.message_id != self._chunked else []
        match event:
            case wire.Text():
                self._texts[event.message_id] = self._texts.get(event.message_id, "") + event.delta
                self._chunked = event.message_id if event.is_chunk else self._chunked
            case wire.TextEnd(message_id):
                whole += self._pop(message_id)
            case wire.WholeText():
                whole.append(Letter(id=event.message_id, text=event.text))
            case wire.Finished():
                whole += [letter for id_ in list(self._texts) for letter in self._pop(id_)]
            case _:
                pass
        return [letter for letter in whole if letter.text.strip()]

    def end_chunks(self) -> list[Letter]:
        """The message that came in chunks, if one did: there is no more of it."""
        ended, self._chunked = self._chunked, ""
        return self._pop(ended)

    def _pop(self, message_id: str) -> list[Letter]:
        text = self._texts.pop(message_id, None)
        return [] if text is None else [Letter(id=message_id, text=text)]


class Listening:
    """Listens on the sockets on which nothing is asked at the moment."""

    def __init__(self, reopen: Callable[[Session], Awaitable[bool]]) -> None:
        """*reopen* gives a session another socket; False: it is to have none. Raises PlatformError."""
        self._reopen = reopen
        self.hear: Hear | None = None
        """Who is told; nobody: it is let pass."""
        self._ears: dict[Session, asyncio.Task[None]] = {}
        self._pieces: WeakKeyDictionary[ClientConnection, Pieces] = WeakKeyDictionary()
        self._handing: set[asyncio.Task[None]] = set()

    def begin(self, session: Session) -> None:
        """Listen on the socket of *session*, if it has one, until something is asked there."""
        if session.connection is not None:
            ear = self._ears[session] = asyncio.create_task(self._attend(session))
            ear.add_done_callback(lambda _: self._ears.pop(session, None) if self._ears.get(session) is ear else None)

    async def end(self, session: Session) -> None:
        """Stop listening there: whoever asks reads from now on."""
        if (ear := self._ears.pop(session, None)) is not None:
            ear.cancel()
            await asyncio.gather(ear, return_exceptions=True)

    def take(self, session: Session, event: wire.AgentEvent) -> None:
        """*event*, which belongs to no run of ours, came on the socket of *session*."""
        if session.connection is not None:
            self._hand_on(session, session.connection, self._pieces_of(session.connection).take(event))

    async def close(self) -> None:
        """Stop listening at all."""
        ears = list(self._ears.values())
        for task in ears:
            task.cancel()
        await asyncio.gather(*ears, *self._handing, return_exceptions=True)

    async def _attend(self, session: Session) -> None:
        """Listen there, and on the sockets that follow one which was lost: an agent that is back may have news."""
        failures = 0
        while (connection := session.connection) is not None:
            await self._listen(session, connection)
            if connection.subprotocol != wire.SUBPROTOCOL or connection.close_code == HUNG_UP:
                return
            is_back = None
            while is_back is None:
                failures += 1
                await asyncio.sleep(pause(failures))
                is_back = await self._dial(session)

    async def _dial(self, session: Session) -> bool | None:
        """Whether *session* has a socket again; None: not yet."""
        try:
            return await self._reopen(session)
        except PlatformError as error:
            log.debug("no connection for what the agent may have to say in %s: %s", session.thread_id, error)
            return None if error.is_repeatable else False

    async def _listen(self, session: Session, connection: ClientConnection) -> None:
        pieces = self._pieces_of(connection)
        while True:
            try:
                async with asyncio.timeout(CHUNKS_END_S if pieces.may_be_whole else None):
                    frame = await connection.recv()
                    event = wire.parse(frame, session.thread_id, connection.subprotocol)
            except TimeoutError:
                self._hand_on(session, connection, pieces.end_chunks())
            except ConnectionClosed:
                return
            except PlatformError as error:
                log.warning("what the agent says unasked in %s can't be read: %s", session.thread_id, error)
            else:
                self._hand_on(session, connection, pieces.take(event or wire.Activity()))

    def _pieces_of(self, connection: ClientConnection) -> Pieces:
        return self._pieces.setdefault(connection, Pieces())

    def _hand_on(self, session: Session, connection: ClientConnection, letters: list[Letter]) -> None:
        """In a task of its own: to stop listening must not end the storing of what was heard."""
        for letter in letters:
            task = asyncio.create_task(self._store(session, connection, letter))
            self._handing.add(task)
            task.add_done_callback(self._handing.discard)

    async def _store(self, session: Session, connection: ClientConnection, letter: Letter) -> None:
        """Store *letter*, after those before it, and tell the agent so."""
        if self.hear is None:
            return
        async with session.hearing:
            try:
                await self.hear(session.thread_id, letter.id or uuid.uuid4().hex, letter.text)
            except Exception:
                log.exception("what the agent said unasked in %s is not stored", session.thread_id)
                return
        if letter.id and connection.subprotocol == wire.SUBPROTOCOL:
            with contextlib.suppress(ConnectionClosed):  # it says it again, and it is known
                await connection.send(wire.received_frame(letter.id))
