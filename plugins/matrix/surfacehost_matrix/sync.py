"""The sync: what the homeserver tells becomes events, and is stored with its token in one go.

nio's own loop is of no use here: it moves on before the events are handled, leaves gaps unfilled, and ends or spins on
errors. Here any trouble ends the loop, and the next one begins at the token that was stored last, so that nothing is
lost; what comes twice is known by its id.
"""

import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from nio import (  # type: ignore[import-untyped]  # nio ships no type marker
    ForwardedRoomKeyEvent,
    RoomKeyEvent,
)

from surfacehost import Event, NotReady, Put, Refused
from surfacehost_matrix.aliases import Aliases
from surfacehost_matrix.behind import Behind
from surfacehost_matrix.chats import Chats, Notes
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.gaps import NoHistory, arrival, gap
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.identity.verification import Step, Verification, read_step
from surfacehost_matrix.jsonparts import content_of
from surfacehost_matrix.keyrequests import KeyRequests
from surfacehost_matrix.memberships import read_invite, replacement, replaces
from surfacehost_matrix.overtaken import overtaking
from surfacehost_matrix.parse import Place, unreadable
from surfacehost_matrix.prompts import Prompts
from surfacehost_matrix.reading import Reader, as_it_is
from surfacehost_matrix.withheld import read_withheld

KEYS = (RoomKeyEvent, ForwardedRoomKeyEvent)

log = logging.getLogger(__name__)

Raw = Mapping[str, Any]


@dataclass(slots=True)
class News:
    """What is to be stored next."""

    events: list[Event] = field(default_factory=list)
    notes: Notes = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """What a sync hears beside messages, and who is told of it."""

    prompts: Prompts
    requests: KeyRequests
    verification: Verification
    aliases: Aliases


class Sync:
    """One connection's reading: ``first`` once, then ``follow`` for ever."""

    def __init__(self, homeserver: Homeserver, put: Put, chats: Chats, surface: str, aside: Aside) -> None:
        self._homeserver = homeserver
        self._put = put
        self._chats = chats
        self._surface = surface
        self._prompts = aside.prompts
        self._requests = aside.requests
        self._verification = aside.verification
        self._aliases = aside.aliases
        self._steps: list[Step] = []
        self._me = homeserver.user_id
        self._since = put.cursor
        self._reader = Reader(homeserver)
        self._behind = Behind(homeserver, chats)
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
            response = await self._homeserver.sync(self._since, first=False, wait_s=self._behind.wait_s)
        except Declined as refusal:
            raise _down(refusal) from refusal
        keys_came = any(isinstance(event, KEYS) for event in response.to_device_events)
        await self._aliases.hear({room: _told(info) for room, info in response.rooms.join.items()})
        await self._take(response, keys_came=keys_came)

    async def _take(self, response: Any, *, keys_came: bool) -> None:  # noqa: ANN401 - nio's SyncResponse
        news = News()
        self._hear_device(response.to_device_events, news)
        for event in response.account_data_events:
            if getattr(event, "type", "") == "m.direct":
                direct = self._chats.told_direct(event.content)
                self._chats.learn(direct)  # what was said since was said in chats that are direct by now
                news.notes |= direct
        for room, info in response.rooms.invite.items():
            with left_out(f"the invitation into {room}"):
                self._hear_invite(room, info, news)
        if keys_came:
            await self._read_again()
        for room, info in response.rooms.join.items():
            await self._hear_room(room, info, news)
        for room in response.rooms.leave:
            news.notes |= self._chats.left(room)
        await self._catch_up(response.next_batch, news)
        if self._since is None:
            news.notes |= self._chats.only_in(response.rooms.join)
        self._tell_overdue(news)
        if news.events or news.notes or response.rooms.join:
            await self._store(news, cursor=response.next_batch)
        else:
            await self._put()  # nothing new: a sign of life
        self._since = response.next_batch
        await self._tend()

    async def _tend(self) -> None:
        """Do what is due when a sync has been stored. Raises NotReady."""
        if self._homeserver.encrypts:
            self._verification.hear(self._steps)  # before what may fail: no other sync brings them
        await self._homeserver.heard()
        if self._homeserver.encrypts:
            await self._requests.settle()

    def _hear_device(self, events: Sequence[Any], news: News) -> None:
        self._steps = []
        for event in events:
            raw = getattr(event, "source", None) or {}
            with left_out(f"what {raw.get('sender')} sent to our device"):
                if step := read_step(raw, me=self._me):
                    self._steps.append(step)
                if told := read_withheld(raw):
                    news.notes |= self._chats.unread.withheld(told, news.notes)

    async def _store(self, news: News, cursor: str | None = None) -> None:
        await self._put(*news.events, cursor=cursor, notes=news.notes)
        self._chats.learn(news.notes)

    def _hear_invite(self, room: str, info: Any, news: News) -> None:  # noqa: ANN401 - untyped
        # nio takes the content out of member events, and keeps it beside.
        state = [{"content": getattr(event, "content", {})} | event.source for event in info.invite_state]
        if invite := read_invite(room, state, surface=self._surface, me=self._me):
            numbered, marks = self._chats.invited(invite, self._since)
            str(numbered.key)  # an id that can't stand in a thread key would come back with every sync
            news.events.append(numbered)
            news.notes |= marks

    async def _hear_room(self, room: str, info: Any, news: News) -> None:  # noqa: ANN401 - untyped
        """What was said in *room*, from where we had read, or from where our time there begins."""
        new, timeline = not self._chats.knows(room), info.timeline
        if room in self._chats.all_behind():
            return  # it is read with what was said before it
        if new:
            news.notes |= self._chats.joined(room)
        if self._since is None:
            return  # the very first start: what was said before is not for us
        heard = [getattr(event, "source", None) or {} for event in timeline.events]
        back_from = timeline.prev_batch if timeline.limited else None
        goes_on = new and await self._goes_on(room, [*info.state, *timeline.events])
        try:
            if new:
                await self._fill(room, arrival(self._homeserver, room, heard, back_from, from_its_beginning=goes_on))
            else:
                if back_from:
                    await self._fill(room, gap(self._homeserver, room, self._since, back_from))
                await self._hear(room, heard, news)
        except NoHistory as trouble:
            news.notes |= self._behind.fell(room, None if new else self._since, trouble, from_its_beginning=goes_on)

    async def _catch_up(self, until: str, news: News) -> None:
        """Read the rooms that are behind, as far as they can be now."""
        for room, pages in self._behind.due(until, news.notes).items():
            try:
                await self._fill(room, pages)
                news.notes |= self._behind.caught_up(room)
            except NoHistory as trouble:
                self._behind.still(trouble)

    async def _goes_on(self, room: str, told: Sequence[Any]) -> bool:
        """Whether *room*, into which we have come, takes the place of one of ours: its chat goes on here.

        It is stored at once, before anything that was said in it: what is written here is for us, and in the same
        conversation, however soon it was written and wherever we are killed.
        """
        old = self._chats.moved_into(room)
        made = [event.source for event in told if getattr(event, "source", {}).get("type") == "m.room.create"]
        if old is None or not any(replaces(content_of(one)) == old for one in made):
            return False
        notes = self._chats.took_over(room, old)
        await self._put(notes=notes, moved={old: room})
        self._chats.learn(notes)
        log.info("%s has taken the place of %s", room, old)
        return True

    async def _fill(self, room: str, pages: AsyncIterator[Sequence[Raw]]) -> None:
        """Store a gap page by page, however long it is. The token stays: who dies here goes through it again."""
        async for page in pages:
            missed = News()
            await self._hear(room, page, missed)
            await self._store(missed)

    async def _hear(self, room: str, heard: Sequence[Raw], news: News) -> None:
        if not heard:
            return
        place = self._place(room)
        for raw in heard:
            try:
                await self._hear_one(room, raw, place, news)
            except (NotReady, Refused):
                raise
            except Exception:
                log.exception("an event of %s can't be read", room)
                if event := as_it_is(raw, place):
                    news.events.append(event)

    async def _hear_one(self, room: str, raw: Raw, place: Place, news: News) -> None:
        if raw.get("type") == "m.room.encrypted" and raw.get("sender") != self._me:
            self._tell_unreadable(room)
            if self._homeserver.is_sealed(raw):
                news.notes |= self._chats.unread.keep(room, raw, news.notes)
        elif step := read_step(raw, room, me=self._me):
            self._steps.append(step)
        elif new := replacement(raw, room):
            self._hear_upgrade(raw, room, new, news)
        elif event := self._prompts.taken(raw, place) or await self._reader.read(raw, place):
            news.events.append(await overtaking(event, raw, place, self._reader, self._chats, news.notes))

    def _hear_upgrade(self, raw: Raw, room: str, new: str, news: News) -> None:
        if moved := self._chats.moving(room, new, raw, news.notes):
            event, marks = moved
            news.events.append(event)
            news.notes |= marks

    async def _read_again(self) -> None:
        """Keys have come, or may have before we were ended: some of what could not be decrypted can be now.

        It is stored before what is new, since it was written earlier.
        """
        late = News()
        for key, note in self._chats.unread.all().items():
            if clear := self._homeserver.decrypt(note["room"], note["event"]):
                late.notes[key] = None
                raw, place = clear.source, self._place(note["room"])
                if event := await self._reader.read(raw, place):
                    late.events.append(await overtaking(event, raw, place, self._reader, self._chats, late.notes))
        if late.notes:
            await self._store(late)

    def _tell_overdue(self, news: News) -> None:
        """Let people know where something can't be read: once a room, by an event that they are answered for."""
        due, marks = self._chats.unread.overdue(news.notes)
        news.notes |= marks
        for room, note in due.items():
            news.events.append(unreadable(note["event"], self._place(room)))
            if why := self._chats.unread.why_withheld(note, news.notes):
                log.warning("%s keeps the key of what they wrote in %s from us: %s", note["event"]["sender"], room, why)

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


@contextmanager
def left_out(what: str) -> Iterator[None]:
    """Leave out *what* can't be read, which is a fault of ours: it would come back with every sync."""
    try:
        yield
    except Exception:
        log.exception("%s can't be read; it is left out", what)


def _told(info: Any) -> list[Raw]:  # noqa: ANN401 - untyped
    """What a room tells of itself and of what was said there, as the homeserver has it."""
    return [getattr(event, "source", None) or {} for event in (*info.state, *info.timeline.events)]


def _down(refusal: Declined) -> Exception:
    return refusal.blames_account() or NotReady(f"the homeserver refuses to sync: {refusal}")
