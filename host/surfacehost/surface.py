"""What a surface is to the host, and the host to a surface: the types of the plugin contract.

A surface plugin is a class named by an entry point of the group ``surfacehost.surfaces``. The host makes one instance
for every enabled table ``[surfaces.<name>]``, runs ``listen``, and calls the hooks that the instance implements.
"""

import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import pydantic
from starlette.types import ASGIApp

from surfacehost.events import Event, Message, Reply

CONTRACT = 1
"""Major version of the plugin contract. The host refuses a plugin that was written for another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a surface can show; the host never hands it anything else."""

    previews: bool = False
    """Whether it shows an answer while it grows. Without it ``answer`` yields finals only."""
    preview_interval_s: float = 0.05
    """Seconds between two previews at the least."""
    stale_after_s: float | None = None
    """Seconds without a sign of life (any call of ``put``) after which the surface counts as deaf; none: never."""


class Behaviour(pydantic.BaseModel):
    """How a surface behaves towards people: ``[defaults]``, which each surface's own table may override."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    dm_policy: Literal["allowlist", "open", "disabled"] = "allowlist"
    """Who may write to the bot directly."""
    group_policy: Literal["allowlist", "open", "disabled"] = "allowlist"
    """In which groups it answers: those in ``allow``, everywhere, nowhere."""
    require_mention: bool = True
    """Whether it answers in groups only when addressed."""
    allow: tuple[str, ...] = ()
    """Native ids of people and groups that may talk to it; ``*`` is everyone."""
    owners: tuple[str, ...] = ()
    """Native ids of people who may always talk to it."""

    @pydantic.field_validator("allow", "owners", mode="before")
    @classmethod
    def _ids_as_text(cls, value: object) -> object:
        """Telegram's ids are numbers; written as such they mean the same."""
        return [str(item) if isinstance(item, int) else item for item in value] if isinstance(value, list) else value


class SurfaceSettings(Behaviour):
    """The part of ``[surfaces.<name>]`` that every surface has; a plugin's own model inherits from it."""

    enabled: bool = True
    """False: the plugin is not even imported."""
    plugin: str = ""
    """Which plugin serves this table; empty: the one of the table's name."""


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

    async def __call__(self, *events: Event, cursor: str | None = None, notes: Mapping[str, Any] | None = None) -> None:
        """Store *events*, the platform's *cursor* behind them and the surface's *notes* in one transaction.

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

    async def note(self, reply: Reply, value: Any) -> None:  # noqa: ANN401 - JSON
        """Keep *value* with a final *reply* that is about to be sent: ``reply.note`` when it comes again.

        For platforms that can't tell a repeated send from a new one: what is noted last before the call is what there
        is to go by after a crash. Raises NotReady when it could not be stored; then don't send.
        """

    def admits(self, event: Event) -> bool:
        """Whether the settings let the person of *event* talk to the bot there."""


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
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context
