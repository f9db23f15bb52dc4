"""One event of a room, read for the host: what it says, and what it is a reply to, which has to be asked for.

Nothing that another user wrote may end the sync. What can't be read, which is a fault of ours, goes to the host as it
is: there it fails by itself, is parked, and can be tried again with a later version.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from surfacehost import Event, Message, NotReady
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.parse import Place, quoted, read_event, replied_to

RAW = "raw"
"""In the ``native`` of a message that could not be read: the event, as JSON text."""

log = logging.getLogger(__name__)


class Reader:
    """Reads the events of one connection."""

    def __init__(self, homeserver: Homeserver) -> None:
        self._homeserver = homeserver

    async def read(self, raw: Mapping[str, Any], place: Place) -> Event | None:
        """What *raw* is to the host; None for what it need not know of. Raises NotReady, and nothing else."""
        try:
            event = read_event(raw, place)
            if event is None:
                log.debug("%s in %s (%s) is not for us", raw.get("event_id"), place.chat, raw.get("type"))
                return None
            str(event.key)  # an id that can't stand in a thread key would come back with every sync
        except Exception:
            log.exception("an event of %s can't be read", place.chat)
            return as_it_is(raw, place)
        if isinstance(event, Message) and (of := replied_to(raw)):
            return await self._with_quote(event, of)
        return event

    async def _with_quote(self, message: Message, of: str) -> Message:
        """*message* with what it answers. A reply to what we said is meant for us."""
        answered = await self._event(message.chat, of)
        is_ours = answered.get("sender") == self._homeserver.user_id
        return replace(message, quote=quoted(answered), addressed=message.addressed or is_ours)

    async def _event(self, room: str, event_id: str) -> Mapping[str, Any]:
        """An event of *room*, in clear; empty where it is not there, not for us to see, or can't be had.

        A homeserver that answers other calls and stumbles over this one alone must not hold up the sync: the id was
        chosen by whoever replied.
        """
        try:
            return await self._ask(room, event_id)
        except NotReady as error:
            if error.retry_after is not None:
                raise
            await self._answers(error)
        try:
            return await self._ask(room, event_id)
        except NotReady as error:
            if error.retry_after is not None:
                raise
            log.warning("%s in %s can't be had, what replies to it is read without: %s", event_id, room, error)
            return {}

    async def _ask(self, room: str, event_id: str) -> Mapping[str, Any]:
        try:
            return await self._homeserver.event(room, event_id)
        except Declined as refusal:
            if blame := refusal.blames_account():
                raise blame from refusal
            return {}

    async def _answers(self, trouble: NotReady) -> None:
        """Raise *trouble* unless the homeserver answers another call."""
        try:
            await self._homeserver.call("GET", "account", "whoami")
        except Declined as refusal:
            raise refusal.blames_account() or trouble from refusal


def read_once_more(message: Message, place: Place) -> Message:
    """*message*, if it is one that could not be read, as it is read now. Raises what reading it raises."""
    if RAW not in message.native:
        return message
    event = read_event(json.loads(message.native[RAW]), place)
    if not isinstance(event, Message):
        raise TypeError(f"{message.id} is read as {type(event).__name__}")  # an edit say: nothing to answer
    return event


def as_it_is(raw: Mapping[str, Any], place: Place) -> Message | None:
    """*raw*, which could not be read, for the host to fail at; None for what is ours, or can't even be kept."""
    try:
        sender, event_id = str(raw["sender"]), str(raw["event_id"])
        if sender == place.me:
            return None
        native = {"event_id": event_id, RAW: json.dumps(raw)}
        direct = sender in place.direct_with
        message = Message(
            surface=place.surface,
            id=event_id,
            chat=place.chat,
            sender=sender,
            direct=direct,
            aliases=place.aliases,
            own=place.own,
            native=native,
            text="",
        )
        str(message.key)
    except Exception:
        log.exception("it can't even be kept: it is left out")
        return None
    return message
