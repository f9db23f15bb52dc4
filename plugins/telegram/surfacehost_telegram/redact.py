"""Keep bot tokens out of the logs: in the Bot API the token is part of every address, and libraries log addresses."""

import logging
from dataclasses import dataclass

_LIBRARIES = ("httpx", "httpcore", "telegram")
_WATCHED = (*_LIBRARIES, "surfacehost_telegram")


@dataclass(frozen=True)
class RedactSecret(logging.Filter):
    """Takes the secret half of a token out of log records. Equal ones are added to a logger once."""

    secret: str

    def __repr__(self) -> str:
        return "RedactSecret(…)"

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without the secret."""
        message = record.getMessage()
        if self.secret in message:
            record.msg, record.args = message.replace(self.secret, "…"), None
        return True


def keep_out_of_logs(secret: str) -> None:
    """Redact *secret* in what this package and the libraries below it log, and let the libraries log warnings only.

    httpx tells every address at INFO and python-telegram-bot every message's text at DEBUG. A level that somebody set
    on purpose stands. A filter works for its own logger and not for those below it, hence the walk over all of them.
    """
    for name in _LIBRARIES:
        if logging.getLogger(name).level == logging.NOTSET:
            logging.getLogger(name).setLevel(logging.WARNING)
    redaction = RedactSecret(secret)
    for name in [*_WATCHED, *logging.root.manager.loggerDict]:
        if name.partition(".")[0] in _WATCHED:
            logging.getLogger(name).addFilter(redaction)


def secret_of(token: str) -> str:
    """The half of *token* that nobody may see; the half before the colon is the bot's id."""
    return token.partition(":")[2]


def without_secret(text: str, token: str) -> str:
    """*text* for people to read: the address of a webhook often holds the bot's token, in one form or another."""
    return text.replace(secret_of(token), "…")
