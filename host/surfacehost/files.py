"""The files of an answer and of its question: between the media shelf, the agent's words for them and people's."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from surfacehost.agent import wire
from surfacehost.errors import TooLarge, Undeliverable
from surfacehost.events import File, Message
from surfacehost.media import Given, Incoming, Item, Links, Missing, Shelf, id_of, safe_name, shelve
from surfacehost.store.inbox import Entry
from surfacehost.surface import Surface
from surfacehost.texts import language_of, literal, say

KINDS = {"image": "image", "sticker": "image", "audio": "audio", "voice": "audio", "video": "video"}
"""What the wire contract calls what people send; everything else is a document."""

LONGEST_CAPTIONS = 1000
"""Characters that the captions of one answer may have together: what is longer belongs to its words. Telegram takes
1,024 under a file."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Takes files over, in both directions."""

    shelf: Shelf
    links: Links
    incoming: Incoming
    public_url: str
    """How people reach the host's web server; empty: they don't."""
    locale: str = "auto"

    async def bring(self, surface: Surface, message: Message) -> tuple[list[wire.Part], str]:
        """What came with *message* as the agent is told of it, and what the person is told of the rest.

        Raises NotReady when the platform or the disk has to be waited for.
        """
        if not message.attachments:
            return [], ""
        given, missing = await self.incoming.bring(surface, message)
        return [_part(one) for one in given], "\n".join(self._excuse(message, one) for one in missing)

    async def take(self, entry: Entry, files: Sequence[wire.File], *, shows: bool) -> tuple[list[Any], list[str]]:
        """What is stored of *files*, for a surface that *shows* them, and what is said about the others."""
        bodies: list[Any] = []
        lines: list[str] = []
        room = LONGEST_CAPTIONS
        language = language_of(entry.event.locale, self.locale)
        for number, file in enumerate(files):
            item_id = id_of("out", entry.event.surface, entry.event.id, entry.retried, number)
            try:
                item = await shelve(self.shelf, item_id, file.name, file.mime_type, file.url)
            except (TooLarge, Undeliverable) as error:
                log.warning("a file of the agent's for %s is left out: %s", entry.event.key, error)
                lines += [file.caption, self._unsent(language, file, error)]
                continue
            if not shows:
                lines += [file.caption, self._link(language, item, file)]
                continue
            fits = len(file.caption) <= room
            room -= len(file.caption) if fits else 0
            lines += [] if fits else [file.caption]
            bodies.append({"item": item.id, "name": item.name, "caption": file.caption if fits else ""})
        return bodies, lines

    def find(self, body: Any) -> File | None:  # noqa: ANN401 - JSON
        """The file that ``take`` stored; none when it is not kept any more."""
        if (item := self.shelf.find(body["item"])) is None:
            return None
        url = self.links.url(self.public_url, item) if self.public_url else ""
        return File(path=self.shelf.path(item), name=item.name, mime_type=item.mime_type, size=item.size, url=url)

    def _excuse(self, message: Message, missing: Missing) -> str:
        language = language_of(message.locale, self.locale)
        limit = _megabytes(language, missing.limit)
        return say(language, f"attachment_{missing.why}", name=literal(missing.name), limit=limit)

    def _unsent(self, language: str, file: wire.File, error: Exception) -> str:
        if isinstance(error, TooLarge) and not _is_link(file):
            limit = _megabytes(language, self.shelf.at_most)
            return say(language, "file_too_large", name=_name(file), limit=limit)
        return _instead(language, file)

    def _link(self, language: str, item: Item, file: wire.File) -> str:
        if self.public_url:
            return say(language, "file", name=literal(item.name), url=self.links.url(self.public_url, item))
        return _instead(language, file)


def _megabytes(language: str, size: int) -> str:
    return say(language, "megabytes", count=f"{size / 1_000_000:g}")


def _instead(language: str, file: wire.File) -> str:
    """The line for a file that can't be shown: its own address, where it has one that people can open."""
    return say(language, "file" if _is_link(file) else "file_inline", name=_name(file), url=_one_word(file.url))


def _name(file: wire.File) -> str:
    return literal(safe_name(file.name))


def _one_word(url: str) -> str:
    """*url* as Markdown takes it for a link's address to its end, whatever an agent has put into it."""
    return re.sub(r"[\s()<>\\]", lambda found: quote(found[0], safe=""), url)


def _is_link(file: wire.File) -> bool:
    return file.url.startswith(("https://", "http://"))


def _part(given: Given) -> wire.Part:
    kind = KINDS.get(given.kind, "document")
    return wire.Part(kind=kind, name=given.name, mime_type=given.mime_type, size=given.size, url=given.url)
