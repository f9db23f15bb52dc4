"""Which URLs the server accepts in a link, and how it writes them.

Source of the rules: TDLib, `LinkManager::check_link` and `parse_url`.
"""

import ipaddress
import re

_TG = re.compile(r"(tg|tonsite|ton):(?://)?", re.IGNORECASE)
_PROTOCOL = re.compile(r"([^:/?#@\[\]]*)://")
_HOST_PART = re.compile(r"(?:[A-Za-z0-9.\-_!$,~*'();&+=]|%[0-9A-Fa-f]{2}|[^\x00-\x7f])*")
_USERINFO_PART = re.compile(r"(?:[A-Za-z0-9.\-_!$,~*'();&+=:]|%[0-9A-Fa-f]{2}|[^\x00-\x7f])*")
_USER_LINK = re.compile(r"tg:(?://)?user\?(?:.*&)?id=(\d+)", re.IGNORECASE)


class BadUrlError(ValueError):
    """The server refuses this URL for this reason."""


def user_of(url: str) -> int | None:
    """The user id in a `tg://user?id=…` link; such a link is a mention."""
    found = _USER_LINK.match(url)
    return int(found.group(1)) if found and int(found.group(1)) else None


def checked(url: str) -> str:
    """The URL as the server stores it; BadUrlError with the server's reason otherwise."""
    special = _TG.match(url)
    if special:
        return _checked_special(special.group(1).lower(), url[special.end() :])
    scheme, userinfo, host, port, rest = _split(url)
    if "." not in host and not host.startswith("["):
        raise BadUrlError("Wrong HTTP URL")
    login = f"{userinfo}@" if userinfo else ""
    return f"{scheme}://{login}{host}{f':{port}' if port else ''}{rest}"


def accepted(url: str) -> str | None:
    """The URL as the server stores it, or None."""
    try:
        return checked(url)
    except BadUrlError:
        return None


def _checked_special(scheme: str, rest: str) -> str:
    protocol, userinfo, host, port, query = _split(rest)
    if rest.lower().startswith("http://") or protocol == "https" or userinfo or port or host.startswith("["):
        raise BadUrlError("Wrong tg URL" if scheme == "tg" else "Wrong ton URL")
    allowed = r"[A-Za-z0-9_.-]*" if scheme == "tonsite" else r"[A-Za-z0-9_-]*"
    if not re.fullmatch(allowed, host):
        raise BadUrlError("Unallowed characters in URL host")
    return f"{scheme}://{host}{query[1:] if query.startswith('/?') else query}"


def _split(url: str) -> tuple[str, str, str, int, str]:
    scheme, rest = "http", url
    protocol = _PROTOCOL.match(url)
    if protocol:
        scheme, rest = protocol.group(1).lower(), url[protocol.end() :]
        if scheme not in {"http", "https"}:
            raise BadUrlError("Unsupported URL protocol")
    end = min((at for at in (rest.find(mark) for mark in "/?#") if at >= 0), default=len(rest))
    userinfo, host, port = _authority(rest[:end])
    return scheme, userinfo, host, port, _query(rest[end:])


def _authority(text: str) -> tuple[str, str, int]:
    port, head = 0, text
    colon = text.rfind(":")
    if colon > 0 and colon > text.rfind("]") and colon > text.rfind("@"):
        digits = text[colon + 1 :]
        if not re.fullmatch(r"\d+", digits) or not 0 < int(digits) <= 65535:
            raise BadUrlError("Wrong port number specified in the URL")
        head, port = text[:colon], int(digits)
    userinfo, _, host = head.rpartition("@")
    if not host:
        raise BadUrlError("URL host is empty")
    if host == ".":
        raise BadUrlError("Host is invalid")
    if host.startswith("[") and host.endswith("]"):
        _check_ipv6(host[1:-1])
    else:
        _check_part(_HOST_PART, host, "host")
        _check_part(_USERINFO_PART, userinfo, "userinfo")
    return userinfo, _lower_ascii(host), port


def _check_ipv6(text: str) -> None:
    try:
        ipaddress.IPv6Address(text)
    except ValueError as wrong:
        raise BadUrlError("Wrong IPv6 address specified in the URL") from wrong


def _check_part(allowed: re.Pattern[str], part: str, name: str) -> None:
    good = allowed.match(part)
    end = good.end() if good else 0
    if end == len(part):
        return
    if part[end] == "%":
        raise BadUrlError(f"Wrong percent-encoded symbol in URL {name}")
    raise BadUrlError(f"Disallowed character in URL {name}")


def _lower_ascii(text: str) -> str:
    return "".join(sign.lower() if sign.isascii() else sign for sign in text)


def _query(text: str) -> str:
    text = text.rstrip(" \t\n\r\0\v") or "/"
    if not text.startswith("/"):
        text = "/" + text
    return "".join(f"%{ord(sign):02X}" if ord(sign) <= 0x20 else sign for sign in text)
