"""Errors, named for what the host does next.

- NotReady      wait, then try again
- Uncertain     the same, but what was being sent may have arrived
- Refused       the surface stays down until a person acts
- Undeliverable give this event up, go on with the next
- TooLarge      a file is left out, and the person told
- PlatformError the agent's side failed: the person gets a sentence, the operator the cause
- SettingsError the process does not start: every problem at once

A class's docstring is its message where none is given. Anything else that a plugin raises is a bug: it is logged with
the plugin's name and treated as NotReady while listening, as a failed attempt while handling an event.
"""

import secrets
from enum import StrEnum
from typing import Self


class SurfacehostError(Exception):
    """Something went wrong."""

    def __str__(self) -> str:
        return super().__str__() or (self.__doc__ or "").splitlines()[0]


class NotReady(SurfacehostError):
    """The platform can't be reached right now."""

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds the platform asked us to wait; none: the host's own back-off."""


class Uncertain(NotReady):
    """The platform may or may not have taken what was being sent: the answer got lost.

    The same reply comes again, marked ``repeated``. A plain NotReady says that it was certainly not taken.
    """


class Refused(SurfacehostError):
    """The platform does not accept this account; someone has to change the settings."""


class Undeliverable(SurfacehostError):
    """This chat does not take what we send, and trying again will not help."""


class TooLarge(SurfacehostError):
    """It is larger than allowed: than *limit* bytes, where that is another limit than the one that was asked for."""

    def __init__(self, reason: object = "", *, limit: int | None = None) -> None:
        super().__init__(reason)
        self.limit = limit


class SettingsError(SurfacehostError):
    """The settings can't be used."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
        """One line each, naming file, line and key."""


class Kind(StrEnum):
    """What went wrong on the agent's side: the vocabulary of ``RUN_ERROR.code`` and of the sentences people read."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    LOST = "lost"
    AUTH = "auth"
    MODEL = "model"
    QUOTA = "quota"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    CONTENT_REFUSED = "content_refused"
    TOO_LARGE = "too_large"
    CONTEXT_FULL = "context_full"
    PROTOCOL = "protocol"
    CANCELLED = "cancelled"
    EMPTY = "empty"
    INTERNAL = "internal"


class PlatformError(SurfacehostError):
    """The agent could not answer."""

    def __init__(
        self,
        kind: Kind,
        detail: str = "",
        *,
        retry_after: float | None = None,
        partial: str = "",
        limit: str = "",
    ) -> None:
        super().__init__(f"{kind}: {detail}" if detail else str(kind))
        self.kind = kind
        self.detail = detail
        """For the operator only: never shown in a chat."""
        self.retry_after = retry_after
        """Seconds after which asking again makes sense, where the agent said so."""
        self.partial = partial
        """What had been answered before it broke."""
        self.limit = limit
        """The limit that was passed, as a person reads it."""
        self.is_repeatable = False
        """Whether nothing had begun, so that the host itself may ask once more."""
        self.ref = secrets.token_hex(2)
        """Stands in the chat and in the log, so that the one leads to the other."""

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """*error* itself, or what an unforeseen one is to a person: ``internal``."""
        if isinstance(error, cls):
            return error
        made = cls(Kind.INTERNAL, f"{type(error).__name__}: {error}")
        made.__cause__ = error
        return made
