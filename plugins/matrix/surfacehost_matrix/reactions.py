"""Reactions of ours: put and taken away. What is there is asked of the homeserver, so that a restart forgets nothing.

They are a courtesy: a refusal is logged and no more. NotReady is raised, as everywhere.
"""

import logging

from surfacehost_matrix.content import reaction
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.sent import transaction

VARIATIONS = {0xFE0E: None, 0xFE0F: None, **dict.fromkeys(range(0x1F3FB, 0x1F400))}
"""Variation selectors and skin tones (Unicode emoji, UTS #51): ``👍🏽`` is a 👍."""

PAGE, MOST_PAGES = 100, 20
"""Reactions to one event that are asked for at once, and how often: anybody can react, with any number of emoji."""

log = logging.getLogger(__name__)


def plain(mark: str) -> str:
    """The emoji *mark* as it is compared."""
    return mark.translate(VARIATIONS)


async def put(homeserver: Homeserver, room: str, event_id: str, mark: str, *, key: str, is_spare: bool = False) -> None:
    """Put *mark* on *event_id*, under a transaction of the reply or the moment that *key* names.

    With *is_spare* it is left out where the homeserver limits us: it takes no answer's place.
    """
    pace = homeserver.spare if is_spare else homeserver.paced
    path = ("rooms", room, "send", "m.reaction", transaction(key, "reaction", event_id, mark))
    try:
        await pace(lambda: homeserver.call("PUT", *path, body=reaction(event_id, mark)))
    except Declined as refusal:
        if refusal.errcode != "M_DUPLICATE_ANNOTATION":  # which says that it is there
            log.info("no reaction in %s: %s", room, refusal)


async def take_away(homeserver: Homeserver, room: str, event_id: str, *, but: str = "") -> bool:
    """Take our reactions off *event_id*, all *but* that one; whether it is there."""
    is_there = False
    for reacted, mark in await _ours(homeserver, room, event_id):
        if but and plain(mark) == plain(but):
            is_there = True
        else:
            await redact(homeserver, room, reacted)
    return is_there


async def redact(homeserver: Homeserver, room: str, event_id: str) -> None:
    """Take an event of ours back; once, however often this is called."""
    path = ("rooms", room, "redact", event_id, transaction(event_id, "redaction"))
    try:
        await homeserver.paced(lambda: homeserver.call("PUT", *path, body={}))
    except Declined as refusal:
        log.info("%s in %s can't be taken back: %s", event_id, room, refusal)


async def _ours(homeserver: Homeserver, room: str, event_id: str) -> list[tuple[str, str]]:
    """Our reactions to *event_id*, each with its emoji; what of them can be had.

    Oldest first: the choices of a question come before what people think of it.
    """
    path, found = ("rooms", room, "relations", event_id, "m.annotation", "m.reaction"), list[tuple[str, str]]()
    query: dict[str, str | int] = {"limit": PAGE, "dir": "f"}
    for _ in range(MOST_PAGES):
        try:
            answer = await homeserver.call("GET", *path, query=query, root="client/v1")
        except Declined as refusal:
            log.info("the reactions to %s in %s can't be read: %s", event_id, room, refusal)
            break
        found += [
            (event["event_id"], str(event.get("content", {}).get("m.relates_to", {}).get("key", "")))
            for event in answer.get("chunk", ())
            if event.get("sender") == homeserver.user_id
        ]
        if not (following := answer.get("next_batch")):
            break
        query["from"] = str(following)
    return found
