"""What the settings are once they are read: one frozen model for each table of the host."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, FilePath, SecretStr, field_validator, model_validator

from surfacehost.behaviour import Behaviour, SurfaceSettings
from surfacehost.store.retention import LEAST_DAYS
from surfacehost.surface import Surface

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class Table(BaseModel):
    """One table of settings.toml: what is not named in it is refused, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Host(Table):
    """``[host]``: the process itself."""

    data_dir: Path = Path("var")
    """Where the database and the surfaces keep their files; relative to the folder of settings.toml."""
    locale: Literal["auto", "en", "ru"] = "auto"
    """Language of the host's own sentences in chats; auto: each person's own, else English."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important lines that are logged."""


class Store(Table):
    """``[store]``: the database."""

    url: str = ""
    """Empty: an SQLite file in data_dir; ``sqlite:///path``: another file."""
    keep_days: Annotated[int, Field(ge=0)] = 30
    """Days for which a message that was answered is kept; 0: for ever. What is open or laid aside stays anyway."""

    @field_validator("keep_days")
    @classmethod
    def _outlives_repetitions(cls, days: int) -> int:
        if 0 < days < LEAST_DAYS:
            raise ValueError(f"should be {LEAST_DAYS} or more: platforms tell a message again for a day; 0 is for ever")
        return days

    @field_validator("url")
    @classmethod
    def _known(cls, url: str) -> str:
        if url.startswith(("postgres://", "postgresql://")):
            raise ValueError("PostgreSQL is not supported by this version")
        if url and not (url.startswith("sqlite:///") and url.removeprefix("sqlite:///")):
            raise ValueError("should be empty or sqlite:///path")
        return url


class Web(Table):
    """``[web]``: the host's web server."""

    listen: str = "127.0.0.1:8700"
    """host:port to listen on; port 0 takes a free one, an IPv6 address stands in brackets."""
    public_url: str = ""
    """How people and platforms reach it from outside, such as https://bot.example.org; empty: they don't."""

    send_token: SecretStr | None = None
    """What programs show that say something unasked by ``POST /send``; none: there is no such page."""

    @property
    def host(self) -> str:
        """The host part of *listen*, without brackets."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port of *listen*."""
        return int(self.listen.rpartition(":")[2])

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, listen: str) -> str:
        host, colon, port = listen.rpartition(":")
        if not (colon and host and port.isascii() and port.isdigit() and int(port) < 65536):
            raise ValueError("should be host:port, such as 127.0.0.1:8700; 0.0.0.0 is every interface")
        if host.startswith("[") and host.endswith("]"):
            ipaddress.IPv6Address(host.removeprefix("[").removesuffix("]"))
        elif ":" in host:
            raise ValueError("an IPv6 address stands in brackets, such as [::1]:8700")
        return listen

    @field_validator("public_url")
    @classmethod
    def _web_address(cls, url: str) -> str:
        if url:
            _split(url, "http", "https")
        return url.rstrip("/")


class Reference(Table):
    """``[agent.reference]``: the agent that comes with the host, used where ``embedded = true``."""

    backend: Literal["offline", "openai"] = "offline"
    """Offline: canned answers, no network; openai: any provider that speaks OpenAI's chat completions."""
    base_url: str = ""
    """Root of the provider's API, such as https://openrouter.ai/api/v1."""
    model: str = ""
    """The model's name, as the provider writes it."""
    api_key: SecretStr | None = None
    """What the provider knows us by."""

    @field_validator("base_url")
    @classmethod
    def _web_address(cls, url: str) -> str:
        if url:
            _split(url, "http", "https")
        return url

    @model_validator(mode="after")
    def _provider_is_whole(self) -> "Reference":
        if self.backend == "openai":
            # A model server on one's own machine asks for no key; a provider behind https always does.
            keyless = self.api_key is None and not self.base_url.startswith("http://")
            wanted = {"base_url": not self.base_url, "model": not self.model, "api_key": keyless}
            if missing := [name for name, lacking in wanted.items() if lacking]:
                raise ValueError(f'backend = "openai" also needs {", ".join(missing)}')
        return self


class Agent(Table):
    """``[agent]``: who answers."""

    url: str = "ws://localhost:8000"
    """The agent's WebSocket, where it is not embedded; ``?thread_id=…`` is added."""
    embedded: bool = True
    """Whether the reference agent runs inside this process; then nothing else of *url* and *token* is used."""
    token: SecretStr | None = None
    """Sent to the agent as ``Authorization: Bearer``."""
    tls_ca_file: FilePath | None = None
    """A certificate authority to trust besides the system's."""
    dialect: Literal["auto", "text"] = "auto"
    """Auto: the wire contract; text: the agent reads bare text."""
    connect_timeout_s: Seconds = 5
    """Seconds until a connection must stand."""
    first_event_timeout_s: Seconds = 15
    """Seconds until the agent must have said anything at all about a message."""
    silence_timeout_s: Seconds = 120
    """Seconds that may pass between two events of a run."""
    run_timeout_s: Seconds = 1800
    """Seconds that one answer may take altogether."""
    idle_close_s: Seconds = 300
    """Seconds after which a connection that nobody uses is closed."""
    max_connections: Count = 200
    """How many connections to the agent are open at the most."""
    reference: Reference = Reference()
    """The reference agent's own settings."""

    @field_validator("url")
    @classmethod
    def _websocket(cls, url: str) -> str:
        if _split(url, "ws", "wss").fragment:
            raise ValueError("a WebSocket URL has no #fragment")
        return url


class Dispatch(Table):
    """``[dispatch]``: how many messages are handled at once, and what becomes of those that fail."""

    threads_per_surface: Count = 64
    """How many conversations of one surface run side by side."""
    park_after_attempts: Count = 5
    """A message that failed this often is laid aside, once it is also old enough."""
    park_after_s: Seconds = 600
    """Seconds since its first attempt before a failing message is laid aside."""
    extension_timeout_s: Seconds = 10
    """Seconds that an extension may take to hear one event."""


class Media(Table):
    """``[media]``: files that people and the agent send."""

    max_mb: Annotated[float, Field(gt=0, le=4096)] = 20
    """Millions of bytes that one file may have."""
    keep_days: Annotated[int, Field(ge=0)] = 7
    """Days for which files are kept; 0: for ever."""
    link_hours: Annotated[float, Field(gt=0, le=24 * 365)] = 24
    """Hours for which the address of a file is good."""

    @property
    def at_most(self) -> int:
        """*max_mb* in bytes."""
        return int(self.max_mb * 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceTable:
    """One enabled ``[surfaces.<name>]``."""

    name: str
    plugin: type[Surface]
    settings: SurfaceSettings
    """An instance of the plugin's own ``Settings``, with ``[defaults]`` laid under its table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the operator said, checked. Made by ``load``; nothing changes it afterwards."""

    folder: Path
    """Where settings.toml lies: relative paths start here."""
    host: Host
    store: Store
    web: Web
    agent: Agent
    dispatch: Dispatch
    media: Media
    defaults: Behaviour
    surfaces: Mapping[str, SurfaceTable]
    """The enabled surfaces by name, in the order of the file."""
    disabled: Mapping[str, str] = field(default_factory=dict)
    """The surfaces with ``enabled = false``: name to plugin, which need not be installed."""
    sources: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Where each setting was said: ``agent.url`` to ``settings.toml:5`` or ``env SURFACEHOST_AGENT__URL``."""
    warnings: tuple[str, ...] = ()
    """What works but should not stay so, one line each; for the log."""

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.folder / (self.store.url.removeprefix("sqlite:///") or self.host.data_dir / "surfacehost.db")


def _split(url: str, *schemes: str) -> SplitResult:
    """*url* in parts. Raises ValueError where it is no URL of *schemes*; never repeats it, it may hold a password."""
    wanted = f"should be a URL such as {schemes[-1]}://host:port"
    try:
        parts = urlsplit(url)
        whole = parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError as error:  # brackets left open, a port that is no number
        raise ValueError(wanted) from error
    if not whole:
        raise ValueError(f"{wanted} ({' or '.join(schemes)})")
    return parts
