"""What happens in chats, and what is said back: frozen values that travel between surfaces, store and hooks."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from surfacehost.jsontext import dump
from surfacehost.threads import ThreadKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in a chat. A platform may tell it again: the same id then means the same event."""

    surface: str
    """The surface instance it came through: the name of its settings table."""
    id: str
    """The platform's own id of it, unique within the surface and the same at every redelivery."""
    chat: str
    """Native id of the room, group or private chat: where an answer goes."""
    sender: str
    """Native id of the person. Never a display name: those change hands."""
    direct: bool
    """Whether only this person and the bot are in the chat, by the platform's own mark."""
    topic: str = ""
    """Native id of the thread or topic inside the chat, empty for the chat itself."""
    sender_name: str = ""
    """What the person is called; for greeting, never for deciding."""
    locale: str = ""
    """The person's language as the platform tells it, a BCP 47 tag such as ``ru``; empty when it doesn't."""
    at: float = 0.0
    """When it happened by the platform's clock, in seconds since the epoch; 0: unknown.

    Clocks differ: it is for display, and to tell what a restored copy of the data may have forgotten."""
    native: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else the surface needs to answer; JSON, kept with the event."""

    @property
    def key(self) -> ThreadKey:
        """The conversation it belongs to: a direct chat's own, or the one a group shares."""
        return ThreadKey(self.surface, self.sender if self.direct else "", self.chat, self.topic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Event):
    """Someone wrote."""

    text: str
    addressed: bool = True
    """Whether it is meant for the bot: a direct chat, a mention, a reply to it, a command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite(Event):
    """Someone asked the bot into a chat; *sender* is who did."""

    chat_name: str = ""


ReplyKind = Literal["preview", "answer", "notice", "prompt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One thing to show in the chat of *event*.

    A ``preview`` is the answer so far: it may be skipped, and what follows under the same id replaces it. Everything
    else is final: it is stored before the surface sees it, and counts as sent when the surface asks for the next one.
    """

    id: str
    """Idempotency key: the same after a restart, for previews the id of the final that will replace them."""
    event: Event
    kind: ReplyKind
    body: Any
    """A final: one part as the surface's own ``compose`` made it. A preview: the Markdown so far."""
    repeated: bool = False
    """Whether an earlier attempt to send it ended without an answer, so that it may already be there."""
    note: Any = None
    """What the surface noted about that attempt (``PlatformClient.note``); none: it had not got as far as that."""


KINDS: Mapping[str, type[Event]] = {"Message": Message, "Invite": Invite}
"""What can happen, by the name it is stored under."""


def dump_event(event: Event) -> str:
    """*event* as the JSON text that the store keeps. Raises ValueError or TypeError for one that can't be kept."""
    if type(event) not in KINDS.values():
        raise TypeError(f"{type(event).__name__} is no kind of event")
    return dump({"kind": type(event).__name__, **asdict(event)})


def load_event(text: str) -> Event:
    """The event that ``dump_event`` wrote. Raises ValueError for anything else."""
    try:
        fields = json.loads(text)
        return KINDS[fields.pop("kind")](**fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no event: {error}") from error
