"""What the client knows: of each surface instance, and of each event while its hooks run."""

import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from surfacehost.behaviour import Behaviour
from surfacehost.conversation import Said
from surfacehost.events import Edit, Reply
from surfacehost.flow import LoopGuard
from surfacehost.health import SurfaceHealth
from surfacehost.previews import Growth
from surfacehost.store import inbox
from surfacehost.surface import Surface

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A surface instance as the client knows it."""

    surface: Surface
    behaviour: Behaviour
    health: SurfaceHealth
    guard: LoopGuard
    formerly: dict[str, str] = field(default_factory=dict)
    """The first ids of chats that have another one by now."""


@dataclass(slots=True)
class Visit:
    """An event while its hooks run."""

    entry: inbox.Entry
    streams: list[AsyncGenerator[Reply, None]] = field(default_factory=list)
    growth: Growth | None = None
    """The answer, while the agent is at it."""
    has_failed: bool = False
    """Whether a sentence says why there is no answer."""
    said: Said | None = None
    """… and when it is done with it."""
    is_interrupted: bool = False
    """Whether a later message stops the run: what it was about is asked with that."""
    has_shown: bool = False
    """Whether a preview of the answer stands in the chat."""
    edit: Edit | None = None
    """What the message says by now: the run that is on has been told to stop, and begins anew with it."""

    @property
    def is_answered(self) -> bool:
        """Whether what is to be said is on the disk."""
        return self.entry.state == inbox.ANSWERED

    async def close(self) -> None:
        """End the streams that a hook left behind; the collector would end them in another task."""
        for stream in self.streams:
            try:
                await stream.aclose()
            except Exception:
                log.exception("%s left a stream in use behind", self.entry.event.surface)
