"""What became of a call that failed: the one table that decides whether a message may be sent again."""

from enum import Enum

import httpx
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, TelegramError

from surfacehost import NotReady, Uncertain, Undeliverable
from surfacehost_telegram.bot import Flooded, Oversized

_FILE_WORDS = (
    "photo",
    "image_process_failed",
    "voice_messages_forbidden",
    "too big",
    "file must be non-empty",
    "failed to get http url content",
    "wrong type of the web page content",
    "media_empty",
)
_CHAT_WORDS = (
    "right",
    "chat",
    "channel",
    "peer",
    "user",
    "forbidden",
    "blocked",
    "deactivated",
    "slowmode",
    "required",
)
_NEVER_LEFT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
)


class Outcome(Enum):
    """What Telegram did, and so what we may do."""

    LATER = "not done; trying again is safe"
    WAIT = "not done; the chat is shut for a while"
    MOVED = "not done; the group has become a supergroup with another id"
    TOPIC_GONE = "not done; the topic does not exist, or is closed"
    FORMATTING = "not done; the formatting is not accepted"
    TOO_LONG = "not done; the text is longer than Telegram takes"
    FILE = "not done; a file is not accepted, or not as what it was sent"
    REFUSED = "not done, and it never will be"
    UNKNOWN = "perhaps done: the answer did not reach us"


_ANSWERS = (
    (NotReady, Outcome.LATER),  # the host could not store what must be stored before the call
    (FileNotFoundError, Outcome.FILE),
    (PermissionError, Outcome.FILE),
    (Flooded, Outcome.WAIT),
    (ChatMigrated, Outcome.MOVED),
    (Forbidden, Outcome.REFUSED),
    (Oversized, Outcome.FILE),
    (InvalidToken, Outcome.LATER),  # 401 or 404: whether the token is dead is for the one who listens to find out
)


def outcome(error: Exception) -> Outcome:
    """What became of the call that raised *error*.

    Everything that is not known to have failed before Telegram acted is UNKNOWN: a read timeout, a reset, a 5xx, an
    answer that makes no sense.
    """
    if isinstance(error, BadRequest):
        return _refusal(error.message.casefold())
    if isinstance(error, TelegramError) and isinstance(error.__cause__, _NEVER_LEFT):
        return Outcome.LATER
    return next((happened for kind, happened in _ANSWERS if isinstance(error, kind)), Outcome.UNKNOWN)


def _refusal(reason: str) -> Outcome:
    """What a 400 means. Its text is all there is: https://github.com/tdlib/telegram-bot-api, ``Client.cpp``."""
    if "message was not sent" in reason:
        # Of an album: the back end sent others of it (https://github.com/tdlib/td, ``SendMultiMediaQuery::on_result``).
        return Outcome.UNKNOWN
    if "message thread not found" in reason or any(
        word in reason for word in ("topic_deleted", "topic_id_invalid", "topic_closed")
    ):
        return Outcome.TOPIC_GONE
    if "message is too long" in reason or "message_too_long" in reason:
        return Outcome.TOO_LONG
    if any(word in reason for word in _FILE_WORDS):
        return Outcome.FILE
    if any(word in reason for word in ("entit", "url", "emoji", "utf-8", "parse")):
        return Outcome.FORMATTING
    return Outcome.REFUSED


def may_be_of_a_file(error: Exception) -> bool:
    """Whether it may be the file that was sent which is not taken.

    What is refused in words that nobody knows is taken for that, unless they speak of the chat, or of who may write
    what there: https://core.telegram.org/method/messages.sendMedia lists them (``MEDIA_INVALID``, ``PEER_ID_INVALID``).
    """
    happened = outcome(error)
    if happened is Outcome.REFUSED and isinstance(error, BadRequest):
        return not any(word in error.message.casefold() for word in _CHAT_WORDS)
    return happened is Outcome.FILE


def what_next(error: Exception) -> NotReady | Undeliverable:
    """*error* as the instruction that it is to the host."""
    match outcome(error):
        case Outcome.WAIT if isinstance(error, Flooded):
            return NotReady(f"Telegram does not take messages for this chat now: {error}", retry_after=error.seconds)
        case Outcome.UNKNOWN:
            return Uncertain(f"nobody knows whether Telegram took a message: {type(error).__name__}: {error}")
        case Outcome.REFUSED | Outcome.FORMATTING | Outcome.TOO_LONG | Outcome.TOPIC_GONE | Outcome.FILE:
            return Undeliverable(f"Telegram does not take a message for this chat: {error}")
    return NotReady(f"a message could not be sent: {error}")
