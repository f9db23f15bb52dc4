"""Find out whether something is in its room already, where its transaction id does not tell.

A homeserver makes one event of a transaction, but only for the same device, and Synapse only for a day. So every
message carries the id of its transaction in its content, in encrypted rooms outside of what is encrypted: a host that
goes on with an older copy of its data has neither the device nor the keys it sent with.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from surfacehost import Event
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver

MARK = "org.surfacehost.reply"
"""In the content of every message we send: its transaction id."""
PAGE, MOST_PAGES = 100, 20
"""Messages of ours that are asked for at once, and how often: what is further away is taken as not sent."""


def transaction(*parts: str) -> str:
    """The transaction id of what *parts* name, a reply's id first: the same for every attempt, fit for a path."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


async def find(homeserver: Homeserver, answered: Event, room: str, wanted: str, *besides: str) -> dict[str, str]:
    """Which of these transactions are in *room*: to the id of the event that each became.

    The search ends with *wanted*. One request, unless we have said very much since. Raises NotReady or Declined.
    """
    found: dict[str, str] = {}
    async for event in _own(homeserver, answered, room):
        content = event.get("content")
        mark = content.get(MARK) if isinstance(content, Mapping) else None
        if mark in (wanted, *besides):
            found[str(mark)] = str(event["event_id"])
        if mark == wanted:
            break
    return found


async def mark_of(homeserver: Homeserver, room: str, event_id: str) -> str:
    """The transaction that made an event of ours; empty where that can't be seen. Raises NotReady."""
    try:
        event = await homeserver.call("GET", "rooms", room, "event", event_id)
    except Declined as refusal:
        if blame := refusal.blames_account():
            raise blame from refusal
        return ""
    return str(event.get("content", {}).get(MARK, ""))


async def _own(homeserver: Homeserver, answered: Event, room: str) -> AsyncIterator[Mapping[str, Any]]:
    """What we sent in *room*: after what was *answered* where that is an event of the room, else the latest."""
    ours = json.dumps({"senders": [homeserver.user_id], "types": ["m.room.message", "m.room.encrypted"]})
    query: dict[str, str | int] = {"filter": ours, "limit": PAGE, "dir": "b"}
    if answered.chat == room and answered.id.startswith("$"):
        try:
            around = await homeserver.call(
                "GET", "rooms", room, "context", answered.id, query={"filter": ours, "limit": PAGE}
            )
        except Declined as refusal:
            if refusal.errcode != "M_NOT_FOUND":
                raise
        else:
            for event in around.get("events_after", ()):
                yield event
            query |= {"dir": "f", "from": str(around.get("end", ""))}
    for _ in range(MOST_PAGES):
        if query.get("from") == "":
            return
        page = await homeserver.call("GET", "rooms", room, "messages", query=query)
        for event in page.get("chunk", ()):
            yield event
        query["from"] = str(page.get("end", ""))
