"""What can be set in ``[surfaces.<name>]`` for a Telegram bot."""

import re
from typing import Literal
from urllib.parse import urlsplit

import pydantic

from surfacehost import SurfaceSettings

_TOKEN = re.compile(r"[0-9]+:[A-Za-z0-9_-]+")

COLORS = {
    "blue": 0x6FB9F0,
    "yellow": 0xFFD67E,
    "violet": 0xCB86DB,
    "green": 0x8EEE98,
    "rose": 0xFF93B2,
    "red": 0xFB6F5F,
}
"""Those that Telegram takes: https://core.telegram.org/bots/api#createforumtopic."""

Delivery = Literal["probe", "edit", "again", "once"]
Technique = Literal["auto", "edit", "draft", "final", "off"]
"""How an answer is shown while it grows: the host's setting ``stream``."""


class Topic(pydantic.BaseModel):
    """A topic that the bot makes; its name alone may stand for it."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    name: str = pydantic.Field(min_length=1, max_length=128)
    color: Literal["", "blue", "yellow", "violet", "green", "rose", "red"] = ""
    """Of its icon; it stays as it was made."""

    @pydantic.model_validator(mode="before")
    @classmethod
    def _may_be_a_name(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value


class TelegramSettings(SurfaceSettings):
    """One bot account."""

    token: pydantic.SecretStr
    """What @BotFather gave; ``token_file`` names a file that holds it."""
    base_url: str = "https://api.telegram.org"
    """The Bot API server: Telegram's, or one's own."""
    mode: Literal["polling", "webhook"] = "polling"
    """Whether the host asks Telegram for news, or Telegram brings them; that needs ``[web] public_url``."""
    topics: dict[str, Topic] = pydantic.Field(default_factory=dict)
    """Topics that it makes, by a key of one's own: under the same key another name renames the topic.

    In private chats, if the bot has topics there (@BotFather), and in ``topic_groups``."""
    topic_groups: tuple[str, ...] = ()
    """Ids of groups with topics that get them as well; the bot must be allowed to manage topics there."""
    local_mode: bool = False
    """Whether that server is one's own, runs with ``--local`` and shares this machine's disk: files up to 2 GB."""
    delivery: Delivery = "probe"
    """After a send whose outcome is unknown: look whether it arrived (probe), send again (again), leave it (once).

    Or never be in doubt about an answer: send a placeholder, and make that the answer by an edit (edit).
    """

    @property
    def needs_public_url(self) -> str:
        """Telegram must know where to bring what happens."""
        return "mode" if self.mode == "webhook" else ""

    @pydantic.field_validator("token")
    @classmethod
    def _looks_like_a_token(cls, token: pydantic.SecretStr) -> pydantic.SecretStr:
        if not _TOKEN.fullmatch(token.get_secret_value()):
            raise ValueError("is no bot token: @BotFather gives one like 123456789:AAF… (digits, a colon, letters)")
        return token

    @pydantic.field_validator("topic_groups", mode="before")
    @classmethod
    def _numbers_are_ids(cls, value: object) -> object:
        return [str(item) if isinstance(item, int) else item for item in value] if isinstance(value, list) else value

    @pydantic.field_validator("base_url")
    @classmethod
    def _is_a_web_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be an http:// or https:// address such as https://api.telegram.org")
        return url.rstrip("/")
