"""Find out whether a reply is in its room already, where its transaction id does not tell.

A homeserver makes one event of a transaction, but only for the same device, and Synapse only for a day. So every
message carries the id of its transaction in its content, in encrypted rooms outside of what is encrypted: a host that
goes on with an older copy of its data has neither the device nor the keys it sent with.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from surfacehost import Reply
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver

MARK = "org.surfacehost.reply"
"""In the content of every message we send: its transaction id."""
PAGE, MOST_PAGES = 100, 20
"""Messages of ours that are asked for at once, and how often: what is further away is taken as not sent."""


def transaction(reply_id: str) -> str:
    """The transaction id of a reply: the same for every attempt, and no longer than a path may bear."""
    return hashlib.sha256(reply_id.encode()).hexdigest()[:32]


async def is_there(homeserver: Homeserver, reply: Reply, room: str) -> bool:
    """Whether *reply* is in *room*: one request, unless we have said very much since. Raises NotReady or Declined."""
    wanted = transaction(reply.id)
    async for event in _own(homeserver, reply, room):
        content = event.get("content")
        if isinstance(content, Mapping) and content.get(MARK) == wanted:
            return True
    return False


async def _own(homeserver: Homeserver, reply: Reply, room: str) -> AsyncIterator[Mapping[str, Any]]:
    """What we sent in *room*: after what the reply answers where that is an event of the room, else the latest."""
    ours = json.dumps({"senders": [homeserver.user_id], "types": ["m.room.message", "m.room.encrypted"]})
    query: dict[str, str | int] = {"filter": ours, "limit": PAGE, "dir": "b"}
    if reply.event.chat == room and reply.event.id.startswith("$"):
        try:
            around = await homeserver.call(
                "GET", "rooms", room, "context", reply.event.id, query={"filter": ours, "limit": PAGE}
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
