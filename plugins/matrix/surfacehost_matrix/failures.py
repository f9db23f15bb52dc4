"""What goes wrong between us and a homeserver, in the words of ``surfacehost.errors``."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import aiohttp

from surfacehost import NotReady, Refused

LONGEST_S = 3600.0
"""After which we ask again, however long a homeserver, or a proxy before it, wants to be left alone."""
_ACCOUNT = {"M_UNKNOWN_TOKEN", "M_MISSING_TOKEN"}
_LOCKED = {"M_USER_DEACTIVATED": "is deactivated", "M_USER_LOCKED": "is locked", "M_USER_SUSPENDED": "is suspended"}


class Declined(Exception):
    """The homeserver refuses this call; asking again gives the same answer."""

    def __init__(self, status: int, errcode: str, said: str) -> None:
        super().__init__(f"{status} {errcode}: {said}")
        self.status = status
        self.errcode = errcode
        self.said = said

    @property
    def logged_out(self) -> bool:
        """Whether it refuses because our access token is worth nothing (any more)."""
        return self.errcode in _ACCOUNT

    def blames_account(self) -> NotReady | Refused | None:
        """What it is to the whole surface, when it is not about this call alone."""
        if self.logged_out:
            return NotReady("the homeserver has ended our session")
        if self.errcode in _LOCKED:
            return Refused(f"the account {_LOCKED[self.errcode]}: {self.said}")
        if self.errcode in ("M_CONSENT_NOT_GIVEN", "M_RESOURCE_LIMIT_EXCEEDED"):
            return NotReady(f"the homeserver serves the account no more: {self.said}")
        return None


class ProofWanted(Declined):
    """The homeserver wants to be shown once more who asks ("User-Interactive Authentication API")."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        super().__init__(401, "", "the homeserver wants the account's password for this")
        self.session = str(told.get("session", ""))
        self.takes_password = {"stages": ["m.login.password"]} in told["flows"]
        """Whether the password alone will do."""


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Turn what the network does to a call to *url* into NotReady.

    Errors are told by class and text, never by ``repr``: aiohttp's holds the request's headers, the token among them.
    """
    try:
        yield
    except TimeoutError as error:
        raise NotReady(f"{url} does not answer in time") from error
    except aiohttp.ClientHttpProxyError as error:
        # Its own text, and so its place in a traceback, holds the proxy's address with name and password.
        said = f"the proxy does not let us through to {url}: {error.status} {error.message}"
        raise NotReady(said) from None
    except aiohttp.ClientConnectorCertificateError as error:
        raise NotReady(
            f"{url} shows a certificate that is not trusted ({error.certificate_error}); "
            "if an authority of your own has signed it, name that authority's file in ca_file"
        ) from error
    except aiohttp.ClientSSLError as error:
        raise NotReady(f"{url} does not speak TLS as it should: {error}") from error
    except (aiohttp.ClientError, OSError) as error:
        raise NotReady(f"{url} can't be reached: {type(error).__name__}: {error}") from error
    except ValueError as error:  # broken JSON, broken UTF-8: a proxy's page, or half an answer
        raise NotReady(f"{url} gives an answer that is no Matrix: {type(error).__name__}") from error


async def read(response: aiohttp.ClientResponse) -> Any:  # noqa: ANN401 - JSON
    """What the body says; None for an error page that is no JSON. Raises ValueError for a success that is none."""
    try:
        return json.loads(await response.read())
    except ValueError:
        if response.ok:
            raise
        return None


def check(url: str, status: int, headers: Mapping[str, str], body: Any) -> None:  # noqa: ANN401 - JSON
    """Raise what an answer that is no success means: NotReady (wait) or Declined (the call is refused)."""
    if 200 <= status < 300:
        return
    told: dict[str, Any] = body if isinstance(body, dict) else {}
    errcode, said = str(told.get("errcode", "")), str(told.get("error", ""))
    if status == 429 or errcode == "M_LIMIT_EXCEEDED":
        raise NotReady("the homeserver limits how often we may ask", retry_after=_delay(told, headers))
    if status == 401 and isinstance(told.get("flows"), list):
        raise ProofWanted(told)
    if (400 <= status < 500 and errcode) or status == 413:  # which a proxy may say by itself
        raise Declined(status, errcode, said)
    if 300 <= status < 400:
        raise NotReady(f"{url} redirects to {headers.get('Location', 'elsewhere')}: is homeserver the right address?")
    # An error that is no Matrix comes from something in between, which may be better soon.
    raise NotReady(f"{url} answers {status} {errcode} {said}".rstrip())


def _delay(told: Mapping[str, Any], headers: Mapping[str, str]) -> float:
    """Seconds to wait: ``retry_after_ms`` or, newer, the header (client-server specification, "Rate limiting").

    Never more than an hour: a pause is kept over restarts, and JSON has numbers as large as infinity.
    """
    if isinstance(milliseconds := told.get("retry_after_ms"), int | float) and milliseconds > 0:
        return min(milliseconds, 1000 * LONGEST_S) / 1000
    try:
        return min(max(0.1, float(headers.get("Retry-After", ""))), LONGEST_S)
    except ValueError:  # absent, or a date
        return 5.0
