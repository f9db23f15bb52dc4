"""The settings of the demo's host, as its files."""

from dataclasses import dataclass, field
from json import dumps as quoted
from pathlib import Path

SPACE = "Assistant"
ROOMS = ("General", "Ideas")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Where the host is to log in, and as whom."""

    homeserver: str
    user_id: str
    password: str = field(repr=False)
    bot_api: str
    token: str = field(repr=False)


def write_settings(folder: Path, port: int, accounts: Accounts) -> None:
    """Write settings.toml and, for nobody else to read, .secrets.toml into *folder*."""
    (folder / "settings.toml").write_text(_settings(port, accounts))
    secret = folder / ".secrets.toml"
    secret.touch(mode=0o600)
    secret.write_text(_secrets(accounts))


def _settings(port: int, accounts: Accounts) -> str:
    """All three surfaces and the embedded agent; a basic string of TOML is one of JSON."""
    return f"""\
# Written by `surfacehost demo`: three surfaces side by side, everybody may talk.
[web]
listen = "127.0.0.1:{port}"

[agent]
embedded = true

[defaults]
dm_policy = "open"
rate_per_minute = 0

[surfaces.matrix]
enabled = true
homeserver = {quoted(accounts.homeserver)}
user_id = {quoted(accounts.user_id)}
invites = "allow"

[surfaces.matrix.space]
name = {quoted(SPACE)}
rooms = {quoted(list(ROOMS))}

[surfaces.telegram]
enabled = true
base_url = {quoted(accounts.bot_api)}

[surfaces.web]
enabled = true
"""


def _secrets(accounts: Accounts) -> str:
    """What goes into the .secrets.toml beside it."""
    return f"""\
[surfaces.matrix]
password = {quoted(accounts.password)}

[surfaces.telegram]
token = {quoted(accounts.token)}
"""
