"""What an operator says about one Matrix account: the table ``[surfaces.matrix]``."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import pydantic
from pydantic import Field, FilePath, SecretStr

from surfacehost import SurfaceSettings
from surfacehost_matrix.identity.recovery import read_recovery_key

_SERVER_NAME = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
"""Specification, appendices, "Server Name"."""


class PowerLevels(pydantic.BaseModel):
    """Who may do what in a room (specification, "m.room.power_levels"); the rest stays as the homeserver has it.

    The bot is not among them: it made the room, which is more than any number in new rooms.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    users: Mapping[str, int] = {}
    """People of the operator's by their user ids."""
    events: Mapping[str, int] = {}
    """What it takes to send an event of a type, ``m.room.name`` say."""
    users_default: int | None = None
    events_default: int | None = None
    state_default: int | None = None
    invite: int | None = None
    kick: int | None = None
    ban: int | None = None
    redact: int | None = None


class Look(pydantic.BaseModel):
    """How a room looks, and who may do what in it."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    topic: str = ""
    avatar: str = ""
    """An ``mxc://`` address."""
    avatar_file: FilePath | None = None
    """Instead: a picture, which is uploaded once; relative to the settings."""
    power_levels: PowerLevels = PowerLevels()

    @pydantic.field_validator("avatar")
    @classmethod
    def _is_media(cls, value: str) -> str:
        if value and not re.fullmatch(r"mxc://[^/\s]+/[A-Za-z0-9_-]+", value):
            raise ValueError("should be an mxc:// address; a file of your own is named by avatar_file")
        return value

    @pydantic.model_validator(mode="after")
    def _one_avatar(self) -> Self:
        if self.avatar and self.avatar_file:
            raise ValueError("avatar and avatar_file exclude each other")
        return self


class RoomSettings(Look):
    """One room of a Space."""

    key: str = ""
    """What it is known by when its name changes; empty: its name."""


def _by_name(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


Room = Annotated[RoomSettings, pydantic.BeforeValidator(_by_name, json_schema_input_type=str | RoomSettings)]


class SpaceSettings(Look):
    """What a newly met person gets: a Space with these rooms in it."""

    shared: bool = False
    """Whether there is one Space for everybody, into which people are invited; else each gets their own."""
    rooms: tuple[Room, ...] = Field(default=(RoomSettings(name="General"),), min_length=1)
    """The rooms, by name or as tables, in the order in which clients show them."""

    @pydantic.field_validator("rooms")
    @classmethod
    def _rooms_differ(cls, rooms: tuple[RoomSettings, ...]) -> tuple[RoomSettings, ...]:
        if len({room.key or room.name for room in rooms}) < len(rooms):
            raise ValueError("two rooms have the same name (or the same key)")
        return rooms


class MatrixSettings(SurfaceSettings):
    """One Matrix account: where it lives, how it logs in, whom it follows into rooms."""

    homeserver: str
    """Base URL of the homeserver's client API, ``https://matrix.example.org``, or the server's name, ``example.org``:
    its ``.well-known`` then says where that is."""
    user_id: str = Field(pattern=r"^@[^:\s]+:\S+$")
    password: SecretStr | None = None
    access_token: SecretStr | None = None
    """Instead of a password: the token of a device that nothing else uses."""
    login_token: SecretStr | None = None
    """Instead of a password, where people log in through a website (SSO): used once, for the first login."""
    device_name: str = "surfacehost"
    """What the account's list of sessions calls this one."""
    encryption: bool = True
    """Whether it reads and writes in encrypted rooms. Off: it stays silent there."""
    recovery_key: SecretStr | None = None
    """The recovery key of an account that was cross-signed elsewhere; it lets the bot sign its device itself."""
    ca_file: Path | None = None
    """A certificate authority (PEM) to trust besides the system's."""
    proxy: str = ""
    """``http://proxy.example.org:3128``; empty: what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say."""
    proxy_auth: SecretStr | None = None
    """What the proxy of ``proxy`` wants to know: ``user:password``."""
    invites: Literal["allow", "allowlist", "ignore"] = "allowlist"
    """Whose invitations are accepted: everybody's, those in ``allow`` and ``owners``, nobody's. With ``dm_policy =
    "pairing"`` the ``allowlist`` takes everybody's into direct chats: only there they can ask to be let in."""
    space: SpaceSettings | None = None
    """Without it no Space is made, and the room that the bot is invited to is the chat."""

    @pydantic.field_validator("homeserver")
    @classmethod
    def _is_address_or_name(cls, value: str) -> str:
        if _SERVER_NAME.fullmatch(value):
            return value
        if urlsplit(value).scheme not in ("http", "https"):
            raise ValueError("give the address with its scheme, such as https://matrix.example.org, or a server's name")
        return _web_address(value)

    @pydantic.field_validator("allow", "groups")
    @classmethod
    def _aliases_are_whole(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        for one in value:
            name = one if isinstance(one, str) else one.id
            if name.startswith("#") and not re.fullmatch(r"#[^:\s]+:\S+", name):
                raise ValueError(f"{name} is no room alias: those look like #room:example.org")
        return value

    @pydantic.field_validator("proxy")
    @classmethod
    def _is_proxy(cls, value: str) -> str:
        return _web_address(value) if value else value

    @pydantic.field_validator("recovery_key")
    @classmethod
    def _is_recovery_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            read_recovery_key(value.get_secret_value())
        return value

    @pydantic.model_validator(mode="after")
    def _one_way_in(self) -> Self:
        ways = ("password", "access_token", "login_token")
        given = [name for name in ways if getattr(self, name) is not None]
        if not given:
            raise ValueError("password, access_token or login_token is missing (each also as …_file)")
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} exclude each other")
        if self.proxy_auth is not None and not self.proxy:
            raise ValueError("proxy_auth is for the proxy that proxy names")
        return self

    @property
    def is_server_name(self) -> bool:
        """Whether ``homeserver`` is a name whose address is yet to be found."""
        return "://" not in self.homeserver

    @property
    def server_name(self) -> str:
        """The part of the user id behind the first colon."""
        return self.user_id.split(":", 1)[1]

    def follows(self, inviter: str, *, direct: bool = False) -> bool:
        """Whether an invitation by *inviter*, into a *direct* chat or another room, is accepted."""
        if self.invites == "allowlist":
            may_knock = direct and self.dm_policy == "pairing"
            return may_knock or "*" in self.allow or inviter in self.allow or inviter in self.owners
        return self.invites == "allow"


def _web_address(value: str) -> str:
    """*value* without a slash at its end. Raises ValueError where it is no http(s) address."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("should be an http:// or https:// address")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("the address has no user name, query or fragment")
    return value.rstrip("/")
