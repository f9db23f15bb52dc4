"""What people send: fetched by the surface it came through, onto the disk, before the agent is asked."""

from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from surfacehost.errors import TooLarge, Undeliverable
from surfacehost.events import Attachment, MediaKind, Message
from surfacehost.media.links import Links
from surfacehost.media.shelf import Shelf, id_of, safe_name
from surfacehost.surface import Fetches, Surface


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A file as the agent is told of it."""

    kind: MediaKind
    name: str
    mime_type: str
    size: int
    """In bytes."""
    url: str
    """Where it can be fetched, for a while."""


class Why(StrEnum):
    """Why a file could not be given."""

    TOO_LARGE = "too_large"
    GONE = "gone"
    UNREADABLE = "unreadable"
    """The surface does not fetch files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A file that the agent does not get; the person is told."""

    name: str
    why: Why
    limit: int = 0
    """Bytes that it may have, if it is too large."""


class Incoming:
    """Brings files in."""

    def __init__(self, shelf: Shelf, links: Links, base: str = "") -> None:
        self._shelf = shelf
        self._links = links
        self.base = base
        """Where the agent reaches the host's web server."""

    async def bring(self, surface: Surface, message: Message) -> tuple[list[Given], list[Missing]]:
        """Everything that came with *message*. Raises NotReady when the platform or the disk has to be waited for."""
        given: list[Given] = []
        missing: list[Missing] = []
        for number, attachment in enumerate(message.attachments):
            try:
                given.append(await self._bring(surface, message, number, attachment))
            except TooLarge as error:
                limit = error.limit or self._shelf.at_most
                missing.append(Missing(name=safe_name(attachment.name), why=Why.TOO_LARGE, limit=limit))
            except Undeliverable:
                missing.append(Missing(name=safe_name(attachment.name), why=Why.GONE))
            except NotImplementedError:
                missing.append(Missing(name=safe_name(attachment.name), why=Why.UNREADABLE))
        return given, missing

    async def _bring(self, surface: Surface, message: Message, number: int, attachment: Attachment) -> Given:
        if not isinstance(surface, Fetches):
            raise NotImplementedError
        item_id = id_of("in", message.surface, message.id, number)
        fetch = partial(_fetch, surface, attachment, message, self._shelf.at_most)
        item = await self._shelf.put(item_id, attachment.name, attachment.mime_type, fetch)
        return Given(
            kind=attachment.kind, name=item.name, mime_type=item.mime_type, size=item.size,
            url=self._links.url(self.base, item),
        )  # fmt: skip


async def _fetch(surface: Fetches, attachment: Attachment, message: Message, at_most: int, into: Path) -> None:
    await surface.fetch(attachment, message, into, at_most=at_most)
