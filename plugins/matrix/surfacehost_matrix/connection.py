"""How requests leave this machine: whom TLS trusts, and through which proxy."""

from urllib.parse import quote, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp.connector import NEEDS_CLEANUP_CLOSED

from surfacehost import Refused, trust
from surfacehost_matrix.settings import MatrixSettings


def session(settings: MatrixSettings, url: str) -> aiohttp.ClientSession:
    """A session for requests to *url*. Raises Refused for a ``ca_file`` that can't be used."""
    try:
        context = trust(settings.ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise Refused(f"ca_file {settings.ca_file} can't be used: {error}") from error
    # A broken off TLS connection waits for the other side's goodbye; on some Pythons for ever, if nobody ends it.
    connector = aiohttp.TCPConnector(ssl=context, enable_cleanup_closed=NEEDS_CLEANUP_CLOSED)
    # Not ``trust_env``: it would take a name and password for the homeserver out of ~/.netrc as well.
    return aiohttp.ClientSession(connector=connector, proxy=_proxy(settings, url))


def _proxy(settings: MatrixSettings, url: str) -> str | None:
    """The proxy of the settings; else that of HTTPS_PROXY or HTTP_PROXY, unless NO_PROXY names the host of *url*.

    Whom the proxy knows us by stands in it, as in the environment.
    """
    if settings.proxy:
        secret = settings.proxy_auth.get_secret_value() if settings.proxy_auth else ""
        user, _, password = secret.partition(":")
        known_by = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
        return settings.proxy.replace("://", f"://{known_by}", 1)
    target = urlsplit(url)
    named = getproxies().get(target.scheme, "")
    if not named or proxy_bypass(target.hostname or ""):
        return None
    named = named if "://" in named else f"http://{named}"
    if (scheme := urlsplit(named).scheme) not in ("http", "https"):
        raise Refused(f"a {scheme} proxy stands in the environment; only http and https proxies work")
    return named
