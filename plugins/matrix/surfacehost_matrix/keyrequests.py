"""Asking for keys that have not come: once for each session, and withdrawn when it is needed no more.

Client-server specification, "Key requests". What was asked for is noted (``asked:<session>``), so that ``settle`` only
has to compare: what is unread and not asked for is asked for, what is asked for and not unread is withdrawn. It may be
killed anywhere: a request that is sent again has the same id.
"""

import hashlib
import logging
from collections.abc import Mapping
from typing import Any

from surfacehost import Memory, NotReady
from surfacehost_matrix.chats import ASKED, Chats
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver

AT_ONCE = 10
"""Requests after one sync; the rest after the next ones. Anybody can send what has no key."""

log = logging.getLogger(__name__)


class KeyRequests:
    """One device's requests."""

    def __init__(self, homeserver: Homeserver, chats: Chats, memory: Memory) -> None:
        self._homeserver = homeserver
        self._chats = chats
        self._memory = memory

    async def settle(self) -> None:
        """Ask for what is missing, withdraw what is not; what fails is done after the next sync."""
        missing: dict[str, Mapping[str, Any]] = {}
        for note in self._chats.all_unread().values():
            # Of several the first: who names a session later may have read of it there.
            missing.setdefault(str(_content(note)["session_id"]), note)
        self._homeserver.expect_keys(
            {
                (note["room"], session): (note["event"]["sender"], str(_content(note).get("sender_key", "")))
                for session, note in missing.items()
            }
        )
        asked = self._chats.all_asked()
        due = [
            session
            for session, note in missing.items()
            if asked.get(session, {}).get("device") != self._homeserver.device_id and not self._chats.why_withheld(note)
        ]
        try:
            for session in due[:AT_ONCE]:
                await self._ask(session, missing[session])
            for session, request in asked.items():
                if session not in missing:
                    await self._withdraw(session, request)
        except (NotReady, Declined) as error:
            log.info("keys can't be asked for now: %s", error)

    async def _ask(self, session: str, note: Mapping[str, Any]) -> None:
        content, sender = _content(note), note["event"]["sender"]
        wanted = {"algorithm": content["algorithm"], "session_id": session, "room_id": note["room"]}
        # The device that has made the session is the one whose answer is believed (see ``guards``). An event that does
        # not tell which that is may be any device's: each is asked for a key of its own.
        device, key = str(content.get("device_id") or "*"), str(content.get("sender_key") or "")
        keys = {device: key} if key else self._homeserver.devices_of(sender) or {device: ""}
        bodies = {one: wanted | ({"sender_key": key} if key else {}) for one, key in keys.items()}
        await self._send(sender, session, {one: {"action": "request", "body": body} for one, body in bodies.items()})
        await self._note(session, {"user": sender, "to": [*keys], "device": self._homeserver.device_id})
        log.info("%s is asked for a key of %s", sender, note["room"])

    async def _withdraw(self, session: str, request: Mapping[str, Any]) -> None:
        if request["device"] == self._homeserver.device_id:  # what an earlier device has asked is forgotten with it
            contents = {device: {"action": "request_cancellation"} for device in request["to"]}
            await self._send(request["user"], session, contents)
        await self._note(session, None)

    async def _send(self, user_id: str, session: str, contents: Mapping[str, Mapping[str, Any]]) -> None:
        ours = {"request_id": session, "requesting_device_id": self._homeserver.device_id}
        bodies = {device: {**content, **ours} for device, content in contents.items()}
        (action,) = {content["action"] for content in contents.values()}
        transaction = hashlib.sha256(f"{session} {action}".encode()).hexdigest()[:32]
        await self._homeserver.send_to_devices(user_id, "m.room_key_request", bodies, transaction=transaction)

    async def _note(self, session: str, request: Mapping[str, Any] | None) -> None:
        notes = {ASKED + session: request}
        await self._memory.set(notes)
        self._chats.learn(notes)


def _content(note: Mapping[str, Any]) -> Mapping[str, Any]:
    content: Mapping[str, Any] = note["event"]["content"]
    return content
