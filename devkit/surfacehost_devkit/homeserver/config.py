"""Writes what Synapse reads at its start: a server for one machine, silent towards the outside."""

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

RateLimits = Literal["off", "stock"]

_UNLIMITED = {"per_second": 1_000_000, "burst_count": 1_000_000}
# Option names: Synapse's "Ratelimiting" chapter of its configuration manual.
_LIMITS_OFF: Mapping[str, object] = {
    "rc_message": _UNLIMITED,
    "rc_registration": _UNLIMITED,
    "rc_registration_token_validity": _UNLIMITED,
    "rc_login": {"address": _UNLIMITED, "account": _UNLIMITED, "failed_attempts": _UNLIMITED},
    "rc_joins": {"local": _UNLIMITED, "remote": _UNLIMITED},
    "rc_joins_per_room": _UNLIMITED,
    "rc_key_requests": _UNLIMITED,
    "rc_invites": {"per_room": _UNLIMITED, "per_user": _UNLIMITED, "per_issuer": _UNLIMITED},
    "rc_media_create": _UNLIMITED,
    "rc_delayed_event_mgmt": _UNLIMITED,
    "rc_room_creation": _UNLIMITED,
    "rc_reports": _UNLIMITED,
    "rc_user_directory": _UNLIMITED,
    "rc_profile": _UNLIMITED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What a server must keep over restarts on the same data."""

    registration: str = field(repr=False)
    macaroon: str = field(repr=False)
    form: str = field(repr=False)
    operator_password: str = field(repr=False)
    signing_seed: str = field(repr=False)


def keep_secrets(folder: Path) -> Secrets:
    """Read the data folder's secrets; make them the first time."""
    file = folder / "secrets.json"
    if file.exists():
        return Secrets(**json.loads(file.read_text()))
    made = Secrets(
        registration=secrets.token_urlsafe(32),
        macaroon=secrets.token_urlsafe(32),
        form=secrets.token_urlsafe(32),
        operator_password=secrets.token_urlsafe(32),
        signing_seed=base64.b64encode(secrets.token_bytes(32)).decode().rstrip("="),
    )
    file.touch(mode=0o600)
    file.write_text(json.dumps(asdict(made)))
    return made


def write_config(
    folder: Path,
    *,
    server_name: str,
    port: int,
    url: str,
    tls: bool,
    rate_limits: RateLimits,
    options: Mapping[str, object],
) -> Path:
    """Write the configuration into the data folder and return its path; *options* go over what is in it."""
    kept = keep_secrets(folder)
    # The format of Synapse's key file; written here, as letting Synapse make it takes a second start.
    (folder / "signing.key").write_text(f"ed25519 a_key {kept.signing_seed}\n")
    (folder / "logging.json").write_text(json.dumps(_logging()))
    config: dict[str, object] = {
        **_server(folder, server_name, port, url, tls=tls),
        **_silence(),
        **_thrift(),
        "registration_shared_secret": kept.registration,
        "macaroon_secret_key": kept.macaroon,
        "form_secret": kept.form,
        **(_LIMITS_OFF if rate_limits == "off" else {}),
        **options,
    }
    file = folder / "homeserver.yaml"
    file.touch(mode=0o600)
    file.write_text(json.dumps(config, indent=1))  # JSON is YAML
    return file


def _server(folder: Path, server_name: str, port: int, url: str, *, tls: bool) -> dict[str, object]:
    listener = {
        "port": port,
        "bind_addresses": ["127.0.0.1"],
        "type": "http",
        "tls": tls,
        "resources": [{"names": ["client"], "compress": False}],
    }
    certificates = {
        "tls_certificate_path": str(folder / "server.pem"),
        "tls_private_key_path": str(folder / "server.key"),
    }
    return {
        "server_name": server_name,
        "public_baseurl": f"{url}/",
        "listeners": [listener],
        "database": {"name": "sqlite3", "args": {"database": str(folder / "homeserver.db")}},
        "media_store_path": str(folder / "media"),
        "signing_key_path": str(folder / "signing.key"),
        "log_config": str(folder / "logging.json"),
        "bcrypt_rounds": 4,  # the least there is: passwords here protect nothing
        **(certificates if tls else {}),
    }


def _silence() -> dict[str, object]:
    return {
        "federation_domain_whitelist": [],
        "trusted_key_servers": [],
        "suppress_key_server_warning": True,
        "report_stats": False,
        "enable_metrics": False,
        "presence": {"enabled": False},
        "url_preview_enabled": False,
        "enable_registration": False,
        "allow_guest_access": False,
    }


def _thrift() -> dict[str, object]:
    """What takes time at every event and is for servers with people or neighbours: about a quarter of all it does."""
    return {
        "push": {"enabled": False},
        "user_directory": {"enabled": False},
        "send_federation": False,
        "gc_min_interval": ["5s", "1m", "10m"],
    }


def _logging() -> dict[str, object]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "handlers": {"output": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": "WARNING", "handlers": ["output"]},
    }
