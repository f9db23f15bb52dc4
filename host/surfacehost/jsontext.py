"""JSON text that any database and any socket takes."""

import json


def dump(value: object) -> str:
    """*value* as compact JSON text. Halves of surrogate pairs are joined; one that is alone becomes U+FFFD."""
    return whole(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def whole(text: str) -> str:
    """*text* without lone surrogates: they can be written in JSON and in Python, but not in UTF-8."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
