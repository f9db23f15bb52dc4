"""What the client knows: of each surface instance, and of each event while its hooks run."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from surfacehost.behaviour import Behaviour
from surfacehost.commands_in_chat import command_of
from surfacehost.conversation import Said, taken_prompt
from surfacehost.events import Edit, Message, Reply
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
    wake: Callable[[], None] = lambda: None
    """Tells its dispatch, once there is one, that something waits."""


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
    edits: list[Edit] = field(default_factory=list)
    """What the message says by now, in the last of them: the run begins with it, or is told to stop and begins anew."""
    bringing: asyncio.Timeout | None = None
    """The time there is to fetch what came with the message: none but what stops it."""
    has_asked: bool = False
    """Whether the message was put to the agent."""
    is_stopped: bool = False
    """Whether it was stopped or taken back before that."""
    is_joined: bool = False
    """Whether the agent is asked even so, and stopped: a host that was killed may have asked it before."""

    @property
    def is_answered(self) -> bool:
        """Whether what is to be said is on the disk."""
        return self.entry.state == inbox.ANSWERED

    @property
    def is_ahead(self) -> bool:
        """Whether the event is for the agent, which is not yet asked: what came with it is fetched first."""
        event = self.entry.event
        is_question = isinstance(event, Message) and event.sender and command_of(event) in (None, "retry")
        is_undecided = taken_prompt(self.entry) is None  # the agent must hear what was decided
        return bool(is_question) and is_undecided and not self.has_asked and not self.is_answered

    @property
    def leaves_open(self) -> bool:
        """Whether a question stands when it has ended: some of what waits may wait for that."""
        asks = self.said is not None and self.said.prompt is not None
        return asks or (self.entry.prompt is not None and taken_prompt(self.entry) is None)

    def break_off(self, *, joins: bool = False) -> bool:
        """Let the agent not be asked; False where it is too late for that.

        *joins*: where it may be at it since an earlier start, let it be stopped.
        """
        if not self.is_ahead:
            return False
        self.is_joined = joins and self.entry.was_taken
        if self.bringing is not None and not self.is_stopped:
            self.bringing.reschedule(0)
        self.is_stopped = True
        return True

    async def close(self) -> None:
        """End the streams that a hook left behind; the collector would end them in another task."""
        for stream in self.streams:
            try:
                await stream.aclose()
            except Exception:
                log.exception("%s left a stream in use behind", self.entry.event.surface)
