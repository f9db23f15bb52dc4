"""The homeserver as the rest of the surface sees it: typed calls that raise NotReady or Declined, nothing else.

Everything but syncs, history and encrypted sends is asked for in plain HTTP: it is shorter than nio's wrappers, and
says what the server says. Paths: client-server specification, v3.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
from nio import (  # type: ignore[import-untyped]  # nio ships no type marker
    EncryptionError,
    ErrorResponse,
    Event,
    LocalProtocolError,
    MegolmEvent,
    MessageDirection,
)

from surfacehost import NotReady, Refused, Undeliverable, trust
from surfacehost_matrix import crypto
from surfacehost_matrix.client import GuardedClient, accept_short_room_ids, quiet_nio
from surfacehost_matrix.failures import Declined, check, reaching, read
from surfacehost_matrix.pace import Pace
from surfacehost_matrix.settings import MatrixSettings

FILTER: Mapping[str, Any] = {
    "presence": {"types": []},
    "account_data": {"types": ["m.direct"]},
    "room": {
        "state": {"lazy_load_members": True},
        "timeline": {"limit": 100, "lazy_load_members": True},
        "ephemeral": {"types": []},
        "account_data": {"types": []},
    },
}
"""What a sync is asked for: only what is used."""

FIRST_SYNC_S, POLL_S, POLL_LIMIT_S, CALL_S, NEWS_S = 120, 30, 60, 60, 20

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A device of the account and the secret that speaks for it."""

    user_id: str
    device_id: str
    access_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of a room's history, and where the next one begins."""

    events: Sequence[Any]
    end: str | None


class Homeserver:
    """One account's connection; usable between ``async with`` and its end, then every call raises NotReady."""

    def __init__(self, settings: MatrixSettings, keys: Path) -> None:
        """Connect as *settings* say; encryption keeps its keys in the folder *keys*."""
        self.url = settings.homeserver
        self.user_id = settings.user_id
        self.encrypts = settings.encryption
        self.pace = Pace()
        self._keys = keys
        self._ca_file = settings.ca_file
        self._token = ""
        self._news = asyncio.Condition()
        self._held = AsyncExitStack()

    async def __aenter__(self) -> Self:
        quiet_nio()
        accept_short_room_ids()
        try:
            context = trust(self._ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise Refused(f"ca_file {self._ca_file} can't be used: {error}") from error
        secret = self._held.enter_context(crypto.store(self._keys)) if self.encrypts else ""
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))
        store = self._keys if self.encrypts else None
        self.nio = GuardedClient(self.url, self.user_id, session, store=store, secret=secret)
        self._held.push_async_callback(self.nio.close)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._held.aclose()

    def adopt(self, login: Login) -> None:
        """Go on as the device of *login*. Raises Refused when its keys can't be read, NotReady without room."""
        self._token = login.access_token
        try:
            with crypto.storing():
                self.nio.restore_login(login.user_id, login.device_id, login.access_token)
        except crypto.UNREADABLE as error:
            raise Refused(
                f"the keys in {self._keys} can't be read: {error}; remove the folder to begin anew"
            ) from error

    def inherit(self, device_id: str) -> None:
        """Take over the keys of rooms that the account's earlier device *device_id* had been given."""
        with crypto.storing():
            crypto.inherit(self.nio.olm, self._keys, device_id)

    async def collect_keys(self, since: str | None) -> None:
        """Take the keys that wait for the device, and nothing else."""
        only_keys: dict[str, Any] = {"room": {"rooms": []}, "presence": {"types": []}, "account_data": {"types": []}}
        while since is not None:
            response = await self._nio(self.nio.sync(timeout=0, sync_filter=only_keys, since=since))
            since = response.next_batch if response.to_device_events else None

    @property
    def identity_key(self) -> str:
        """The public key that others encrypt to for this device."""
        return str(self.nio.olm.account.identity_keys["curve25519"])

    def publish_keys(self) -> None:
        """Have the device's keys published after the next sync, even if that was done before."""
        self.nio.olm.account.shared = False

    async def call(
        self,
        method: str,
        *path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str | int] | None = None,
        token: str | None = None,
    ) -> dict[str, Any]:
        """One request; the parts of *path* are quoted here. Raises NotReady or Declined."""
        address = "/".join(["/_matrix/client/v3", *(quote(part, safe="") for part in path)])
        address += f"?{urlencode(query)}" if query else ""
        secret = self._token if token is None else token
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        with reaching(self.url):
            async with asyncio.timeout(CALL_S):
                data = None if body is None else json.dumps(body)
                async with await self.nio.send(method, address, data, headers) as response:
                    answer = await read(response)
        check(self.url, response.status, response.headers, answer)
        if not isinstance(answer, dict):
            raise NotReady(f"{self.url} gives an answer that is no Matrix")
        return answer

    async def paced(self, call: Callable[[], Awaitable[T]]) -> T:
        """*call*, when the homeserver's limit for the account lets us; NotReady when that is a minute away."""
        return await self.pace.keep(call)

    async def sync(self, since: str | None, *, first: bool) -> Any:  # noqa: ANN401 - nio's SyncResponse
        """What is new behind *since*; the *first* one of a connection brings the state of all rooms as well."""
        call = self.nio.sync(
            timeout=0 if first else POLL_S * 1000, sync_filter=dict(FILTER), since=since, full_state=first or None
        )
        # nio limits neither a first sync nor one with full state.
        response = await self._nio(call, limit_s=FIRST_SYNC_S if first else POLL_LIMIT_S)
        self._correct_model(response)
        return response

    def _correct_model(self, response: Any) -> None:  # noqa: ANN401 - nio's SyncResponse
        """What nio leaves as it was: rooms we are in no more, members who went while nobody told us."""
        for room in response.rooms.leave:
            self.nio.rooms.pop(room, None)
        for room, info in response.rooms.join.items():
            if info.timeline.limited and room in self.nio.rooms:
                # The next send finds out who is there, and takes a new key.
                self.nio.rooms[room].members_synced = False
                if self.nio.olm:
                    self.nio.invalidate_outbound_session(room)

    async def page(self, room: str, *, start: str, end: str | None = None, forward: bool) -> Page:
        """Up to 100 events of *room* from the token *start* on."""
        direction = MessageDirection.front if forward else MessageDirection.back
        answer = await self._nio(self.nio.room_messages(room, start=start, end=end, direction=direction, limit=100))
        return Page(answer.chunk, answer.end)

    async def send_message(self, room: str, content: Mapping[str, Any], *, transaction: str) -> None:
        """Send a message, encrypted where the room is. The same *transaction* makes one event, whenever repeated.

        Raises NotReady, Declined, and Undeliverable for an encrypted room when encryption is switched off.
        """
        if not await self.is_encrypted(room):
            await self.call("PUT", "rooms", room, "send", "m.room.message", transaction, body=content)
            return
        if not self.encrypts:
            raise Undeliverable(f"{room} is encrypted, and encryption is switched off in the settings")
        await self._told_of(room)
        await self._prepare_keys(room)
        call = self.nio.room_send(
            room, "m.room.message", dict(content), tx_id=transaction, ignore_unverified_devices=True
        )
        await self._nio(call)

    async def is_encrypted(self, room: str) -> bool:
        """Whether *room* is encrypted; asked of the server as long as no sync has told."""
        if known := self.nio.rooms.get(room):
            return bool(known.encrypted)
        return await self.state(room, "m.room.encryption") is not None

    async def _told_of(self, room: str) -> None:
        """Wait until a sync has told of *room*: nio encrypts only for rooms that it knows."""
        try:
            async with asyncio.timeout(NEWS_S), self._news:
                await self._news.wait_for(lambda: room in self.nio.rooms)
        except TimeoutError as error:
            raise NotReady(f"no sync has told of {room} yet") from error

    async def _prepare_keys(self, room: str) -> None:
        """Find out who is in *room*, with which devices; nio does it while sending, but takes failures for answers."""
        if not self.nio.rooms[room].members_synced:
            await self._nio(self.nio.joined_members(room))
        with reaching(self.url), crypto.storing():
            async with asyncio.timeout(CALL_S):
                if self.nio.should_query_keys:
                    await self.nio.keys_query()
                if self.nio.olm.should_share_group_session(room) and (missing := self.nio.get_missing_sessions(room)):
                    await self.nio.keys_claim(missing)

    async def heard(self) -> None:
        """A sync has been stored: wake who waits for news, and do what encryption needs done."""
        async with self._news:
            self._news.notify_all()
        if self.nio.olm:
            with reaching(self.url), crypto.storing():
                async with asyncio.timeout(CALL_S):
                    await crypto.tend(self.nio)

    def decrypt(self, room: str, raw: Mapping[str, Any]) -> Any | None:  # noqa: ANN401 - one of nio's events
        """The event that *raw* is in clear; None as long as its key is missing."""
        event = Event.parse_event(dict(raw))
        if self.nio.olm is None or not isinstance(event, MegolmEvent):
            return None
        event.room_id = room
        return self.nio.olm._decrypt_megolm_no_error(event)  # noqa: SLF001 - see crypto.PRIVATE_NAMES

    def names(self, room: str) -> dict[str, str]:
        """What the members of *room* that were heard of are called."""
        known = self.nio.rooms.get(room)
        return (
            {user: member.display_name for user, member in known.users.items() if member.display_name} if known else {}
        )

    async def state(self, room: str, kind: str) -> dict[str, Any] | None:
        """The content of a room's state event with an empty key; None where there is none."""
        try:
            return await self.call("GET", "rooms", room, "state", kind, "")
        except Declined as refusal:
            if refusal.errcode == "M_NOT_FOUND":
                return None
            raise

    async def _nio(self, call: Awaitable[Any], limit_s: float = CALL_S) -> Any:  # noqa: ANN401 - nio's responses
        with reaching(self.url), crypto.storing():
            async with asyncio.timeout(limit_s):
                try:
                    answer = await call
                except (LocalProtocolError, EncryptionError) as error:
                    # Among others "not logged in": nio drops the token on a soft logout.
                    raise NotReady(f"nio can't do this now: {error}") from error
                transport = answer.transport_response
                body = None if 200 <= transport.status < 300 else await read(transport)
        check(self.url, transport.status, transport.headers, body)
        if isinstance(answer, ErrorResponse):
            raise NotReady(f"{self.url} gives an answer that is no Matrix")
        return answer
