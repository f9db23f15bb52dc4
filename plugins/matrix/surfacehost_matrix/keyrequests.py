"""Asking for keys that have not come: once for each session, and withdrawn when it is needed no more.

Client-server specification, "Key requests". What was asked for is noted (``asked:<room> <session>``), so that
``settle`` only has to compare: what is unread and not asked for is asked for, what is asked for and not unread is
withdrawn. It may be killed anywhere: a request that is sent again has the same id. One that the homeserver refuses is
noted too: it would be refused again, and nobody else's keys wait for it.
"""

import hashlib
import logging
from collections.abc import Mapping
from typing import Any

from surfacehost import Memory, NotReady
from surfacehost_matrix.chats import Chats
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.unread import ASKED

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
        for note in self._chats.unread.all().values():
            # Of several the first: who names a session later may have read of it there.
            missing.setdefault(f"{note['room']} {_session(note)}", note)
        self._homeserver.expect_keys(
            {
                (note["room"], _session(note)): (note["event"]["sender"], str(_content(note).get("sender_key", "")))
                for note in missing.values()
            }
        )
        asked = self._chats.unread.all_asked()
        due = [
            wanted
            for wanted, note in missing.items()
            if asked.get(wanted, {}).get("device") != self._homeserver.device_id
            and not self._chats.unread.why_withheld(note)
        ]
        try:
            for wanted in due[:AT_ONCE]:
                await self._ask(wanted, missing[wanted])
            for wanted, request in asked.items():
                if wanted not in missing:
                    await self._withdraw(wanted, request)
        except (NotReady, Declined) as error:
            log.info("keys can't be asked for now: %s", error)

    async def _ask(self, wanted: str, note: Mapping[str, Any]) -> None:
        content, sender = _content(note), note["event"]["sender"]
        body = {"algorithm": content["algorithm"], "session_id": _session(note), "room_id": note["room"]}
        # The device that has made the session is the one whose answer is believed (see ``guards``). An event that does
        # not tell which that is may be any device's: each is asked for a key of its own.
        device, key = str(content.get("device_id") or "*"), str(content.get("sender_key") or "")
        keys = {device: key} if key else self._homeserver.devices_of(sender) or {device: ""}
        bodies = {one: body | ({"sender_key": key} if key else {}) for one, key in keys.items()}
        contents = {one: {"action": "request", "body": body} for one, body in bodies.items()}
        is_taken = await self._send(sender, wanted, contents)
        to = [*keys] if is_taken else []
        await self._note(wanted, {"user": sender, "to": to, "device": self._homeserver.device_id})
        if is_taken:
            log.info("%s is asked for a key of %s", sender, note["room"])

    async def _withdraw(self, wanted: str, request: Mapping[str, Any]) -> None:
        # What an earlier device has asked is forgotten with it.
        if request["device"] == self._homeserver.device_id and request["to"]:
            contents = {device: {"action": "request_cancellation"} for device in request["to"]}
            await self._send(request["user"], wanted, contents)
        await self._note(wanted, None)

    async def _send(self, user_id: str, wanted: str, contents: Mapping[str, Mapping[str, Any]]) -> bool:
        """Whether the homeserver takes it. Raises Declined for what is about the account, and NotReady."""
        ours = {"request_id": wanted, "requesting_device_id": self._homeserver.device_id}
        bodies = {device: {**content, **ours} for device, content in contents.items()}
        (action,) = {content["action"] for content in contents.values()}
        transaction = hashlib.sha256(f"{wanted} {action}".encode()).hexdigest()[:32]
        try:
            await self._homeserver.send_to_devices(user_id, "m.room_key_request", bodies, transaction=transaction)
        except Declined as refusal:
            if refusal.blames_account():
                raise
            log.warning("the homeserver takes no %s for a key of %s: %s", action, user_id, refusal)
            return False
        return True

    async def _note(self, wanted: str, request: Mapping[str, Any] | None) -> None:
        notes = {ASKED + wanted: request}
        await self._memory.set(notes)
        self._chats.learn(notes)


def _content(note: Mapping[str, Any]) -> Mapping[str, Any]:
    content: Mapping[str, Any] = note["event"]["content"]
    return content


def _session(note: Mapping[str, Any]) -> str:
    return str(_content(note)["session_id"])
