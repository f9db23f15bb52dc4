"""One letter of a reply on its way, and what was noted of it before: all that there is to go by after a crash.

A note says one of two things of the letter *part* of a reply. ``after`` and ``at``: it was about to be sent as a new
message, then, with an id above that one. ``placed``: it is, or becomes, that message of ours, by an edit, which can be
repeated without harm. ``stale`` is a message that is to go once the letter has arrived. ``apart``: Telegram took no
album, so the files of the reply come one by one. ``files``: what those still to come are called on the disk, the first
``messages`` of them in this letter.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from surfacehost import PlatformClient, Reply

Note = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """Bring letter number *part* of *reply* into its chat; an album is counted as the letters it might have been."""

    reply: Reply
    client: PlatformClient
    part: int = 0
    is_apart: bool = False
    files: Sequence[str] = ()
    """What the files still to come are called on the disk, its own first; empty: words."""
    messages: int = 1
    """How many of them it brings."""
    known: Note | None = None
    """What was noted of it; none: no call was made."""

    @property
    def key(self) -> str:
        """Under which it is known to have arrived."""
        return f"{self.reply.id}+{self.part}" if self.part else self.reply.id

    @property
    def is_preview(self) -> bool:
        """Whether what was about to be sent was but a preview of it."""
        return bool(self.known and self.known.get("preview"))

    def placed(self, chat: str) -> int | None:
        """The message that it is to become; one in another chat, from before a group moved, is none."""
        known = self.known or {}
        return known.get("placed") if known.get("chat") == chat else None

    def stale(self, chat: str) -> int | None:
        """The message that is to go when it has arrived."""
        known = self.known or {}
        return known.get("stale") if known.get("chat") == chat else None

    def is_in_doubt(self, restored_until: float) -> bool:
        """Whether it may be there as a message of its own. What an older copy of the data tells may be outdated."""
        if self.known is None:
            return self.reply.repeated and self.reply.event.at < restored_until
        return "placed" not in self.known and (self.reply.repeated or self.is_preview)

    async def note_call(self, chat: str, after: int, stale: int | None, notes: Note) -> None:
        """Write down that it is about to be sent to *chat*, where *after* is an id surely older, and *notes*."""
        is_preview = {"preview": True} if self.reply.kind == "preview" else {}
        await self.note({"chat": chat, "after": after, "at": time.time()} | is_preview, stale, notes)

    async def note_placed(self, chat: str, message_id: int) -> None:
        """Write down which message it is, or becomes."""
        await self.note({"chat": chat, "placed": message_id})

    async def note_nothing(self) -> None:
        """Write down that the call which was noted has made nothing."""
        await self.client.note(self.reply, None)

    async def note(self, told: Note, stale: int | None = None, notes: Note | None = None) -> None:
        """Keep *told* with the reply, and *notes* of the surface. Raises NotReady when it can't be stored."""
        more: dict[str, Any] = ({"part": self.part} if self.part else {}) | ({"stale": stale} if stale else {})
        more |= {"apart": True} if self.is_apart else {}
        if self.part or len(self.files) > 1:
            more |= {"files": [*self.files], "messages": self.messages}
        await self.client.note(self.reply, {**told, **more}, notes=notes)
