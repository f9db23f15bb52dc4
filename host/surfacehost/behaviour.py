"""How a surface behaves towards people: the settings that every surface has."""

from typing import Literal

import pydantic


class Group(pydantic.BaseModel):
    """One of ``groups``: a group that it answers in, and what is different there."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    id: str
    """The platform's own id of it; letters in small and in capitals differ."""
    require_mention: bool | None = None
    """None: as in other groups."""
    share_thread: bool | None = None
    """None: as in other groups."""

    @pydantic.field_validator("id", mode="before")
    @classmethod
    def _id_as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int) else value


class Behaviour(pydantic.BaseModel):
    """How a surface behaves towards people: ``[defaults]``, which each surface's own table may override."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    dm_policy: Literal["pairing", "allowlist", "open", "disabled"] = "pairing"
    """Who may write to the bot directly: those in ``allow`` and ``owners``, with ``pairing`` also who was let in."""
    group_policy: Literal["allowlist", "open", "disabled"] = "allowlist"
    """In which groups it answers: those in ``allow`` and ``groups``, everywhere, nowhere."""
    require_mention: bool = True
    """Whether it answers in groups only when addressed."""
    share_thread: bool = True
    """Whether everybody in a group shares one conversation; false: each has their own."""
    groups: tuple[Group, ...] = ()
    """Groups that it answers in, where something is different there."""
    rate_per_minute: int = pydantic.Field(default=20, ge=0)
    """How many messages of one person it reads in a minute; 0: no limit."""
    loop_limit: int = pydantic.Field(default=20, ge=0)
    """After so many messages of one sender in a row, each within five seconds of an answer, it falls silent: they are
    taken for another bot's; 0: never."""
    allow: tuple[str, ...] = ()
    """Native ids of people and groups that may talk to it; ``*`` is everyone."""
    owners: tuple[str, ...] = ()
    """Native ids of people who may always talk to it."""
    stream: Literal["auto", "edit", "draft", "final", "off"] = "auto"
    """How an answer is shown while it grows: ``auto`` is the surface's own way, ``edit`` and ``draft`` ask for one,
    ``final`` and ``off`` show whole answers only."""
    busy: Literal["collect", "queue", "interrupt", "reject"] = "collect"
    """Messages that come while the agent is at work are asked together (``collect``) or one after another (``queue``);
    they stop it, and it is asked with both (``interrupt``); or they are not taken, and their person told."""
    debounce_s: float = pydantic.Field(default=0.8, ge=0, allow_inf_nan=False)
    """Seconds without another message after which those that waited together are asked."""
    edit_interval_s: float = pydantic.Field(default=0, ge=0, allow_inf_nan=False)
    """Seconds between two previews of an answer; 0: the surface's own pace."""

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

    @property
    def needs_public_url(self) -> str:
        """The setting because of which ``[web] public_url`` must be given; empty: it need not."""
        return ""
