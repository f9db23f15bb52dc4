"""What people are told who are not let in: how they can be, once an hour; that they write too much, once a minute."""

import time

from surfacehost.behaviour import Behaviour
from surfacehost.codes import new_code
from surfacehost.events import Event
from surfacehost.store import inbox, people, rejections
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.texts import language_of, literal, say

TOLD_EVERY_S = 3600.0
"""How often a person who may not talk is told so."""

MAX_TOLD = 1000
"""How many strangers are kept in mind before those of long ago are forgotten."""


class Reception:
    """Turns people away, for all surfaces."""

    def __init__(self, database: SqliteDatabase, locale: str) -> None:
        self._database = database
        self._locale = locale
        self._told: dict[tuple[str, str], float] = {}

    async def turn_away(self, entry: inbox.Entry, behaviour: Behaviour) -> str:
        """What the person of *entry* is told, Markdown; empty: nothing."""
        event, finding = entry.event, entry.finding
        language = language_of(event.locale, self._locale)
        if finding == rejections.BUSY:
            return say(language, "busy")
        if finding == inbox.HASTY:
            return say(language, "hasty", count=behaviour.rate_per_minute)
        if not event.direct or behaviour.dm_policy == "disabled":  # an invitation is there even so
            return ""
        if behaviour.dm_policy != "pairing":
            return say(language, "stranger", id=literal(event.sender)) if self._is_news(event) else ""
        code = await self._database.tx(people.knock, entry, new_code(), now=time.time())
        if code is None:
            return say(language, "pairing_full", id=literal(event.sender)) if self._is_news(event) else ""
        return say(language, "pairing", code=code, id=literal(event.sender)) if code else ""

    def _is_news(self, event: Event) -> bool:
        """Whether the person of *event* was not told anything of late."""
        person, now = (event.surface, event.sender), time.monotonic()
        if now - self._told.get(person, float("-inf")) < TOLD_EVERY_S:
            return False
        if len(self._told) >= MAX_TOLD:
            self._told = {one: at for one, at in self._told.items() if now - at < TOLD_EVERY_S}
        self._told[person] = now
        return True
