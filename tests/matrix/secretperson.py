"""A person in encrypted rooms: nio as a client of its own, without our guards."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, Self

from nio import (  # type: ignore[import-untyped]  # nio ships no type marker
    AsyncClient,
    AsyncClientConfig,
    Event,
    MegolmEvent,
    ShareGroupSessionResponse,
    ToDeviceMessage,
)

from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.matrixapi import MatrixApi


class HoldingClient(AsyncClient):  # type: ignore[misc]  # untyped, see above
    """Keeps back the keys it would hand to others, while told so, and what newer clients don't tell of themselves."""

    holding = False
    sparse = False

    def encrypt(self, room_id: str, message_type: str, content: dict[str, Any]) -> Any:
        kind, sealed = super().encrypt(room_id, message_type, content)
        if self.sparse:
            del sealed["sender_key"], sealed["device_id"]
        return kind, sealed

    def _handle_timeline_event(self, event: Any, *args: Any) -> Any:
        if isinstance(event, MegolmEvent) and event.sender == self.user_id and not event.sender_key:
            event.sender_key = self.olm.account.identity_keys["curve25519"]  # she can read her own
        return super()._handle_timeline_event(event, *args)

    async def _send(self, response_class: Any, *args: Any, **more: Any) -> Any:
        if self.holding and response_class is ShareGroupSessionResponse:
            self.held = (args, more)
            return ShareGroupSessionResponse(*more["response_data"])
        return await super()._send(response_class, *args, **more)

    async def hand_over(self) -> None:
        self.holding = False
        args, more = self.held
        await super()._send(ShareGroupSessionResponse, *args, **more)


class SecretPerson:
    """Logged in on a new device with a store of its own.

    ``seen`` is what came, in order, in clear where it could be read; ``seen_in`` is the same by room; ``told`` is what
    came to her device.
    """

    def __init__(self, server: Homeserver, account: Account, folder: Path) -> None:
        folder.mkdir(parents=True)
        config = AsyncClientConfig(max_timeouts=0, max_limit_exceeded=0)
        self.nio = HoldingClient(server.url, account.user_id, store_path=str(folder), config=config)
        self.user_id = account.user_id
        self.seen: list[Any] = []
        self.seen_in: defaultdict[str, list[Any]] = defaultdict(list)
        self.told: list[dict[str, Any]] = []
        self._password = account.password
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._failure: Exception | None = None

    async def __aenter__(self) -> Self:
        await self.nio.login(self._password)
        await self._once(0)
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.nio.close()
        self.nio.store.database.close()

    async def chat_with(self, user: str) -> str:
        """An encrypted direct chat, the other one having come."""
        encryption = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
        answer = await self.nio.room_create(is_direct=True, invite=[user], initial_state=[encryption])
        room = str(answer.room_id)
        await self.until(lambda: room in self.nio.rooms and not self.nio.rooms[room].invited_users)
        await self.until(lambda: user in self.nio.rooms[room].users)
        return room

    async def send(self, room: str, text: str, kind: str = "m.room.message", **content: Any) -> str:
        body = {"msgtype": "m.text", "body": text} if kind == "m.room.message" else {}
        answer = await self.nio.room_send(room, kind, body | content, ignore_unverified_devices=True)
        return str(answer.event_id)

    async def edit(self, room: str, event_id: str, text: str) -> str:
        content: dict[str, Any] = {
            "m.new_content": {"msgtype": "m.text", "body": text},
            "m.relates_to": {"rel_type": "m.replace", "event_id": event_id},
        }
        return await self.send(room, f"* {text}", **content)

    async def withhold(self, room: str, user: str, device: str, code: str, reason: str) -> None:
        """Let a device know that it does not get the key of what she writes in *room*."""
        session = self.nio.olm.outbound_group_sessions[room]
        content = {
            "algorithm": "m.megolm.v1.aes-sha2",
            "room_id": room,
            "session_id": session.id,
            "sender_key": self.nio.olm.account.identity_keys["curve25519"],
            "code": code,
            "reason": reason,
        }
        await self.nio.to_device(ToDeviceMessage("m.room_key.withheld", user, device, content))

    async def until(self, predicate: Callable[[], object], timeout_s: float = 20) -> None:
        """Wait for what comes; raises TimeoutError with what was seen, or what ended the sync."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(lambda: self._failure or predicate())
        except TimeoutError as late:
            seen = "\n".join(repr(event)[:200] for event in self.seen[-8:])
            raise TimeoutError(f"{self.user_id} waited {timeout_s} s in vain; last seen:\n{seen}") from late
        if self._failure and not predicate():
            raise self._failure

    async def hears(self, text: str) -> Any:
        """Wait for a message that it could read."""
        await self.until(lambda: any(self._says(event, text) for event in self.seen))
        return next(event for event in self.seen if self._says(event, text))

    @staticmethod
    def _says(event: Event, text: str) -> bool:
        return bool(getattr(event, "body", None) == text)

    async def _follow(self) -> None:
        try:
            while True:
                await self._once(10_000)
        except Exception as error:  # noqa: BLE001 - whatever ended it is raised to everybody who waits
            self._failure = error
            async with self._changed:
                self._changed.notify_all()

    async def _once(self, timeout_ms: int) -> None:
        response = await self.nio.sync(timeout=timeout_ms, full_state=not timeout_ms)
        self.told += [event.source for event in response.to_device_events]
        for room, info in response.rooms.join.items():
            self.seen += info.timeline.events
            self.seen_in[room] += info.timeline.events
        await self.nio.send_to_device_messages()
        if self.nio.should_upload_keys:
            await self.nio.keys_upload()
        if self.nio.should_query_keys:
            await self.nio.keys_query()
        async with self._changed:
            self._changed.notify_all()


async def raw_events(person: SecretPerson, room: str, sender: str) -> list[dict[str, Any]]:
    """What the homeserver holds of a sender's messages in a room, the latest first."""
    async with aclosing(MatrixApi(person.nio.homeserver, person.nio.access_token)) as api:
        events = [event async for event in api.messages(room)]
    kinds = ("m.room.message", "m.room.encrypted")
    return [{"type": e.type, "content": e.content} for e in events if e.sender == sender and e.type in kinds]
