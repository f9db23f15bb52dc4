"""Sending: one message after another in each room, each under a transaction id that a repeat has again."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from weakref import WeakValueDictionary

from surfacehost import NotReady, Refused, Reply, Undeliverable
from surfacehost_matrix.content import mentioned, relation, replacing, text
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.files import Offers
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.sent import MARK, find, mark_of, transaction

log = logging.getLogger(__name__)


class Sender:
    """Sends replies; those into one room in the order in which they are handed over."""

    def __init__(self, locale: str = "auto") -> None:
        """*locale* is the host's language."""
        self._locale = locale
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._offers = Offers()

    def lock(self, room: str) -> asyncio.Lock:
        """Held while something is sent into *room*."""
        return self._locks.setdefault(room, asyncio.Lock())

    async def send(self, homeserver: Homeserver, reply: Reply, room: str, *, is_first: bool = True) -> str:
        """Send the final *reply* into *room*, in place of what was shown before it; the id of the message it is.

        Raises NotReady when that may go well later (a repeat then makes no second message), Undeliverable when not.
        """
        mark, shown = transaction(reply.id), _shown(reply)
        preview = str(shown.get("preview", ""))
        async with self.lock(room):
            with declined(room):
                found = await find(homeserver, reply.event, room, mark, preview) if reply.repeated else {}
                target = str(shown.get("event") or found.get(preview, ""))
                if mark in found:
                    return target or found[mark]
                content = await self._content(homeserver, reply, room, is_first=is_first)
                if preview and not target:
                    target = await _post(homeserver, room, content, preview)
                    if await mark_of(homeserver, room, target) == mark:
                        return target  # the preview had never arrived: this is the first of it
                if target and await _replace(homeserver, room, target, content):
                    return target
                return await _post(homeserver, room, content, mark)

    async def _content(self, homeserver: Homeserver, reply: Reply, room: str, *, is_first: bool) -> dict[str, Any]:
        mark, mentions = transaction(reply.id), mentioned(reply.event, room, is_first=is_first)
        if reply.file is not None:
            language = (reply.event.locale or self._locale).partition("-")[0].lower()
            content = await self._offers.offer(homeserver, reply.file, reply.body, room, mark=mark, language=language)
        else:
            content = text(reply.body, mark=mark, mentions=mentions)
        return content | relation(reply.event, room, is_first=is_first)


async def _replace(homeserver: Homeserver, room: str, target: str, content: Mapping[str, Any]) -> bool:
    """Make *target* say *content*; whether the homeserver knows it (any more). All of it, for clients without edits."""
    edit = replacing(target, content, fallback=f"* {content['body']}")
    try:
        await _post(homeserver, room, edit, content[MARK])
    except Declined as refusal:
        if refusal.blames_account():
            raise
        log.info("%s in %s can't be edited, a new message is sent: %s", target, room, refusal)
        return False
    return True


def _shown(reply: Reply) -> Mapping[str, Any]:
    """What is known of the message that *reply* replaces: a preview of it, or the prompt that is decided."""
    note = reply.note if isinstance(reply.note, Mapping) else {}
    if reply.kind == "decided":
        return {"event": note.get("prompt")}
    return note if reply.kind != "file" else {}  # which no client shows as an edit of a text


async def _post(homeserver: Homeserver, room: str, content: Mapping[str, Any], transaction_id: str) -> str:
    return await homeserver.paced(lambda: homeserver.send_message(room, content, transaction=transaction_id))


@contextmanager
def declined(room: str) -> Iterator[None]:
    """Turn a refusal into what it is to a message into *room*: NotReady or Undeliverable."""
    try:
        yield
    except Declined as refusal:
        # An account that is refused is the business of ``listen``, which hears of it as well.
        if isinstance(blame := refusal.blames_account(), Refused | NotReady):
            raise NotReady(str(blame)) from refusal
        raise Undeliverable(f"{room} does not take the message: {refusal}") from refusal
