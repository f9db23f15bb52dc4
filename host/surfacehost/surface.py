"""What a surface is to the host, and the host to a surface: the types of the plugin contract.

A surface plugin is a class named by an entry point of the group ``surfacehost.surfaces``. The host makes one instance
for every enabled table ``[surfaces.<name>]``, runs ``listen``, and calls the hooks that the instance implements.
"""

import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from starlette.types import ASGIApp

from surfacehost.behaviour import SurfaceSettings
from surfacehost.events import Attachment, Event, Message, Reply

CONTRACT = 1
"""Major version of the plugin contract. The host refuses a plugin that was written for another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """When previews are due. The newest is shown, those it overtook are not; a surface may skip more of them."""

    quiet_s: float = 0.7
    """Nothing is shown sooner after the agent was asked: most short answers are whole by then and need no preview."""
    first_chars: int = 1
    """The first preview comes at this many characters …"""
    first_s: float = 0.0
    """… or this many seconds after the first of them, whichever is sooner."""
    intervals_s: tuple[float, ...] = (0.05,)
    """Seconds between one preview and the next; the last figure goes on."""
    least_chars: int = 1
    """A preview that is not longer by this many characters than the one before it is not due yet."""
    most: int | None = None
    """How many previews of one answer; none: no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a surface can show; the host never hands it anything else."""

    previews: Pace | None = None
    """How it shows an answer while it grows. None: ``answer`` yields finals only."""
    previews_in_groups: Pace | None = None
    """The same in groups; none: as in direct chats."""
    choices: bool = False
    """Whether a prompt's choices can be taken by a button or a reaction; words always can."""
    files: bool = False
    """Whether ``answer`` may yield files; else they are links."""
    albums: bool = False
    """Whether the files of an answer come as one reply (``Reply.album``), to be shown together as far as the platform
    can; else each is a reply of its own."""
    stale_after_s: float | None = None
    """Seconds without a sign of life (any call of ``put``) after which the surface counts as deaf; none: never."""


class Memory(Protocol):
    """A surface's own durable notes: text keys, JSON values, in the host's database."""

    async def get(self, key: str) -> Any:  # noqa: ANN401 - JSON
        """The value of *key*, None where there is none."""

    async def items(self, prefix: str = "") -> dict[str, Any]:
        """Every note whose key starts with *prefix*, by its key."""

    async def set(self, values: Mapping[str, Any]) -> None:
        """Write all of *values* in one transaction; a value of None deletes the key."""


class Put(Protocol):
    """The way into the inbox."""

    @property
    def cursor(self) -> str | None:
        """The position that was stored last: where to go on after a restart; none at the very first start."""

    async def __call__(
        self,
        *events: Event,
        cursor: str | None = None,
        notes: Mapping[str, Any] | None = None,
        moved: Mapping[str, str] | None = None,
        unread: Mapping[str, str] | None = None,
    ) -> None:
        """Store *events*, the platform's *cursor* behind them and the surface's *notes* in one transaction.

        *moved*: chats that got another id, old to new. Their conversations go on in the new chat, and what the settings
        say of the old id holds for it. *unread*: what the surface could not make sense of, by the id that an event
        would have: it is parked, for the operator to see, and nothing waits for it.

        Only when this returns may the platform be told to forget the events. Events known by their id are ignored.
        Called without arguments it is a sign of life: the platform answered, there was nothing new. Raises NotReady
        when nothing could be stored; the cursor has then not moved.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """What the host gives a surface when it makes it."""

    name: str
    """Name of the instance: its table in the settings, the first segment of its thread keys."""
    data_dir: Path
    """A directory of its own, made when first used."""
    memory: Memory
    public_url: str = ""
    """How people and platforms reach the host's web server; empty where nobody said."""
    restored_at: float = 0.0
    """When the host last went on with an older copy of its data, in seconds since the epoch; 0: never.

    What the surface keeps there may be behind its platform. Replies that may have been sent since are ``repeated``."""
    locale: str = "auto"
    """The language of the host (en, ru), where the platform does not say what a person speaks; auto: English."""
    commands: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What the host understands, for platforms that show it: language to command to what it does."""


class PlatformClient(Protocol):
    """What hooks talk to: one for all surfaces. ``RealPlatformClient`` is the one in the running host."""

    def answer(self, message: Message) -> AsyncIterator[Reply]:
        """Everything to show for *message*, in order; the whole answer has been shown when it ends.

        After a crash it goes on with what was not yet sent, without asking the agent again. Raises PlatformError when
        there is no answer.
        """

    def explain(self, error: Exception, event: Event) -> AsyncIterator[Reply]:
        """The sentence that *error* is to the person who caused *event*, with the guarantees of ``answer``."""

    def greet(self, event: Event) -> AsyncIterator[Reply]:
        """A first word in a chat the bot has just come into, with the guarantees of ``answer``."""

    def say(self, event: Event, words: Mapping[str, str]) -> AsyncIterator[Reply]:
        """What the surface itself answers to *event*, with the guarantees of ``answer``.

        *words*: language to Markdown, ``en`` among them; the person reads their own.
        """

    async def note(self, reply: Reply, value: Any, *, notes: Mapping[str, Any] | None = None) -> None:  # noqa: ANN401
        """Keep *value*, JSON, with *reply*: it is ``reply.note`` when that comes again. The surface's own *notes* too.

        For platforms that can't tell a repeated send from a new one: what is noted last before the call is what there
        is to go by after a crash. What is noted with a preview comes back with the final that replaces it, also after a
        crash, and what is noted with a prompt comes back with what it came to. Raises NotReady when it could not be
        stored; then don't send.
        """

    def admits(self, event: Event) -> bool:
        """Whether the settings let the person of *event* talk to the bot there."""


@runtime_checkable
class Fetches(Protocol):
    """A surface that can fetch what came with a message."""

    async def fetch(self, attachment: Attachment, event: Event, into: Path, *, at_most: int) -> None:
        """Write *attachment* of *event* to the file *into*, piece by piece, never whole in memory.

        Raises TooLarge as soon as it is more than *at_most* bytes (``attachment.size`` may tell before anything is
        fetched), or than the platform gives anybody (``limit``, which the person is told). Raises NotReady when it may
        work later, and Undeliverable when it is gone.
        """


@runtime_checkable
class Reacts(Protocol):
    """A surface that can put a mark on a person's message."""

    async def react(self, event: Event, mark: str | None) -> None:
        """Put the emoji *mark* on the message *event*, in place of one put there before; None takes it away.

        It is a courtesy: what it raises is logged and no more. After a crash None may come where no mark is.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that an examination found, for the operator."""

    level: Literal["ok", "warn", "bad"]
    """Fine; works but should not stay so; does not work."""
    what: str
    """One line. It never holds a secret."""
    remedy: str = ""
    """What to do about it, one line; empty where there is nothing to do."""


@runtime_checkable
class Examines(Protocol):
    """A surface that can look at itself, for ``surfacehost doctor``."""

    async def examine(self) -> Sequence[Finding]:
        """Ask the platform how this account is doing; the instance was made for that alone and never listens.

        A host may be running with the same account and the same ``data_dir``, so nothing is read that only one may
        read, no event is taken, and ``Home.memory`` is not to be written to. Whatever goes wrong is a finding.
        """


@runtime_checkable
class Forgets(Protocol):
    """A surface that makes something for people, and can make it anew, for ``surfacehost reset``."""

    async def forget(self, person: str, *, plan: bool) -> Sequence[str]:
        """Forget what was made for *person*, so that they are met anew. What is forgotten, a line each; none: nothing.

        With *plan* it is only told. All that is touched is ``Home.memory``: the instance never listens, and a host may
        be running with the same account, which therefore looks there before it makes something.
        """


class Surface(Protocol):
    """One account on one platform. It also implements the hooks of ``surfacehost.hookspecs``."""

    contract: ClassVar[int]
    """The ``CONTRACT`` it was written for."""
    Settings: ClassVar[type[SurfaceSettings]]
    capabilities: ClassVar[Capabilities]

    def __init__(self, home: Home, settings: Any) -> None:  # noqa: ANN401 - the plugin's own Settings
        """Keep what is given; connecting is the business of ``listen``."""

    async def listen(self, put: Put) -> None:
        """Read the platform for as long as the host runs and ``put`` what happens.

        Raises NotReady when the platform is away (the host waits and calls again, with a growing pause) and Refused
        when it does not accept the account. Cancelling it is how it ends; it then releases what it holds.
        """

    def compose(self, text: str) -> Sequence[Any]:
        """*text* (CommonMark) as the parts in which it will be sent; each is JSON and fits one message.

        Pure: the parts are stored before the first is sent, so that a repeat says the same to the letter.
        """

    def mounts(self) -> Mapping[str, ASGIApp]:
        """What it serves on the host's web server: path to application; most surfaces: nothing."""


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """A TLS context that trusts the system's authorities and, with *ca_file*, that one as well.

    ``cafile=`` of the constructor would replace the system's store. Raises OSError or ssl.SSLError for a bad file.
    """
    if ca_file is None:
        return _system()
    context = ssl.create_default_context()
    context.load_verify_locations(ca_file)
    return context


@cache
def _system() -> ssl.SSLContext:
    """One for all: reading the system's authorities takes tens of milliseconds and a megabyte each time."""
    return ssl.create_default_context()
