"""The Bot API client: python-telegram-bot's ``ExtBot``, with raw updates, honest errors and a token that stays inside.

Not its ``Application`` or ``Updater``: those confirm updates to Telegram before anybody has handled them.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from telegram.error import TelegramError
from telegram.ext import BaseRateLimiter, ExtBot
from telegram.request import HTTPXRequest

from surfacehost import trust
from surfacehost_telegram.redact import secret_of
from surfacehost_telegram.settings import TelegramSettings

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a caller may tell the rate limiter."""

    is_frame: bool = False
    """Whether the call is decoration, to be left out where there is no room for it at once."""
    messages: int = 1
    """How many messages it makes: an album counts as all that it consists of."""
    promises: bool = False
    """Whether another call is to follow it, for which room is kept."""
    is_promised: bool = False
    """Whether it is such a call."""
    is_upload: bool = False
    """Whether it brings a file, and may take minutes."""
    before: Callable[[], Awaitable[None]] | None = None
    """What is to be done when its turn has come, right before the call."""


MESSAGE, FRAME = Turn(), Turn(is_frame=True)

MOST = 100
"""Updates in one answer to getUpdates; Telegram's own limit."""
MAX_CALLS = 8
"""Calls in flight at once; more make httpx's connection pool slower, not faster."""
MAX_UPLOADS = 5
"""How many of them may bring files: what is said elsewhere waits for none."""

ANSWER_S = 30.0
"""How long an answer may take. Generous: giving up early leaves it unknown whether a message was sent."""
FRAME_S = 5.0
"""The same for decoration: what comes after it must not wait for long."""
UPLOAD_S = 120.0
"""The same for a call that brings a file, and for how long a piece of it may take on its way."""
SPARE_CALLS = 2
"""Connections beyond that, for calls that wait for no other: the answer to a tap on a button."""
POLL_MARGIN_S = 10.0
"""The same for a poll, beyond the time that the server holds it open."""

NEWEST_UPDATE = "stopped_message_generation"
"""Not every Bot API server knows it yet."""

ALLOWED_UPDATES = (
    "message",
    "edited_message",
    "callback_query",
    "my_chat_member",
    NEWEST_UPDATE,
)
"""Told with every poll, because the server remembers the last list; names it does not know it ignores.

Not ``message_reaction``: a question has buttons wherever it can be asked, and a thumb in passing must approve nothing.
"""


class Flooded(TelegramError):
    """Telegram wants us to be quiet for a while (429)."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"too many calls, Telegram wants {seconds:g} s of silence")
        self.seconds = seconds


class Oversized(TelegramError):
    """The request was larger than the server takes (413)."""


class Garbled(TelegramError):
    """Something answered, but not as a Bot API server does: a proxy, a captive portal, a server in trouble."""


class Bot(ExtBot[Turn]):
    """One bot account on one Bot API server."""

    def __init__(self, settings: TelegramSettings, limiter: BaseRateLimiter[Turn]) -> None:
        token = settings.token.get_secret_value()
        tls = {"verify": trust(None)}
        self._lines = (
            _Line(token, connection_pool_size=1, read_timeout=ANSWER_S, pool_timeout=5, httpx_kwargs=tls),
            _Line(
                token,
                connection_pool_size=MAX_CALLS + SPARE_CALLS,
                read_timeout=ANSWER_S,
                media_write_timeout=UPLOAD_S,
                pool_timeout=30,
                httpx_kwargs=tls,
            ),
        )
        super().__init__(
            token,
            base_url=f"{settings.base_url}/bot",
            base_file_url=f"{settings.base_url}/file/bot",
            local_mode=settings.local_mode,
            get_updates_request=self._lines[0],
            request=self._lines[1],
            rate_limiter=limiter,
        )

    @property
    def is_local(self) -> bool:
        """Whether the server shares this machine's disk."""
        return self._local_mode

    def __repr__(self) -> str:
        return "Bot(…)"  # the inherited one prints the token

    async def connect(self) -> None:
        """Make calls possible, also after ``disconnect``. ``initialize`` would fail without network."""
        for line in self._lines:
            await line.initialize()

    async def disconnect(self) -> None:
        """Close every connection."""
        for line in self._lines:
            await line.shutdown()

    async def updates(self, offset: int, *, timeout_s: int) -> list[Json]:
        """The updates from *offset* on, as they came; waits up to *timeout_s* for one. Confirms all before *offset*.

        Raw, because ``get_updates`` parses a whole batch at once, and one bad update then stops all others.
        """
        asked = {"offset": offset, "timeout": timeout_s, "limit": MOST, "allowed_updates": json.dumps(ALLOWED_UPDATES)}
        updates: Any = await self._post("getUpdates", asked, read_timeout=timeout_s + POLL_MARGIN_S)
        if not isinstance(updates, list) or not all(_is_update(update) for update in updates):
            raise Garbled("the answer to getUpdates is no list of updates")
        return updates

    async def path_of(self, file_id: str) -> str:
        """Where the server keeps a file: under its ``/file/bot<token>/``, or on this machine if the server is local.

        Raw, because ``get_file`` makes an address of it, token included, that is easily logged.
        """
        answer: Any = await self._post("getFile", {"file_id": file_id})
        path = answer.get("file_path") if isinstance(answer, dict) else None
        if not isinstance(path, str) or not path:
            raise Garbled("the answer to getFile names no path")
        return path.removeprefix("file://")


def _is_update(update: object) -> bool:
    return isinstance(update, dict) and isinstance(update.get("update_id"), int)


class _Line(HTTPXRequest):
    """HTTP to the Bot API server.

    python-telegram-bot looks at the status alone: ``200 {"ok": false}`` becomes a KeyError, a proxy's 404 page an
    InvalidToken whose text repeats the page, address and token included.
    """

    def __init__(self, token: str, **options: Any) -> None:  # noqa: ANN401 - those of HTTPXRequest
        super().__init__(**options)
        self._secret = secret_of(token).encode()

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:  # noqa: ANN401 - handed on
        """As inherited; raises Flooded for a 429, Oversized for a 413 and Garbled for what is no Bot API answer."""
        status, payload = await super().do_request(*args, **kwargs)
        answer = _read(payload)
        if status == 429:
            raise Flooded(_silence(answer))
        if status == 413:  # often from a proxy in front of the server, whose page is no Bot API answer
            raise Oversized("the server takes no request as large as this (413)")
        good = 200 <= status <= 299
        if answer is None or answer.get("ok") is not good or (good and "result" not in answer):
            raise Garbled(f"the answer, HTTP status {status}, is not one of a Bot API server")
        return status, payload if good else payload.replace(self._secret, b"...")


def _read(payload: bytes) -> Json | None:
    try:
        answer = json.loads(payload)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _silence(answer: Json | None) -> float:
    """Seconds to wait; a 429 without the number is rare, and a few seconds then do no harm."""
    parameters = (answer or {}).get("parameters")
    seconds = parameters.get("retry_after") if isinstance(parameters, dict) else None
    return float(seconds) if isinstance(seconds, int | float) and seconds > 0 else 3.0
