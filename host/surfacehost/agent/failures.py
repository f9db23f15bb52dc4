"""What a failed connection means: by exception types and numbers, never by words, a kind of ``PlatformError``."""

import ssl
from collections.abc import Iterator

from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus, InvalidURI, PayloadTooBig

from surfacehost.errors import Kind, PlatformError

_CLOSE_CODES = {
    1008: Kind.AUTH,
    1009: Kind.TOO_LARGE,
    1011: Kind.INTERNAL,
    1012: Kind.OVERLOADED,
    1013: Kind.OVERLOADED,
    4400: Kind.PROTOCOL,
    4401: Kind.AUTH,
}
"""Close codes of RFC 6455 and the contract's own; any other ended the run without telling how: ``lost``."""

_STATUSES = {
    401: Kind.AUTH,
    403: Kind.AUTH,
    413: Kind.TOO_LARGE,
    429: Kind.RATE_LIMITED,
    502: Kind.OVERLOADED,
    503: Kind.OVERLOADED,
    504: Kind.OVERLOADED,
}
"""What the agent's server answered to the handshake; other 5xx: ``unreachable``, the rest: ``protocol``."""

_REPEATABLE = frozenset({Kind.UNREACHABLE, Kind.TIMEOUT, Kind.OVERLOADED})

MAX_PAUSE_S = 20.0
"""A longer wait that the agent asks for is told to the person instead."""


def of_handshake(error: Exception, url: str) -> PlatformError:
    """What it means that no connection to *url* came about."""
    if isinstance(error, PlatformError):
        return error
    match error:
        case InvalidStatus():
            made = _of_status(error, url)
        case TimeoutError():
            made = PlatformError(Kind.TIMEOUT, f"{url} did not answer the handshake")
        case InvalidMessage(__cause__=EOFError()):  # as of an agent that ends just then
            made = PlatformError(Kind.UNREACHABLE, f"{url} closed the connection instead of answering the handshake")
        case InvalidMessage() | InvalidURI():
            made = PlatformError(Kind.PROTOCOL, f"{url} is no WebSocket server: {type(error).__name__}")
        case OSError() | ConnectionClosed():
            made = PlatformError(Kind.UNREACHABLE, f"{url}: {type(error).__name__}: {error}{_tls_hint(error)}")
        case _:
            made = PlatformError(Kind.INTERNAL, f"{url}: {type(error).__name__}: {error}")
    made.__cause__ = error
    is_soon = made.retry_after is None or made.retry_after <= MAX_PAUSE_S
    made.is_repeatable = is_soon and (made.kind in _REPEATABLE or made.retry_after is not None)
    return made


def of_run(error: Exception, *, has_started: bool, partial: str) -> PlatformError:
    """What it means that the connection ended while an answer was due; *partial* is what had come of it."""
    if isinstance(error, PlatformError):
        error.partial = error.partial or partial
        return error
    kind, detail = Kind.INTERNAL, f"{type(error).__name__}: {error}"
    if isinstance(error, ConnectionClosed):
        code = error.rcvd.code if error.rcvd else None
        passed_our_limit = error.sent is not None and error.sent.code == 1009
        kind = Kind.TOO_LARGE if passed_our_limit else _CLOSE_CODES.get(code or 0, Kind.LOST)
        if not has_started and kind is Kind.LOST:
            kind = Kind.UNREACHABLE  # nothing had begun: asking again repeats nothing
        detail = f"the agent closed the connection ({code or 'without a word'}) after {len(partial)} characters"
    elif isinstance(error, PayloadTooBig):
        kind = Kind.TOO_LARGE
    elif isinstance(error, OSError):
        kind = Kind.LOST if has_started else Kind.UNREACHABLE
    made = PlatformError(kind, detail, partial=partial, limit="1 MiB" if kind is Kind.TOO_LARGE else "")
    made.__cause__ = error
    made.is_repeatable = not has_started and kind in (Kind.UNREACHABLE, Kind.OVERLOADED)
    return made


def _of_status(error: InvalidStatus, url: str) -> PlatformError:
    status = error.response.status_code
    kind = _STATUSES.get(status, Kind.UNREACHABLE if status >= 500 else Kind.PROTOCOL)
    after = error.response.headers.get("Retry-After", "")
    return PlatformError(
        kind, f"{url} answered the handshake with {status}", retry_after=float(after) if after.isdecimal() else None
    )


def _tls_hint(error: BaseException) -> str:
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return " (untrusted certificate: name its authority in agent.tls_ca_file)"
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return " (is that port speaking TLS? ws:// is plain, wss:// is TLS)"
    return ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
