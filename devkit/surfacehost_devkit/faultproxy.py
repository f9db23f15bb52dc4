"""A proxy before any HTTP platform, so that calls to the real server go wrong as planned: before it acts, or after.

async with FaultProxy.before("http://127.0.0.1:8008") as proxy:
    proxy.faults.plan("PUT */send/*", faults.drop_after())    # the message exists, the caller never hears
    …  a client with the base URL proxy.url sends  …
    sent = proxy.of("PUT */send/*")
"""

import contextlib
import json
import ssl
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Self

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from starlette.requests import Request
from starlette.types import Receive, Scope, Send
from yarl import URL

from surfacehost_devkit.faults import Answer, Faults, bad_gateway
from surfacehost_devkit.lines import Lines, Listener
from surfacehost_devkit.plain import NO_TLS
from surfacehost_devkit.silence import breaks_silence

ANSWER_S = 180.0
"""The longest the server is waited for: longer than any long poll."""

_NOT_PASSED_ON = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "accept-encoding", "host"}
)
"""Headers about one connection (RFC 9110, section 7.6.1) or the form of a body, which is passed on plain."""

_ADDED = ("Accept", "Content-Type", "User-Agent")
"""Headers that our client would add: the caller's own are enough."""


@dataclass(slots=True, kw_only=True)
class Passage:
    """One call; times in Unix seconds. `status` is what the caller was answered: None while it runs, 0 for nothing."""

    name: str
    """Method and path, without the query."""
    started: float
    query: str = ""
    """As it was sent, encoded."""
    fault: str = ""
    status: int | None = None
    ended: float = 0.0
    pause_s: float = 0.0
    """How long a homeserver that refused it wants to be left alone (Matrix, client-server API, "Rate limiting")."""


class FaultProxy:
    """A running proxy; make one with `FaultProxy.before()`."""

    def __init__(self, upstream: str, client: ClientSession) -> None:
        self.faults = Faults()
        self.passages: list[Passage] = []
        """Every call, oldest first."""
        self._upstream = upstream.rstrip("/")
        self._client = client
        self._lines = Lines()
        self._listener = Listener(self._serve, self._lines)
        self.url = self._listener.url

    @classmethod
    @contextlib.asynccontextmanager
    async def before(cls, upstream: str, *, verify: ssl.SSLContext = NO_TLS) -> AsyncIterator[Self]:
        """Stand before the server at *upstream* on a free port of 127.0.0.1 until the block ends."""
        # A connection for each call: a kept one may be closed just when it is used, a fault that nobody planned.
        connector = TCPConnector(ssl=verify, limit=0, force_close=True)
        timeout, jar = ClientTimeout(ANSWER_S), DummyCookieJar()
        async with ClientSession(connector=connector, timeout=timeout, cookie_jar=jar, auto_decompress=False) as client:
            proxy = cls(upstream, client)
            try:
                await proxy.back()
                yield proxy
            finally:
                await proxy._listener.stop()

    async def away(self) -> None:
        """Cut all connections and refuse new ones until `back()`; the server behind goes on for everybody else."""
        await self._listener.close()

    async def back(self) -> None:
        """Listen (again) on the same port."""
        await self._listener.open()

    def of(self, *patterns: str) -> list[Passage]:
        """The calls whose name fits one of these patterns as of file names, in any case."""
        wanted = [pattern.lower() for pattern in patterns]
        return [one for one in self.passages if any(fnmatchcase(one.name.lower(), pattern) for pattern in wanted)]

    def in_pauses(self, *patterns: str) -> list[str]:
        """Which of these calls were made while the server wanted to be left alone with them, each as a line."""
        calls = self.of(*patterns)
        return [
            f"{call.name}, {call.started - refused.ended:.2f} s into {refused.pause_s:g} s"
            for refused in calls
            if refused.pause_s
            for call in calls
            if breaks_silence(call.started, refused=refused.ended, silence_s=refused.pause_s)
        ]

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        passage = Passage(name=f"{request.method} {request.url.path}", started=time.time(), query=request.url.query)
        self.passages.append(passage)
        try:
            answer = await self._answer(passage, request)
            passage.status = answer.status if answer.ending == "whole" else 0
            passage.pause_s = _pause_of(answer)
        finally:
            passage.ended = time.time()
        await self._lines.give(answer, scope, receive, send)

    async def _answer(self, passage: Passage, request: Request) -> Answer:
        fault = self.faults.take(passage.name)
        body = b"" if fault is not None and fault.unread else await request.body()
        if fault is None:
            return await self._pass_on(request, body)
        passage.fault = fault.kind
        return await self.faults.meet(fault, lambda: self._pass_on(request, body))

    async def _pass_on(self, request: Request, body: bytes) -> Answer:
        path, query = request.scope["raw_path"].decode("ascii"), request.scope["query_string"].decode("ascii")
        headers = [*_passed_on(request.headers.items()), ("accept-encoding", "identity")]
        url = URL(f"{self._upstream}{path}{'?' if query else ''}{query}", encoded=True)
        try:
            async with self._client.request(
                request.method, url, data=body, headers=headers, skip_auto_headers=_ADDED, allow_redirects=False
            ) as response:
                content = await response.read()
        except (ClientError, TimeoutError):  # the server is away: a proxy says so with a page of its own
            gone = bad_gateway()
            return Answer(status=gone.status, body=gone.body, content_type=gone.content_type)
        told = {name.lower(): value for name, value in _passed_on(response.headers.items())}
        kind = told.pop("content-type", "application/octet-stream")
        return Answer(status=response.status, body=content, content_type=kind, headers=told)


def _pause_of(answer: Answer) -> float:
    """Seconds that a 429 asks for; 0 where it does not say, or is none."""
    if answer.status != 429:
        return 0.0
    try:
        return float(json.loads(answer.body)["retry_after_ms"]) / 1000
    except (ValueError, LookupError, TypeError):
        return 0.0


def _passed_on(headers: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in _NOT_PASSED_ON]
