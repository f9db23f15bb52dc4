"""The Matrix client-server API as plain HTTP, without a client library."""

import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from json import loads
from typing import Any, Self
from urllib.parse import quote, urlencode

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector
from yarl import URL

from surfacehost_devkit.plain import NO_TLS

Content = Mapping[str, Any]


class MatrixError(RuntimeError):
    """The homeserver refused a request."""

    def __init__(self, status: int, errcode: str, message: str, retry_after_ms: int | None) -> None:
        super().__init__(f"{status} {errcode}: {message}")
        self.status = status
        self.errcode = errcode
        self.retry_after_ms = retry_after_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomEvent:
    """An event of a room as the server gave it (client-server API, "Room event format")."""

    room_id: str
    event_id: str
    sender: str
    type: str
    content: Content
    state_key: str | None
    at_ms: int
    redacts: str | None = None
    """What a redaction took back."""

    @classmethod
    def read(cls, room_id: str, raw: Content) -> Self:
        """Take the fields of an event out of a sync or a history page."""
        return cls(
            room_id=room_id,
            event_id=raw["event_id"],
            sender=raw["sender"],
            type=raw["type"],
            content=raw["content"],
            state_key=raw.get("state_key"),
            at_ms=raw["origin_server_ts"],
            redacts=raw["content"].get("redacts") or raw.get("redacts"),  # moved with room version 11
        )

    @property
    def body(self) -> str:
        """Its text as first sent; empty for what is no message and for a redacted one."""
        return str(self.content.get("body", ""))

    @property
    def thread(self) -> str | None:
        """The id of the thread's first event when this one was sent into a thread."""
        return self._related("m.thread")

    @property
    def replaces(self) -> str | None:
        """The id of the event that this one edits."""
        return self._related("m.replace")

    def _related(self, kind: str) -> str | None:
        relation = self.content.get("m.relates_to", {})
        return relation.get("event_id") if relation.get("rel_type") == kind else None


class MatrixApi:
    """Requests of one user; raises MatrixError for a refusal and ConnectionError where no whole answer came."""

    def __init__(self, url: str, token: str = "", *, verify: ssl.SSLContext = NO_TLS) -> None:
        """``url`` is the homeserver's address; ``verify`` what to trust when it is https."""
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._verify = verify
        self._http: ClientSession | None = None

    async def aclose(self) -> None:
        """Close its connections."""
        if self._http is not None:
            await self._http.close()

    async def call(
        self,
        method: str,
        *path: str,
        json: Content | None = None,
        params: Mapping[str, str | int] | None = None,
        version: str = "v3",
        timeout_s: float = 30,
    ) -> dict[str, Any]:
        """Send one request; the parts of the path are quoted here."""
        address = "/".join([self._url, "_matrix/client", version, *(quote(part, safe="") for part in path)])
        url = URL(f"{address}?{urlencode(params)}" if params else address, encoded=True)
        try:
            async with self._session().request(method, url, json=json, timeout=ClientTimeout(timeout_s)) as answer:
                told = await answer.read()
        except (ClientError, TimeoutError) as lost:
            raise ConnectionError(f"{method} {address}: {str(lost) or 'no answer in time'}") from lost
        if not answer.ok:
            raise _refusal(answer, told)
        body: dict[str, Any] = loads(told)
        return body

    def _session(self) -> ClientSession:
        """Made at the first call: it belongs to the loop that runs then."""
        if self._http is None:
            self._http = ClientSession(connector=TCPConnector(ssl=self._verify), headers=self._headers)
        return self._http

    async def sync(self, since: str | None, *, filter_: str, timeout_ms: int) -> dict[str, Any]:
        """One long poll for what is new."""
        params: dict[str, str | int] = {"filter": filter_, "timeout": timeout_ms}
        if since:
            params["since"] = since
        return await self.call("GET", "sync", params=params, timeout_s=timeout_ms / 1000 + 30)

    async def messages(self, room: str, *, back_from: str | None = None) -> AsyncIterator[RoomEvent]:
        """Walk a room's history from the newest event, or from a token, back to its beginning."""
        token = back_from
        while True:
            params: dict[str, str | int] = {"dir": "b", "limit": 100}
            if token:
                params["from"] = token
            page = await self.call("GET", "rooms", room, "messages", params=params)
            for raw in page["chunk"]:
                yield RoomEvent.read(room, raw)
            token = page.get("end")
            if not token:  # an empty page may still have an end, the beginning of the room has none
                return


def _refusal(answer: ClientResponse, told: bytes) -> MatrixError:
    try:
        body = loads(told)
    except ValueError:  # a proxy's page
        body = {}
    return MatrixError(
        answer.status,
        body.get("errcode", ""),
        body.get("error", answer.reason),
        body.get("retry_after_ms"),
    )
