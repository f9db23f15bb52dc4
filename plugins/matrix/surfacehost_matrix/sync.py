"""The sync: what the homeserver tells becomes events, and is stored with its token in one go.

nio's own loop is of no use here: it moves on before the events are handled, leaves gaps unfilled, and ends or spins on
errors. Here any trouble ends the loop, and the next one begins at the token that was stored last, so that nothing is
lost; what comes twice is known by its id.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from nio import (  # type: ignore[import-untyped]  # nio ships no type marker
    ForwardedRoomKeyEvent,
    MegolmEvent,
    RoomKeyEvent,
)

from surfacehost import Event, Message, NotReady, Put
from surfacehost_matrix.chats import Chats, Notes
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.gaps import arrival, gap
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.parse import Place, read_invite, read_message, replied_to

KEYS = (RoomKeyEvent, ForwardedRoomKeyEvent)

log = logging.getLogger(__name__)


class Sync:
    """One connection's reading: ``first`` once, then ``follow`` for ever."""

    def __init__(self, homeserver: Homeserver, put: Put, chats: Chats, surface: str) -> None:
        self._homeserver = homeserver
        self._put = put
        self._chats = chats
        self._surface = surface
        self._me = homeserver.user_id
        self._since = put.cursor
        self._told_unreadable: set[str] = set()

    async def first(self) -> None:
        """Catch up with what happened while we were away; at the very first start only find out where we are."""
        try:
            response = await self._homeserver.sync(self._since, first=True)
        except Declined as refusal:
            if self._since is None or refusal.status != 400:
                raise _down(refusal) from refusal
            # The homeserver's database is another one than before. What was written meanwhile can't be told apart.
            log.warning("the homeserver does not know our place in its history: starting anew", exc_info=refusal)
            self._since = None
            await self.first()
        else:
            await self._take(response, keys_came=True)

    async def follow(self) -> None:
        """Wait for what comes next, and take it; returns after each."""
        try:
            response = await self._homeserver.sync(self._since, first=False)
        except Declined as refusal:
            raise _down(refusal) from refusal
        keys_came = any(isinstance(event, KEYS) for event in response.to_device_events)
        await self._take(response, keys_came=keys_came)

    async def _take(self, response: Any, *, keys_came: bool) -> None:  # noqa: ANN401 - nio's SyncResponse
        events: list[Event] = []
        notes: Notes = {}
        for event in response.account_data_events:
            if getattr(event, "type", "") == "m.direct":
                notes |= self._chats.told_direct(event.content)
        for room, info in response.rooms.invite.items():
            self._hear_invite(room, info, events, notes)
        for room, info in response.rooms.join.items():
            await self._hear_room(room, info.timeline, events, notes)
        for room in response.rooms.leave:
            notes |= self._chats.left(room)
        if keys_came:
            await self._read_again(events, notes)
        if events or notes or response.rooms.join:
            await self._put(*events, cursor=response.next_batch, notes=notes)
        else:
            await self._put()  # nothing new: a sign of life
        self._chats.learn(notes)
        self._since = response.next_batch
        await self._homeserver.heard()

    def _hear_invite(self, room: str, info: Any, events: list[Event], notes: Notes) -> None:  # noqa: ANN401 - untyped
        # nio takes the content out of member events, and keeps it beside.
        state = [{"content": getattr(event, "content", {})} | event.source for event in info.invite_state]
        if invite := read_invite(room, state, surface=self._surface, me=self._me):
            numbered, mark = self._chats.invited(invite, self._since)
            events.append(numbered)
            notes |= mark

    async def _hear_room(self, room: str, timeline: Any, events: list[Event], notes: Notes) -> None:  # noqa: ANN401
        """What was said in *room*, from where we had read, or from where our time there begins."""
        new = not self._chats.knows(room)
        if new:
            notes |= self._chats.joined(room)
        if self._since is None:
            return  # the very first start: what was said before is not for us
        heard: Sequence[Any] = timeline.events
        if new:
            heard = await arrival(self._homeserver, room, timeline, self._put)
        elif timeline.limited and timeline.prev_batch:
            heard = [*await gap(self._homeserver, room, self._since, timeline.prev_batch, self._put), *heard]
        place = self._place(room)
        for event in heard:
            await self._hear(place, event, events, notes)

    async def _hear(self, place: Place, event: Any, events: list[Event], notes: Notes) -> None:  # noqa: ANN401 - untyped
        """One event of a room; what can't be read is left out alone, what can't be decrypted yet is kept."""
        raw = getattr(event, "source", None) or {}
        if raw.get("type") == "m.room.encrypted" and raw.get("sender") != self._me:
            self._tell_unreadable(place.chat)
            if isinstance(event, MegolmEvent) and self._homeserver.encrypts:
                notes |= self._chats.unread(place.chat, raw)
        elif message := await self._read(place, raw):
            events.append(message)

    async def _read(self, place: Place, raw: Mapping[str, Any]) -> Message | None:
        try:
            message = read_message(raw, place)
            if message is None:
                log.debug("%s in %s (%s) is not for us", raw.get("event_id"), place.chat, raw.get("type"))
                return None
            str(message.key)  # an id that can't stand in a thread key would come back with every sync
        except Exception:
            log.exception("an event of %s can't be read; it is skipped", place.chat)
            return None
        if not message.addressed and await self._is_ours(place.chat, replied_to(raw)):
            return replace(message, addressed=True)
        return message

    async def _read_again(self, events: list[Event], notes: Notes) -> None:
        """Keys have come, or may have before we were ended: some of what could not be decrypted can be now."""
        for key, note in self._chats.all_unread().items():
            if clear := self._homeserver.decrypt(note["room"], note["event"]):
                notes[key] = None
                if message := await self._read(self._place(note["room"]), clear.source):
                    events.append(message)

    async def _is_ours(self, room: str, event_id: str | None) -> bool:
        if event_id is None:
            return False
        try:
            return (await self._homeserver.call("GET", "rooms", room, "event", event_id)).get("sender") == self._me
        except Declined as refusal:
            if blame := refusal.blames_account():
                raise blame from refusal
            return False  # it is not there, or not for us to see

    def _place(self, room: str) -> Place:
        names = self._homeserver.names(room)
        return self._chats.place(room, my_name=names.get(self._me, ""), names=names)

    def _tell_unreadable(self, room: str) -> None:
        if room in self._told_unreadable:
            return
        self._told_unreadable.add(room)
        if self._homeserver.encrypts:
            log.warning("something in %s can't be decrypted; it is read when its key comes", room)
        else:
            log.warning("%s is encrypted and encryption is switched off: nothing is read or sent there", room)


def _down(refusal: Declined) -> Exception:
    return refusal.blames_account() or NotReady(f"the homeserver refuses to sync: {refusal}")
