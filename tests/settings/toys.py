"""A surface plugin as small as one can be, and who finds it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import pydantic
from pydantic import SecretStr

from surfacehost import CONTRACT, Capabilities, Surface, SurfaceSettings
from surfacehost.settings import Settings


class Corner(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    colour: str = "red"
    key: SecretStr | None = None


class ToySettings(SurfaceSettings):
    token: SecretStr
    spare: SecretStr | None = None
    base_url: str = "https://toy.example.org"
    size: int = 3
    mode: Literal["fast", "slow"] = "fast"
    ca_file: Path | None = None
    rooms: tuple[str, ...] = ("General",)
    corner: Corner | None = None
    corners: tuple[Corner, ...] = ()
    labels: dict[str, str] = pydantic.Field(default_factory=dict)

    @pydantic.field_validator("token")
    @classmethod
    def _talkative(cls, token: SecretStr) -> SecretStr:
        """A validator that gives away what it should not: third parties write such."""
        if token.get_secret_value().startswith("bad"):
            raise ValueError(f"{token.get_secret_value()} is no token")
        return token


class Toy:
    contract: ClassVar[int] = CONTRACT
    Settings: ClassVar[type[SurfaceSettings]] = ToySettings
    capabilities: ClassVar[Capabilities] = Capabilities()


@dataclass
class Shelf:
    """A finder that remembers what it was asked for."""

    plugins: dict[str, Any] = field(default_factory=lambda: {"toy": Toy, "other": Toy})
    broken: dict[str, Exception] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)

    def names(self) -> Collection[str]:
        return [*self.plugins, *self.broken]

    def find(self, name: str) -> type[Surface]:
        self.found.append(name)
        if name in self.broken:
            raise self.broken[name]
        found: type[Surface] = self.plugins[name]
        return found


class Load(Protocol):
    def __call__(
        self, text: str, *, env: Mapping[str, str] = ..., local: str = ..., secrets: str = ...
    ) -> Settings: ...


class Complain(Protocol):
    def __call__(
        self, text: str, *, env: Mapping[str, str] = ..., local: str = ..., secrets: str = ...
    ) -> list[str]: ...
