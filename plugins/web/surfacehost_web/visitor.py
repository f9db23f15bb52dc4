"""Who is at the page, and whether the page is ours: cookie, host and origin of a request.

A person is a browser: a random token in a cookie that no script can read. Their id is a hash of the token, so that what
stands in logs, thread keys and ``/whoami`` lets nobody in.
"""

import hashlib
import ipaddress
import re
import secrets
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

COOKIE_AGE_S = 400 * 24 * 3600
"""Browsers keep no cookie for longer (RFC 6265bis, section 5.5); every visit renews it."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")


class Door:
    """Lets browsers in to the page of one surface instance."""

    def __init__(self, name: str, path: str, public_url: str) -> None:
        self._cookie = f"surfacehost-{name}"
        self._path = path
        self._public = _origin(public_url)

    def person(self, visit: HTTPConnection) -> str | None:
        """The id of the person whose browser this is; None for one that has no cookie yet."""
        token = self._token(visit)
        return f"web-{hashlib.sha256(token.encode()).hexdigest()[:32]}" if token else None

    def cookie(self, visit: HTTPConnection) -> str:
        """The ``Set-Cookie`` that makes this browser a person, or renews that it is one."""
        token = self._token(visit) or secrets.token_urlsafe(16)
        # The address of the bar decides, behind a proxy too: a Secure cookie never comes back over plain HTTP.
        secure = "; Secure" if visit.url.scheme in ("https", "wss") else ""
        return f"{self._cookie}={token}; Path={self._path}; Max-Age={COOKIE_AGE_S}; HttpOnly; SameSite=Strict{secure}"

    def knows_host(self, visit: HTTPConnection) -> bool:
        """Whether the request names a host that this page can have.

        A stranger's page can point a name of its own at this machine and would then be "the same origin" (DNS
        rebinding). It can't do so with a bare address, with localhost, or with the name the operator gave.
        """
        try:
            named = urlsplit(f"//{_host(visit)}").hostname or ""
            is_ours = named in ("localhost", urlsplit(self._public).hostname) or named.endswith(".localhost")
            return is_ours or bool(ipaddress.ip_address(named))
        except ValueError:  # neither a name that is ours nor an address
            return False

    def is_own_page(self, visit: HTTPConnection) -> bool:
        """Whether a WebSocket was opened by our page: browsers let any page open one, and say which it was."""
        origin = visit.headers.get("origin", "").lower()
        if not origin:
            return False
        return origin == self._public or origin in (f"http://{_host(visit)}", f"https://{_host(visit)}")

    def _token(self, visit: HTTPConnection) -> str | None:
        token = visit.cookies.get(self._cookie, "")
        return token if _TOKEN.fullmatch(token) else None


def _host(visit: HTTPConnection) -> str:
    return visit.headers.get("host", "").lower()


def _origin(url: str) -> str:
    """The origin of *url* as browsers write it: without the scheme's own port."""
    parts = urlsplit(url.lower())
    port = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return f"{parts.scheme}://{parts.netloc.removesuffix(port)}" if parts.netloc else ""
