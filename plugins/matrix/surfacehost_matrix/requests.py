"""Plain HTTP requests to the homeserver, as one account: shorter than nio's wrappers, saying what the server says.

Paths: client-server specification, v3. Every call raises NotReady or Declined, and nothing else.
"""

import asyncio
import json
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import aiohttp

from surfacehost import NotReady
from surfacehost_matrix.client import GuardedClient
from surfacehost_matrix.failures import Declined, check, reaching, read
from surfacehost_matrix.pace import Pace

CALL_S, FILE_S = 60, 600
"""How long a call may take, and one with a file."""

CLIENT_API = "/_matrix/client/v3"
ADMIN_API = "/_synapse/admin/v1"

T = TypeVar("T")


class Requests:
    """What an account asks of its homeserver."""

    nio: GuardedClient

    def __init__(self, url: str, pace: Pace | None = None) -> None:
        self.url = url
        self.pace = pace or Pace()
        self._token = ""

    async def call(
        self,
        method: str,
        *path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str | int] | None = None,
        token: str | None = None,
        root: str = "client/v3",
    ) -> dict[str, Any]:
        """One request; the parts of *path*, below ``/_matrix`` and *root*, are quoted. Raises NotReady or Declined."""
        answer = await self.ask(method, _address(f"/_matrix/{root}", path, query), body=body, token=token)
        if not isinstance(answer, dict):
            raise NotReady(f"{self.url} gives an answer that is no Matrix")
        return answer

    async def listed(self, method: str, *path: str) -> list[Any]:
        """The same for what is answered with a list."""
        answer = await self.ask(method, _address(CLIENT_API, path, None))
        if not isinstance(answer, list):
            raise NotReady(f"{self.url} gives an answer that is no Matrix")
        return answer

    async def administer(self, method: str, *path: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401
        """A request of Synapse's admin API, for accounts that may. Raises NotReady and Declined."""
        return await self.ask(method, _address(ADMIN_API, path, None), body=body)

    async def upload(self, content: bytes, kind: str) -> str:
        """Put *content*, of the media type *kind*, into the homeserver's repository; its address."""
        call = partial(self.ask, "POST", "/_matrix/media/v3/upload", data=content, kind=kind)
        answer = await self.pace.keep(call, is_file=True)
        try:
            return str(answer["content_uri"])
        except (TypeError, KeyError) as error:
            raise NotReady(f"{self.url} gives an answer that is no Matrix") from error

    async def ask(
        self,
        method: str,
        address: str,
        *,
        body: Mapping[str, Any] | None = None,
        data: bytes | None = None,
        kind: str = "application/json",
        token: str | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        """One request to *address*, path and query quoted. Raises NotReady or Declined."""
        secret = self._token if token is None else token
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        content = data if body is None else json.dumps(body).encode()
        if content is not None:
            headers["Content-Type"] = kind
        with reaching(self.url):
            async with asyncio.timeout(CALL_S):
                async with await self.nio.send(method, address, content, headers) as response:
                    answer = await read(response)
        check(self.url, response.status, response.headers, answer)
        return answer

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        address: str,
        *,
        data: AsyncIterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request for a file, out of *data* or to be read piece by piece within the block.

        *address* is the path, quoted. It has ten minutes. Raises NotReady or Declined.
        """
        sent = {"Authorization": f"Bearer {self._token}", **(headers or {})}
        with reaching(self.url):
            async with asyncio.timeout(FILE_S):
                async with await self.nio.send(method, address, data, sent, timeout=FILE_S) as response:
                    if not 200 <= response.status < 300:
                        check(self.url, response.status, response.headers, await read(response))
                    yield response

    async def paced(self, call: Callable[[], Awaitable[T]]) -> T:
        """*call*, when the homeserver's limit for the account lets us; NotReady when that is a minute away."""
        return await self.pace.keep(call)

    async def apart(self, kind: str, call: Callable[[], Awaitable[T]]) -> T:
        """*call*, of a *kind* that has a limit of its own; NotReady while that holds. See ``pace.Apart``."""
        return await self.pace.apart.ask(kind, call)

    async def spare(self, call: Callable[[], Awaitable[T]]) -> T | None:
        """*call* where the limit has room to spare; None: it was left out. See ``Pace.spare``."""
        return await self.pace.spare(call)

    async def send_to_device(
        self, user_id: str, device_id: str, kind: str, content: Mapping[str, Any], *, transaction: str
    ) -> None:
        """Send *content* to a device, in clear. The same *transaction* arrives once."""
        await self.send_to_devices(user_id, kind, {device_id: content}, transaction=transaction)

    async def send_to_devices(
        self, user_id: str, kind: str, contents: Mapping[str, Mapping[str, Any]], *, transaction: str
    ) -> None:
        """Send devices of one person what is for each, in clear; ``*`` is all of them."""
        body = {"messages": {user_id: contents}}
        await self.call("PUT", "sendToDevice", kind, transaction, body=body)

    async def state(self, room: str, kind: str) -> dict[str, Any] | None:
        """The content of a room's state event with an empty key; None where there is none."""
        try:
            return await self.call("GET", "rooms", room, "state", kind, "")
        except Declined as refusal:
            if refusal.errcode == "M_NOT_FOUND":
                return None
            raise


def _address(root: str, path: Sequence[str], query: Mapping[str, str | int] | None) -> str:
    address = "/".join([root, *(quote(part, safe="") for part in path)])
    return f"{address}?{urlencode(query)}" if query else address
