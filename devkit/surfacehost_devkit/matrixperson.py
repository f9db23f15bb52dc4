"""A person on Matrix: writes, reads and looks at rooms over plain HTTP, as a judge of what a bot does there."""

import ssl
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from surfacehost_devkit.plain import NO_TLS

from .homeserver.admin import Account
from .matrixapi import Content, MatrixApi, MatrixError, RoomEvent
from .matrixwatch import Invite, Watch

__all__ = ["Invite", "MatrixError", "MatrixPerson", "RoomEvent", "login"]


async def login(
    url: str, user: str, password: str, *, verify: ssl.SSLContext = NO_TLS, device_id: str | None = None
) -> Account:
    """Log in with a password, on a new device unless one is named."""
    body = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": user},
        "password": password,
        **({"device_id": device_id} if device_id else {}),
    }
    api = MatrixApi(url, verify=verify)
    try:
        answer = await api.call("POST", "login", json=body)
    finally:
        await api.aclose()
    return Account(
        user_id=answer["user_id"],
        device_id=answer["device_id"],
        access_token=answer["access_token"],
        password=password,
    )


class MatrixPerson:
    """One logged-in user; between ``async with`` and its end ``seen`` collects everything that user may see.

    Rooms are given by id. Methods raise MatrixError when the homeserver refuses, waits raise TimeoutError.
    """

    def __init__(self, url: str, account: Account, *, verify: ssl.SSLContext = NO_TLS) -> None:
        """``account`` comes from ``Homeserver.register`` or ``login``."""
        self.user_id = account.user_id
        self.account = account
        self.api = MatrixApi(url, account.access_token, verify=verify)
        self.seen = Watch(self.api, account.user_id)

    async def __aenter__(self) -> Self:
        try:
            await self.seen.start()
        except BaseException:
            await self.api.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.seen.stop()
        await self.api.aclose()

    async def create_room(
        self,
        *,
        name: str | None = None,
        invite: Sequence[str] = (),
        direct: bool = False,
        space: bool = False,
        encrypted: bool = False,
        room_version: str | None = None,
        options: Content | None = None,
    ) -> str:
        """Make a private room, direct chat or Space; ``options`` go into the request as they are."""
        body: dict[str, Any] = {
            "preset": "trusted_private_chat" if direct else "private_chat",
            "is_direct": direct,
            "invite": list(invite),
        }
        if name:
            body["name"] = name
        if space:
            body["creation_content"] = {"type": "m.space"}
        if encrypted:
            algorithm = {"algorithm": "m.megolm.v1.aes-sha2"}
            body["initial_state"] = [{"type": "m.room.encryption", "state_key": "", "content": algorithm}]
        if room_version:
            body["room_version"] = room_version
        answer = await self.api.call("POST", "createRoom", json=body | dict(options or {}))
        return str(answer["room_id"])

    async def invite(self, room: str, user: str) -> None:
        """Invite a user."""
        await self.api.call("POST", "rooms", room, "invite", json={"user_id": user})

    async def join(self, room: str) -> str:
        """Join a room by id or alias; returns its id."""
        return str((await self.api.call("POST", "join", room, json={}))["room_id"])

    async def leave(self, room: str) -> None:
        """Leave a room or decline an invitation to it."""
        await self.api.call("POST", "rooms", room, "leave", json={})

    async def kick(self, room: str, user: str, reason: str = "") -> None:
        """Put a user out of a room, or take an invitation back."""
        await self.api.call("POST", "rooms", room, "kick", json={"user_id": user, "reason": reason})

    async def send_event(self, room: str, kind: str, content: Content, *, txn: str | None = None) -> str:
        """Send any event; returns its id. The same ``txn`` a second time makes no second event."""
        answer = await self.api.call("PUT", "rooms", room, "send", kind, txn or uuid4().hex, json=content)
        return str(answer["event_id"])

    async def send(  # noqa: PLR0913  each is one thing that a client can put into a message
        self,
        room: str,
        text: str,
        *,
        msgtype: str = "m.text",
        thread: str | None = None,
        reply_to: str | None = None,
        mentions: Sequence[str] = (),
        content: Content | None = None,
        txn: str | None = None,
    ) -> str:
        """Send a message, into a thread, as a reply or with mentions if told so; ``content`` is laid over it."""
        body: dict[str, Any] = {"msgtype": msgtype, "body": text, **_relation(thread, reply_to)}
        if mentions:
            body["m.mentions"] = {"user_ids": list(mentions)}
        return await self.send_event(room, "m.room.message", body | dict(content or {}), txn=txn)

    async def edit(self, room: str, event_id: str, text: str) -> str:
        """Replace the text of an own message; returns the id of the edit."""
        new = {"msgtype": "m.text", "body": text}
        relation = {"rel_type": "m.replace", "event_id": event_id}
        content = {**new, "body": f"* {text}", "m.new_content": new, "m.relates_to": relation}
        return await self.send_event(room, "m.room.message", content)

    async def react(self, room: str, event_id: str, key: str) -> str:
        """React with an emoji; returns the id of the reaction."""
        relation = {"rel_type": "m.annotation", "event_id": event_id, "key": key}
        return await self.send_event(room, "m.reaction", {"m.relates_to": relation})

    async def redact(self, room: str, event_id: str, reason: str = "") -> str:
        """Delete an event's content; returns the id of the redaction."""
        path = ("rooms", room, "redact", event_id, uuid4().hex)
        return str((await self.api.call("PUT", *path, json={"reason": reason}))["event_id"])

    async def set_state(self, room: str, kind: str, content: Content, key: str = "") -> str:
        """Set a room's state; returns the event's id."""
        path = ("rooms", room, "state", kind, key)
        return str((await self.api.call("PUT", *path, json=content))["event_id"])

    async def state(self, room: str, kind: str, key: str = "") -> dict[str, Any] | None:
        """The content of one state event; None when there is none."""
        try:
            return await self.api.call("GET", "rooms", room, "state", kind, key)
        except MatrixError as error:
            if error.errcode == "M_NOT_FOUND":
                return None
            raise

    async def members(self, room: str) -> dict[str, str]:
        """Everybody's membership: ``join``, ``invite``, ``leave``, ``ban``."""
        answer = await self.api.call("GET", "rooms", room, "members")
        return {event["state_key"]: event["content"]["membership"] for event in answer["chunk"]}

    async def hierarchy(self, space: str) -> list[dict[str, Any]]:
        """A Space and all rooms below it that this user may see, with their ``children_state``."""
        rooms: list[dict[str, Any]] = []
        params: dict[str, str | int] = {}
        while True:
            page = await self.api.call("GET", "rooms", space, "hierarchy", params=params, version="v1")
            rooms += page["rooms"]
            if "next_batch" not in page:
                return rooms
            params = {"from": page["next_batch"]}

    async def history(self, room: str) -> list[RoomEvent]:
        """Every event of a room from its beginning, each once, asked anew from the server."""
        events = [event async for event in self.api.messages(room)]
        return events[::-1]

    async def wait_for(self, predicate: Callable[[], object], timeout_s: float = 30) -> None:
        """Wait until the predicate, mostly about ``seen``, is true; it is asked again after each sync."""
        try:
            await self.seen.until(predicate, timeout_s)
        except TimeoutError as late:
            raise TimeoutError(f"{self.user_id} waited {timeout_s} s in vain; {self.seen.summary()}") from late

    async def wait_invite(self, from_: str, *, besides: Sequence[str] = (), timeout_s: float = 30) -> Invite:
        """Wait for an invitation from a user and return it; rooms in ``besides`` don't count."""

        def found() -> list[Invite]:
            return [i for i in self.seen.invites.values() if i.inviter == from_ and i.room_id not in besides]

        await self.wait_for(found, timeout_s)
        return found()[0]

    async def replies(
        self,
        room: str,
        *,
        after: str,
        from_: str,
        count: int = 1,
        thread: str | None = None,
        timeout_s: float = 30,
    ) -> list[RoomEvent]:
        """Wait for at least ``count`` messages from a user after an event; returns all there are, edits left out.

        With ``thread`` only messages of that thread count. For texts that are edited while they grow see
        ``seen.text``.
        """

        def found() -> list[RoomEvent]:
            messages = self.seen.messages(room, after=after, from_=from_)
            return [e for e in messages if not e.replaces and thread in (None, e.thread)]

        await self.wait_for(lambda: len(found()) >= count, timeout_s)
        return found()


def _relation(thread: str | None, reply_to: str | None) -> dict[str, Any]:
    """``m.relates_to`` as the client-server API wants it ("Threading", "Rich replies")."""
    replied = {"m.in_reply_to": {"event_id": reply_to or thread}}
    if thread:
        # A client without threads shows the message as a reply: that is what falling back means.
        return {
            "m.relates_to": {"rel_type": "m.thread", "event_id": thread, "is_falling_back": not reply_to, **replied}
        }
    return {"m.relates_to": replied} if reply_to else {}
