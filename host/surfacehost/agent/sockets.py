"""The sockets to the agent: one for each active thread, never more than there may be."""

import asyncio
import ipaddress
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from surfacehost.agent import failures, wire
from surfacehost.errors import Kind, PlatformError

MAX_FRAME_BYTES = 2**20

CLOSE_S = 1.0
"""How long the agent may take to agree that a connection is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentAddress:
    """Where the agent is and how patient we are with it; times in seconds."""

    url: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    dialect: Literal["auto", "text"] = "auto"
    connect_timeout_s: float = 5.0
    first_event_timeout_s: float = 15.0
    silence_timeout_s: float = 120.0
    run_timeout_s: float = 1800.0
    idle_close_s: float = 300.0
    max_connections: int = 200


@dataclass(slots=True, eq=False)
class Session:
    """One thread's conversation with the agent: its socket, while it has one, and what is running on it."""

    thread_id: str
    connection: ClientConnection | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    hearing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while something that the agent said unasked is stored: one after the other."""
    run_id: str | None = None
    stopped: dict[str, bool] = field(default_factory=dict)
    """Of the run that is on, and of those that wait for their turn, whether it was stopped."""
    used_at: float = 0.0

    @asynccontextmanager
    async def turn(self, run_id: str) -> AsyncIterator[None]:
        """Wait until a run may be on: one at a time, also of the several chats that share a conversation.

        Raises PlatformError ``cancelled`` when it was stopped before its turn came.
        """
        self.stopped[run_id] = False
        try:
            async with self.lock:
                if self.stopped[run_id]:
                    raise PlatformError(Kind.CANCELLED, "stopped before its turn came")
                yield
        finally:
            self.stopped.pop(run_id, None)

    def raise_if_aborted(self, partial: str = "") -> None:
        """Raises PlatformError ``cancelled`` when a person has stopped the run, whatever else went wrong with it."""
        if self.stopped.get(self.run_id or ""):
            raise PlatformError(Kind.CANCELLED, "stopped", partial=partial)


class Sockets:
    """Opens, lends and closes them."""

    def __init__(self, address: AgentAddress) -> None:
        self._address = address
        self._sessions: dict[str, Session] = {}
        self._places = address.max_connections
        self._freed = asyncio.Event()
        self.unreachable = ""
        """Why the last connection did not come about; empty after one that did."""
        self.heard_at = float("-inf")
        """When the agent was heard last, on the monotonic clock."""

    def session(self, thread_id: str) -> Session:
        """The session of a thread, made when first asked for."""
        return self._sessions.setdefault(thread_id, Session(thread_id))

    def known(self, thread_id: str) -> Session | None:
        """The session of a thread, if there is one."""
        return self._sessions.get(thread_id)

    def rest(self, session: Session) -> None:
        """The run of *session* has ended: whoever waits for a place may take its."""
        session.run_id, session.used_at = None, time.monotonic()
        self._freed.set()

    async def connected(self, session: Session) -> ClientConnection:
        """The open socket of *session*. Raises PlatformError."""
        if session.connection is not None and session.connection.close_code is None:
            return session.connection
        await self.drop(session)
        await self._make_place()
        try:
            session.connection = await self.connect(session.thread_id)
        except BaseException:
            self._give_place_back()
            raise
        return session.connection

    async def reopen(self, session: Session) -> bool:
        """Open a socket for *session*, which rests and has lost its own; False: not any more, or there is no room.

        No other gives way for it. Raises PlatformError.
        """
        await self.drop(session)
        if not self._rests(session) or not self._places:
            return False
        await self.connected(session)
        if not self._rests(session):  # forgotten meanwhile
            await self.drop(session)
        return session.connection is not None

    def _rests(self, session: Session) -> bool:
        is_young = time.monotonic() - session.used_at <= self._address.idle_close_s
        return is_young and self.known(session.thread_id) is session

    async def connect(self, thread_id: str) -> ClientConnection:
        """A new socket for a thread. Raises PlatformError."""
        address = self._address
        is_local = _is_loopback(address.url)
        try:
            connection = await connect(
                _with_thread(address.url, thread_id),
                subprotocols=[Subprotocol(wire.SUBPROTOCOL)],
                additional_headers={"Authorization": f"Bearer {address.token}"} if address.token else None,
                open_timeout=address.connect_timeout_s,
                close_timeout=CLOSE_S,
                max_size=MAX_FRAME_BYTES,
                ssl=address.tls if address.url.startswith("wss:") else None,
                compression=None if is_local else "deflate",
                proxy=None if is_local else True,
            )
        except Exception as error:
            failure = failures.of_handshake(error, _without_secrets(address.url))
            self.unreachable = str(failure)
            raise failure from error
        self.unreachable, self.heard_at = "", time.monotonic()
        return connection

    async def drop(self, session: Session) -> None:
        """Close the socket of *session*; the next run gets another."""
        connection, session.connection = session.connection, None
        if connection is not None:
            self._give_place_back()
            await connection.close()

    async def close_idle(self) -> None:
        """Close the sockets of threads in which nothing was said for a while."""
        now, idle_s = time.monotonic(), self._address.idle_close_s
        idle = [one for one in self._sessions.values() if one.run_id is None and now - one.used_at > idle_s]
        await asyncio.gather(*map(self._forget, idle))

    async def close(self) -> None:
        """Close every socket."""
        await asyncio.gather(*map(self._forget, list(self._sessions.values())))

    async def _make_place(self) -> None:
        """Stay below the cap: close what has been idle longest, or wait until someone is done."""
        while self._places == 0:
            idle = [one for one in self._sessions.values() if one.connection is not None and one.run_id is None]
            if idle:
                await self._forget(min(idle, key=lambda session: session.used_at))
            else:
                self._freed.clear()
                await self._freed.wait()
        self._places -= 1

    def _give_place_back(self) -> None:
        self._places += 1
        self._freed.set()

    async def _forget(self, session: Session) -> None:
        await self.drop(session)
        if not session.lock.locked():
            self._sessions.pop(session.thread_id, None)


def _with_thread(url: str, thread_id: str) -> str:
    parts = urlsplit(url)
    query = "&".join(filter(None, [parts.query, urlencode({"thread_id": thread_id})]))
    return urlunsplit(parts._replace(query=query))


def _without_secrets(url: str) -> str:
    """*url* as it may be shown: without user, password and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
