"""What can be set in ``[surfaces.<name>]`` for a Telegram bot."""

import re
from typing import Literal
from urllib.parse import urlsplit

import pydantic

from surfacehost import SurfaceSettings

_TOKEN = re.compile(r"[0-9]+:[A-Za-z0-9_-]+")

Delivery = Literal["probe", "edit", "again", "once"]


class TelegramSettings(SurfaceSettings):
    """One bot account."""

    token: pydantic.SecretStr
    """What @BotFather gave; ``token_file`` names a file that holds it."""
    base_url: str = "https://api.telegram.org"
    """The Bot API server: Telegram's, or one's own."""
    delivery: Delivery = "probe"
    """After a send whose outcome is unknown: look whether it arrived (probe), send again (again), leave it (once).

    Or never be in doubt about an answer: send a placeholder, and make that the answer by an edit (edit).
    """

    @pydantic.field_validator("token")
    @classmethod
    def _looks_like_a_token(cls, token: pydantic.SecretStr) -> pydantic.SecretStr:
        if not _TOKEN.fullmatch(token.get_secret_value()):
            raise ValueError("is no bot token: @BotFather gives one like 123456789:AAF… (digits, a colon, letters)")
        return token

    @pydantic.field_validator("base_url")
    @classmethod
    def _is_a_web_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be an http:// or https:// address such as https://api.telegram.org")
        return url.rstrip("/")
