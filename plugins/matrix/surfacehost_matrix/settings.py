"""What an operator says about one Matrix account: the table ``[surfaces.matrix]``."""

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

import pydantic
from pydantic import Field, SecretStr

from surfacehost import SurfaceSettings


class SpaceSettings(pydantic.BaseModel):
    """What a newly met person gets: a Space of their own with these rooms in it."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    rooms: tuple[str, ...] = Field(default=("General",), min_length=1)
    """Names of the rooms, in the order in which clients show them."""

    @pydantic.field_validator("rooms")
    @classmethod
    def _rooms_differ(cls, rooms: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(rooms)) < len(rooms):
            raise ValueError("two rooms have the same name")
        return rooms


class MatrixSettings(SurfaceSettings):
    """One Matrix account: where it lives, how it logs in, whom it follows into rooms."""

    homeserver: str
    """Base URL of the homeserver's client API, such as ``https://matrix.example.org``."""
    user_id: str = Field(pattern=r"^@[^:\s]+:\S+$")
    password: SecretStr | None = None
    access_token: SecretStr | None = None
    """Instead of a password: the token of a device that nothing else uses."""
    device_name: str = "surfacehost"
    """What the account's list of sessions calls this one."""
    encryption: bool = True
    """Whether it reads and writes in encrypted rooms. Off: it stays silent there."""
    ca_file: Path | None = None
    """A certificate authority (PEM) to trust besides the system's."""
    invites: Literal["allow", "allowlist", "ignore"] = "allowlist"
    """Whose invitations are accepted: everybody's, those in ``allow`` and ``owners``, nobody's."""
    space: SpaceSettings | None = None
    """Without it no Space is made, and the room that the bot is invited to is the chat."""

    @pydantic.field_validator("homeserver")
    @classmethod
    def _is_web_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("give the address with its scheme, such as https://matrix.example.org")
        if parts.username or parts.query or parts.fragment:
            raise ValueError("the address has no user name, query or fragment")
        return value.rstrip("/")

    @pydantic.model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if self.password is None and self.access_token is None:
            raise ValueError("password or access_token is missing (or password_file, access_token_file)")
        if self.password is not None and self.access_token is not None:
            raise ValueError("password and access_token exclude each other")
        return self

    @property
    def server_name(self) -> str:
        """The part of the user id behind the first colon."""
        return self.user_id.split(":", 1)[1]

    def follows(self, inviter: str) -> bool:
        """Whether an invitation by *inviter* is accepted."""
        if self.invites == "allowlist":
            return "*" in self.allow or inviter in self.allow or inviter in self.owners
        return self.invites == "allow"
