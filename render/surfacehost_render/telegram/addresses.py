"""Which addresses Telegram takes in a link: one refused address makes it refuse the whole message."""

import re

_WEB = re.compile(r"https?://([^\s/?#@:\[\]]+)(?::(\d{1,5}))?(?:[/?#][^\s<>\"]*)?", re.IGNORECASE)
_TELEGRAM = re.compile(r"tg://[a-z0-9_-]+(?:[/?#][^\s<>\"]*)?", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_-]{1,63}", re.IGNORECASE)
_LONGEST = 2048


def accepts(url: str) -> bool:
    """Whether Telegram takes the address: http(s) with a dot in the host, or tg:// (TDLib, LinkManager)."""
    if len(url) > _LONGEST:
        return False
    if _TELEGRAM.fullmatch(url):
        return True
    found = _WEB.fullmatch(url)
    if not found:
        return False
    host, port = found.groups()
    labels = host.split(".")
    good_port = port is None or 0 < int(port) < 65536
    return good_port and len(labels) > 1 and all(_LABEL.fullmatch(label) for label in labels)
