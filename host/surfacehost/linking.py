"""``/link`` and ``/unlink``: one person in two chats, with one conversation or two."""

import time

from surfacehost.codes import new_code
from surfacehost.commands_in_chat import words_of
from surfacehost.events import Message
from surfacehost.store import links, people
from surfacehost.store.inbox import Entry
from surfacehost.store.sqlite import SqliteDatabase
from surfacehost.texts import say

SHARED = frozenset({"shared", "together", "вместе"})
SEPARATE = frozenset({"separate", "apart", "отдельно"})


class Linking:
    """Links chats, for all surfaces."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def obey(self, command: str, entry: Entry, message: Message, language: str) -> str:
        """Do what *command*, ``link`` or ``unlink``, says in *message*; what the person is told."""
        if not message.direct:
            return say(language, "link_direct_only")
        if command == "unlink":
            was_linked = await self._database.tx(links.undo, entry)
            return say(language, "unlinked" if was_linked else "not_linked")
        try:
            return await self._link(entry, message, language)
        except links.LinkedAlready:
            return say(language, "link_already")
        except people.TooManyCodes:
            return say(language, "too_many_codes")

    async def _link(self, entry: Entry, message: Message, language: str) -> str:
        """Tell a code, take one, or take the second one with what the person chose."""
        match words_of(message):
            case []:
                return await self._offer(entry, language)
            case [code]:
                return await self._claim(entry, code, language)
            case [code, word] if word.casefold() in SHARED | SEPARATE:
                return await self._confirm(entry, code, language, shares=word.casefold() in SHARED)
        return say(language, "link_usage")

    async def _offer(self, entry: Entry, language: str) -> str:
        code = await self._database.tx(links.offer, entry, new_code(), now=time.time())
        return say(language, "link_code", code=code)

    async def _claim(self, entry: Entry, code: str, language: str) -> str:
        claimed = await self._database.tx(links.claim, entry, code, new_code(), now=time.time())
        if claimed is None:
            return say(language, "link_unknown")
        other, second = claimed
        return say(language, "link_claimed", id=other.person, surface=other.surface, code=second)

    async def _confirm(self, entry: Entry, code: str, language: str, *, shares: bool) -> str:
        account = new_code() + new_code()
        other = await self._database.tx(links.confirm, entry, code, account, shares=shares, now=time.time())
        if other is None:
            return say(language, "link_unknown")
        return say(language, "link_shared" if shares else "link_separate", id=other.person, surface=other.surface)
