"""The log: one line per event on standard error, with no secret in it."""

import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import BaseModel, SecretStr

from surfacehost.settings import Settings

MASK = "**********"


class _Masking(logging.Formatter):
    """Formats, then hides every secret of the settings, also in tracebacks and in what libraries log."""

    def __init__(self, mask: Callable[[str], str]) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S")
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        return self._mask(super().format(record))


def masking(settings: Settings) -> Callable[[str], str]:
    """What hides every secret of *settings* in a text."""
    found = {secret for model in _models(settings) for secret in _secrets(model) if len(secret) >= 4}
    secrets = sorted(found, key=len, reverse=True)

    def mask(text: str) -> str:
        for secret in secrets:
            text = text.replace(secret, MASK)
        return text

    return mask


def configure(settings: Settings) -> None:
    """Log at the operator's level, and what libraries do only where it is a warning: their chatter holds texts."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Masking(masking(settings)))
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
