"""The table of outcomes: every way a call can fail, and whether the message may be sent again."""

import httpx
import pytest
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, NetworkError, TelegramError, TimedOut

from surfacehost import NotReady
from surfacehost_telegram.bot import Flooded, Garbled, Oversized
from surfacehost_telegram.outcome import Outcome, outcome


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


TABLE = [
    (caused(NetworkError("x"), httpx.ConnectError("x")), Outcome.LATER),
    (caused(TimedOut(), httpx.ConnectTimeout("x")), Outcome.LATER),
    (caused(TimedOut(), httpx.PoolTimeout("x")), Outcome.LATER),
    (caused(NetworkError("x"), httpx.ProxyError("x")), Outcome.LATER),
    (InvalidToken("Unauthorized"), Outcome.LATER),
    (Flooded(3), Outcome.WAIT),
    (ChatMigrated(-1009), Outcome.MOVED),
    (BadRequest("Bad Request: message thread not found"), Outcome.TOPIC_GONE),
    (BadRequest("Bad Request: TOPIC_DELETED"), Outcome.TOPIC_GONE),
    (BadRequest("Bad Request: can't parse entities: Unexpected end"), Outcome.FORMATTING),
    (BadRequest("Bad Request: entity beginning at UTF-16 offset 3 ends after the end"), Outcome.FORMATTING),
    (BadRequest("Bad Request: Wrong HTTP URL specified"), Outcome.FORMATTING),
    (BadRequest("Bad Request: chat not found"), Outcome.REFUSED),
    (BadRequest("Bad Request: message is too long"), Outcome.TOO_LONG),
    (BadRequest("Bad Request: not enough rights to send text messages to the chat"), Outcome.REFUSED),
    (Oversized("x"), Outcome.FILE),
    (FileNotFoundError("x"), Outcome.FILE),
    (BadRequest("Bad Request: PHOTO_INVALID_DIMENSIONS"), Outcome.FILE),
    (BadRequest("Bad Request: IMAGE_PROCESS_FAILED"), Outcome.FILE),
    (BadRequest("Bad Request: VOICE_MESSAGES_FORBIDDEN"), Outcome.FILE),
    (BadRequest("Bad Request: file must be non-empty"), Outcome.FILE),
    (BadRequest("Bad Request: message caption is too long"), Outcome.REFUSED),
    (NotReady("the disk is full"), Outcome.LATER),
    (Forbidden("Forbidden: bot was blocked by the user"), Outcome.REFUSED),
    (caused(TimedOut(), httpx.ReadTimeout("x")), Outcome.UNKNOWN),
    (caused(TimedOut(), httpx.WriteTimeout("x")), Outcome.UNKNOWN),
    (caused(NetworkError("x"), httpx.ReadError("x")), Outcome.UNKNOWN),
    (caused(NetworkError("x"), httpx.RemoteProtocolError("x")), Outcome.UNKNOWN),
    (NetworkError("Internal Server Error (500)"), Outcome.UNKNOWN),
    (Garbled("HTTP 502"), Outcome.UNKNOWN),
    (TelegramError("Invalid server response"), Outcome.UNKNOWN),
    (KeyError("result"), Outcome.UNKNOWN),
]


@pytest.mark.parametrize(("error", "happened"), TABLE, ids=lambda value: repr(value)[:60])
def test_outcome(error: Exception, happened: Outcome) -> None:
    assert outcome(error) is happened
