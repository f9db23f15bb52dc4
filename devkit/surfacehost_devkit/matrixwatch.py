"""What one Matrix user gets to see: a long-polling sync whose findings can be waited for."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .matrixapi import MatrixApi, MatrixError, RoomEvent

_FILTER = json.dumps({"presence": {"types": []}, "room": {"timeline": {"limit": 100}}})
_RETRY_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """An invitation that was neither taken up nor declined."""

    room_id: str
    inviter: str
    direct: bool
    name: str
    space: bool


class Watch:
    """Follows the user's rooms from its start on; nothing is skipped, however much happens between two polls.

    ``events`` by room, in the server's order. ``invites`` that wait, by room. ``joined`` rooms. ``typing``: who types
    now, by room; ``typing_seen``: who ever did. ``receipts``: by room and user the ids of the events read up to.
    """

    def __init__(self, api: MatrixApi, user_id: str) -> None:
        """Nothing is asked before ``start``."""
        self.events: dict[str, list[RoomEvent]] = defaultdict(list)
        self.invites: dict[str, Invite] = {}
        self.joined: set[str] = set()
        self.typing: dict[str, set[str]] = defaultdict(set)
        self.typing_seen: dict[str, set[str]] = defaultdict(set)
        self.receipts: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._api = api
        self._user_id = user_id
        self._known: set[str] = set()
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._failure: Exception | None = None

    async def start(self) -> None:
        """Read the present state, then follow in the background."""
        first = await self._api.sync(None, filter_=_FILTER, timeout_ms=0)
        await self._take(first)
        self._task = asyncio.create_task(self._follow(first["next_batch"]), name=f"watch {self._user_id}")

    async def stop(self) -> None:
        """End the background task."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def messages(self, room: str, *, after: str, from_: str) -> list[RoomEvent]:
        """A user's messages, edits among them, that came after an event; none while that event was not seen."""
        events = self.events[room]
        place = next((n for n, event in enumerate(events) if event.event_id == after), len(events))
        return [e for e in events[place + 1 :] if e.type == "m.room.message" and e.sender == from_]

    def text(self, message: RoomEvent) -> str:
        """A message's text after the edits of it that were seen."""
        edits = self.messages(message.room_id, after=message.event_id, from_=message.sender)
        texts = [e.content["m.new_content"]["body"] for e in edits if e.replaces == message.event_id]
        return str(texts[-1]) if texts else message.body

    def said(self, room: str, from_: str) -> list[str]:
        """What a user's messages say in *room* by now, edits applied, those that were taken back left out."""
        texts: dict[str, str] = {}
        for event in self.events[room]:
            if event.type == "m.room.redaction":
                texts.pop(str(event.redacts), None)
            elif event.sender == from_ and event.type == "m.room.message":
                if event.replaces in texts:
                    texts[event.replaces] = str(event.content["m.new_content"]["body"])
                elif not event.replaces and event.body:
                    texts[event.event_id] = event.body
        return list(texts.values())

    def summary(self) -> str:
        """The latest of what was seen, for the text of an error."""
        last = [event for events in self.events.values() for event in events[-2:]]
        lines = [f"{e.room_id} {e.sender} {e.type} {e.body[:80]!r}" for e in last[-12:]]
        return "last seen:\n" + "\n".join(lines) + f"\ninvites: {list(self.invites.values())}"

    async def until(self, predicate: Callable[[], object], timeout_s: float) -> None:
        """Wait until the predicate is true; raises TimeoutError, or what ended the sync for good."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: self._failure or predicate())
        if self._failure and not predicate():
            raise self._failure

    async def _follow(self, since: str) -> None:
        try:
            while True:
                try:
                    answer = await self._api.sync(since, filter_=_FILTER, timeout_ms=30_000)
                    await self._take(answer)
                    since = answer["next_batch"]
                except (ConnectionError, MatrixError) as error:
                    if isinstance(error, MatrixError) and error.status < 500:
                        raise
                    # The server is away, and nothing tells when it is back but trying.
                    await asyncio.sleep(_RETRY_S)
        except Exception as error:  # noqa: BLE001  whatever ended it is raised to everybody who waits
            self._failure = error
            async with self._changed:
                self._changed.notify_all()

    async def _take(self, answer: dict[str, Any]) -> None:
        rooms = answer.get("rooms", {})
        for room_id, room in rooms.get("join", {}).items():
            await self._take_joined(room_id, room)
        for room_id, room in rooms.get("invite", {}).items():
            self.invites[room_id] = _invite(room_id, room["invite_state"]["events"], self._user_id)
        for room_id, room in rooms.get("leave", {}).items():
            self.invites.pop(room_id, None)
            self.joined.discard(room_id)
            self._add([RoomEvent.read(room_id, raw) for raw in room.get("timeline", {}).get("events", [])])
        async with self._changed:
            self._changed.notify_all()

    async def _take_joined(self, room_id: str, room: dict[str, Any]) -> None:
        timeline = room["timeline"]
        new = [RoomEvent.read(room_id, raw) for raw in timeline["events"]]
        if timeline.get("limited") and room_id in self.joined:
            new = await self._gap(room_id, timeline["prev_batch"]) + new
        self._add(new)
        self.invites.pop(room_id, None)
        self.joined.add(room_id)
        for event in room.get("ephemeral", {}).get("events", []):
            if event["type"] == "m.typing":
                self.typing[room_id] = set(event["content"]["user_ids"])
                self.typing_seen[room_id] |= self.typing[room_id]
            elif event["type"] == "m.receipt":
                for event_id, kinds in event["content"].items():
                    for user in kinds.get("m.read", {}):
                        self.receipts[room_id][user].add(event_id)

    async def _gap(self, room_id: str, back_from: str) -> list[RoomEvent]:
        """What happened before a shortened timeline, back to the first event known."""
        missed: list[RoomEvent] = []
        async for event in self._api.messages(room_id, back_from=back_from):
            if event.event_id in self._known:
                break
            missed.insert(0, event)
        return missed

    def _add(self, events: list[RoomEvent]) -> None:
        for event in events:
            if event.event_id not in self._known:
                self._known.add(event.event_id)
                self.events[event.room_id].append(event)


def _invite(room_id: str, stripped: list[dict[str, Any]], user_id: str) -> Invite:
    inviter, direct, name, space = "", False, "", False
    for event in stripped:
        content = event["content"]
        if event["type"] == "m.room.member" and event["state_key"] == user_id:
            inviter, direct = event["sender"], bool(content.get("is_direct"))
        elif event["type"] == "m.room.name":
            name = content.get("name", "")
        elif event["type"] == "m.room.create":
            space = content.get("type") == "m.space"
    return Invite(room_id=room_id, inviter=inviter, direct=direct, name=name, space=space)
