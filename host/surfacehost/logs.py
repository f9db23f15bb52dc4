"""The log: one line per event on standard error, with no secret in it."""

import logging
import sys
from collections.abc import Collection, Iterator
from typing import Any

from pydantic import BaseModel, SecretStr

from surfacehost.settings import Settings

MASK = "**********"


class _Masking(logging.Formatter):
    """Formats, then hides every secret of the settings, also in tracebacks and in what libraries log."""

    def __init__(self, secrets: Collection[str]) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S")
        self._secrets = sorted(secrets, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text


def configure(settings: Settings) -> None:
    """Log at the operator's level, and what libraries do only where it is a warning: their chatter holds texts."""
    secrets = {secret for model in _models(settings) for secret in _secrets(model) if len(secret) >= 4}
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Masking(secrets))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    level = settings.host.log_level.upper()
    for name in (
        "surfacehost",
        "platform_agent",
        *(table.plugin.__module__.split(".")[0] for table in settings.surfaces.values()),
    ):
        logging.getLogger(name).setLevel(level)


def _models(settings: Settings) -> Iterator[BaseModel]:
    yield settings.agent
    yield from (table.settings for table in settings.surfaces.values())


def _secrets(value: Any) -> Iterator[str]:  # noqa: ANN401 - whatever a model holds
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
