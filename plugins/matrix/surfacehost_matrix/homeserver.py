"""The homeserver as the rest of the surface sees it: typed calls that raise NotReady or Declined, nothing else.

Here is what nio does for us: syncs and encrypted sends, and in ``device`` decryption. Everything else is asked for in
plain HTTP, see ``requests``.
"""

import asyncio
import json
import logging
import math
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from surfacehost import NotReady, Undeliverable
from surfacehost_matrix import crypto, keystore
from surfacehost_matrix.client import GuardedClient, accept_short_room_ids, accept_sparse_events, quiet_nio
from surfacehost_matrix.connection import session
from surfacehost_matrix.device import Device
from surfacehost_matrix.failures import reaching
from surfacehost_matrix.pace import Pace
from surfacehost_matrix.requests import CALL_S
from surfacehost_matrix.settings import MatrixSettings
from surfacehost_matrix.wanted import AT_START, CATCHING_UP, PAGE, TIMELINE, wanted

FIRST_SYNC_S, PROBE_S = 540, 30
"""How long the first sync may take, which for an account in thousands of rooms is long; and how often the homeserver
has to show meanwhile that it is there."""
POLL_S, POLL_LIMIT_S, NEWS_S = 30, 60, 20

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of a room's history, and where the next one begins."""

    events: Sequence[Mapping[str, Any]]
    """As the homeserver tells them; those that could be decrypted, in clear."""
    end: str | None


class Homeserver(Device):
    """One account's connection; usable between ``async with`` and its end, then every call raises NotReady."""

    def __init__(self, settings: MatrixSettings, keys: Path, url: str = "", pace: Pace | None = None) -> None:
        """Connect as *settings* say, to *url* where they only name the server.

        Encryption keeps its keys in the folder *keys*; *pace* is the account's, where other connections keep to it too.
        """
        super().__init__(url or settings.homeserver, settings.user_id, keys, pace, encrypts=settings.encryption)
        self._settings = settings
        self._news = asyncio.Condition()
        self._held = AsyncExitStack()

    async def __aenter__(self) -> Self:
        quiet_nio()
        accept_short_room_ids()
        accept_sparse_events()
        http = session(self._settings, self.url)
        self._held.push_async_callback(http.close)
        try:
            self._secret = self._held.enter_context(keystore.store(self._keys)) if self.encrypts else ""
        except BaseException:
            await self._held.aclose()
            raise
        store = self._keys if self.encrypts else None
        self.nio = GuardedClient(self.url, self.user_id, http, store=store, secret=self._secret)
        self._held.push_async_callback(self.nio.close)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._held.aclose()

    async def sync(self, since: str | None, *, first: bool, wait_s: float = math.inf) -> Any:  # noqa: ANN401 - untyped
        """What is new behind *since*, waited for *wait_s* at the most.

        The *first* one of a connection waits for nothing, and brings the state of all rooms as well.
        """
        if first:
            some = wanted(CATCHING_UP if since else AT_START)
            call = self.nio.sync(timeout=0, sync_filter=some, since=since, full_state=True)
            # nio limits neither a first sync nor one with full state.
            response = await self._while_it_answers(self._nio(call, limit_s=FIRST_SYNC_S))
        else:
            call = self.nio.sync(timeout=round(1000 * min(wait_s, POLL_S)), sync_filter=wanted(PAGE), since=since)
            response = await self._nio(call, limit_s=POLL_LIMIT_S)
        self._correct_model(response)
        return response

    async def _while_it_answers(self, call: Coroutine[Any, Any, T]) -> T:
        """*call*, while the homeserver answers others: one that is at work is waited for, one that is gone is not."""
        calling = asyncio.create_task(call)
        try:
            while not (await asyncio.wait({calling}, timeout=PROBE_S))[0]:
                await self.call("GET", "account", "whoami")
            return await calling
        finally:
            calling.cancel()

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

    async def page(
        self, room: str, *, start: str | None, end: str | None = None, forward: bool, kinds: Sequence[str] = ()
    ) -> Page:
        """Up to 100 events of *room* from the token *start* on, None: from its beginning; of some *kinds* alone."""
        query: dict[str, str | int] = {"dir": "f" if forward else "b", "limit": PAGE, "filter": _only(kinds)}
        query |= ({"from": start} if start else {}) | ({"to": end} if end else {})
        return self._paged(room, await self.call("GET", "rooms", room, "messages", query=query), "chunk")

    async def behind(self, room: str, event_id: str) -> Page:
        """What comes right behind an event of *room*: a few events or none, and where to go on."""
        query: dict[str, str | int] = {"limit": 1, "filter": _only(())}
        answer = await self.call("GET", "rooms", room, "context", event_id, query=query)
        return self._paged(room, answer, "events_after")

    def _paged(self, room: str, answer: Mapping[str, Any], name: str) -> Page:
        events = [self._in_clear(room, raw) for raw in answer.get(name) or () if isinstance(raw, dict)]
        return Page(events, answer.get("end"))

    async def event(self, room: str, event_id: str) -> Mapping[str, Any]:
        """An event of *room*, in clear where it can be. Raises Declined when it is not there or not for us."""
        return self._in_clear(room, await self.call("GET", "rooms", room, "event", event_id))

    async def send_message(self, room: str, content: Mapping[str, Any], *, transaction: str) -> str:
        """Send a message as ``send_event`` does; the id of its event."""
        return await self.send_event(room, "m.room.message", content, transaction=transaction)

    async def send_event(self, room: str, kind: str, content: Mapping[str, Any], *, transaction: str) -> str:
        """Send an event, encrypted where the room is; its id.

        The same *transaction* makes one event, whenever repeated and with whatever content.

        Raises NotReady (Held in a pause that began meanwhile), Declined, and Undeliverable for an encrypted room when
        encryption is switched off.
        """
        if not await self.is_encrypted(room):
            self.pace.check()
            answer = await self.call("PUT", "rooms", room, "send", kind, transaction, body=content)
            return str(answer.get("event_id", ""))
        if not self.encrypts:
            raise Undeliverable(f"{room} is encrypted, and encryption is switched off in the settings")
        await self._told_of(room)
        await self._prepare_keys(room)
        self.pace.check()
        sent = await self._nio(
            self.nio.room_send(room, kind, dict(content), tx_id=transaction, ignore_unverified_devices=True)
        )
        return str(sent.event_id)

    async def is_encrypted(self, room: str) -> bool:
        """Whether *room* is encrypted; asked of the homeserver unless a sync has told that it is.

        Encryption is never switched off again, but it may be switched on at any time, and what tells of it may be on
        its way for as long as a connection takes to be given up.
        """
        known = self.nio.rooms.get(room)
        if known is not None and known.encrypted:
            return True
        return await self.state(room, "m.room.encryption") is not None

    async def _told_of(self, room: str) -> None:
        """Wait until a sync has told that *room* is encrypted: nio encrypts only where it knows that."""
        try:
            async with asyncio.timeout(NEWS_S), self._news:
                await self._news.wait_for(lambda: room in self.nio.rooms and self.nio.rooms[room].encrypted)
        except TimeoutError as error:
            raise NotReady(f"no sync has told of {room} yet") from error

    async def _prepare_keys(self, room: str) -> None:
        """Find out who is in *room*, with which devices; nio does it while sending, but takes failures for answers."""
        if not self.nio.rooms[room].members_synced:
            await self._nio(self.nio.joined_members(room))
        with reaching(self.url), keystore.storing():
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
            with reaching(self.url), keystore.storing():
                async with asyncio.timeout(CALL_S):
                    await crypto.tend(self.nio)

    def names(self, room: str) -> dict[str, str]:
        """What the members of *room* that were heard of are called."""
        known = self.nio.rooms.get(room)
        return (
            {user: member.display_name for user, member in known.users.items() if member.display_name} if known else {}
        )


def _only(kinds: Sequence[str]) -> str:
    """The filter of a room's history: what we use of it, or *kinds* alone."""
    return json.dumps({**TIMELINE, **({"types": kinds} if kinds else {})})
