"""Codes that people pass on by hand: to be let in, or to show that two chats are theirs."""

import hmac
import secrets
from collections.abc import Iterable

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Without 0, O, 1 and I, which look alike."""

LENGTH = 8
"""Forty bits: with a handful of guesses an hour nobody finds one."""


def new_code() -> str:
    """A code that nobody can foresee."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def found(said: str, codes: Iterable[str]) -> str | None:
    """The one of *codes* that *said* is, however it is written; how long that takes tells nothing of them."""
    meant = said.strip().replace("-", "").upper().encode()
    same = [code for code in codes if hmac.compare_digest(code.encode(), meant)]
    return same[0] if same else None
