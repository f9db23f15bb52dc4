"""Sending: one message after another in each room, each under a transaction id that a repeat has again."""

import asyncio
from typing import Any
from weakref import WeakValueDictionary

from surfacehost import NotReady, Refused, Reply, Undeliverable
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.sent import MARK, is_there, transaction


class Sender:
    """Sends replies; those into one room in the order in which they are handed over."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def send(self, homeserver: Homeserver, reply: Reply, room: str) -> None:
        """Send *reply* into *room*.

        Raises NotReady when that may go well later (a repeat then makes no second message), Undeliverable when not.
        """
        lock = self._locks.setdefault(room, asyncio.Lock())
        async with lock:
            try:
                if reply.repeated and await is_there(homeserver, reply, room):
                    return
                await homeserver.paced(
                    lambda: homeserver.send_message(room, content(reply, room), transaction=transaction(reply.id))
                )
            except Declined as refusal:
                # An account that is refused is the business of ``listen``, which hears of it as well.
                if isinstance(blame := refusal.blames_account(), Refused | NotReady):
                    raise NotReady(str(blame)) from refusal
                raise Undeliverable(f"{room} does not take the message: {refusal}") from refusal


def content(reply: Reply, room: str) -> dict[str, Any]:
    """The ``m.room.message`` that *reply* is in *room*: a text, in its thread where it has one."""
    body: dict[str, Any] = {"msgtype": "m.text", "body": reply.body["body"], "m.mentions": {}}
    body[MARK] = transaction(reply.id)
    if formatted := reply.body.get("formatted_body"):
        body |= {"format": "org.matrix.custom.html", "formatted_body": formatted}
    if reply.event.topic and reply.event.chat == room:
        body["m.relates_to"] = {
            "rel_type": "m.thread",
            "event_id": reply.event.topic,
            # For clients that don't know threads: they show it as a reply to what it answers.
            "is_falling_back": True,
            "m.in_reply_to": {"event_id": reply.event.id},
        }
    return body
