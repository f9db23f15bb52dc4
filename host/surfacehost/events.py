"""What happens in chats, and what is said back: frozen values that travel between surfaces, store and hooks."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
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
    aliases: tuple[str, ...] = ()
    """Other names that the settings may give the chat, a Matrix room's alias say, as the surface has looked them up."""
    own: bool = False
    """Whether the surface made the chat, for people whom the settings let in: as a group it need not be allowed."""
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


MediaKind = Literal["image", "audio", "voice", "video", "sticker", "file"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that came with a message. It stays where it is until the host asks the surface to fetch it."""

    name: str
    """A file name to show; never a path."""
    mime_type: str = "application/octet-stream"
    size: int = 0
    """In bytes, as the platform says; 0: it doesn't."""
    kind: MediaKind = "file"
    source: Mapping[str, Any] = field(default_factory=dict)
    """Whatever the surface needs to fetch it; JSON, kept with the event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Event):
    """Someone wrote, or took one of the choices of a prompt.

    Where ``sender`` is empty it is the host's own occasion to say something in the chat: there is nobody to quote and
    ``native`` is empty, ``chat`` and ``topic`` are where what ``answer`` yields goes.
    """

    text: str
    to: str = ""
    """Where ``sender`` is empty: native id of the person whose chat it is; empty in a group."""
    addressed: bool = True
    """Whether it is meant for the bot: a direct chat, a mention, a reply to it, a command."""
    attachments: tuple[Attachment, ...] = ()
    quote: str = ""
    """What the message is a reply to, as plain text."""
    choice: str = ""
    """The ``id`` of the ``Choice`` that the person took by a button or a reaction; ``text`` is then empty."""
    bundle: str = ""
    """What the platform shows as one, an album say, has the same bundle; empty: it stands alone.

    Where one piece is ``addressed`` all are: the host sees to that, in whatever order they come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit(Event):
    """Someone changed a message of theirs. It never reaches a hook: the host does what is to be done."""

    of: str
    """``id`` of the message, as it was put."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction(Event):
    """Someone took a message of theirs back. It never reaches a hook either."""

    of: str
    """``id`` of the message, as it was put."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite(Event):
    """Someone asked the bot into a chat; *sender* is who did."""

    chat_name: str = ""


ReplyKind = Literal["preview", "answer", "notice", "prompt", "decided", "file"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of the things that can be said to a prompt."""

    id: str
    """At most ten characters of ``[A-Za-z0-9_-]``, known to the host alone: what a button carries."""
    label: str
    """What stands on a button, in the person's language."""
    mark: str = ""
    """The emoji that stands for it where choices are reactions: ``✅``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file for the chat, on the host's own disk."""

    path: Path
    name: str
    mime_type: str
    size: int
    """In bytes."""
    url: str = field(default="", repr=False)
    """Where people can fetch it for a while, if the host has a public address: for what is too large to be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One thing to show in the chat of *event*.

    A ``preview`` is the answer so far: it may be skipped, and what follows under the same id, or with the note that was
    made with it, replaces it. Everything else is final: it is stored before the surface sees it, and counts as sent
    when the surface asks for the next one. A ``prompt`` may have choices; ``decided`` replaces a prompt, whose note it
    has; a ``file`` has a file.
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
    """What the surface noted last (``PlatformClient.note``) with this reply, the preview that it replaces or, for
    ``decided``, the prompt; none: nothing, so an earlier attempt had not got as far as a call."""
    choices: tuple[Choice, ...] = ()
    """What can be said to a ``prompt``, for surfaces whose capabilities say that they show ``choices``."""
    file: File | None = None
    """What a ``file`` is; ``body`` is then the caption, composed, or none."""
    album: tuple[File, ...] = ()
    """All that a ``file`` is, ``file`` first, where an answer has several and the surface's capabilities say that it
    shows ``albums``; empty: one alone."""


KINDS: Mapping[str, type[Event]] = {"Message": Message, "Invite": Invite, "Edit": Edit, "Redaction": Redaction}
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
        fields["aliases"] = tuple(fields.get("aliases", ()))
        if attachments := fields.get("attachments"):
            fields["attachments"] = tuple(Attachment(**one) for one in attachments)
        elif "attachments" in fields:
            fields["attachments"] = ()
        return KINDS[fields.pop("kind")](**fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no event: {error}") from error
