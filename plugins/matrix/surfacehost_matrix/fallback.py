"""The key that is left when all one-time keys are used up: who begins to write to us then still gets one.

Client-server specification, "One-time and fallback keys". nio offers none. The homeserver hands it out again and
again, and tells in every sync whether it has one that nobody was given yet. Where it has none a new one is made; of the
earlier ones ``vodozemac`` keeps the last, so that what was begun with it can still be read.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from nio import KeysUploadResponse  # type: ignore[import-untyped]  # nio ships no type marker

ALGORITHM = "signed_curve25519"
PAUSE_S = 600
"""Seconds between two offers, unless the homeserver has told in between that it has the last one: not every homeserver
that speaks of these keys keeps them, and each new key costs the last but one."""


class FallbackKey:
    """What one device offers, and whether it is time to."""

    def __init__(self, olm: Any) -> None:  # noqa: ANN401 - nio's machine, untyped
        self._olm = olm
        self._is_wanted = False
        self._not_before = 0.0
        self._offer = self._signed()
        """What is on the disk and not yet taken. Kept here, since nio has any other upload count for this one."""

    def told(self, unused: object) -> None:
        """A sync says of which algorithms the homeserver has an *unused* key; no list: it knows no such keys."""
        is_there = isinstance(unused, list) and ALGORITHM in unused
        self._is_wanted = isinstance(unused, list) and not is_there
        if is_there:
            self._not_before = 0.0
            self._offer = {}
            if self._account.fallback_key:  # it has arrived, and the answer has not
                self._account.mark_keys_as_published()
                self._olm.save_account()

    @property
    def is_due(self) -> bool:
        """Whether the homeserver wants one; it has to know the device before."""
        return self._is_wanted and bool(self._olm.account.shared) and time.monotonic() >= self._not_before

    async def offer(self, upload: Callable[[dict[str, Any]], Awaitable[Any]]) -> Any:  # noqa: ANN401 - nio's response
        """Offer one by *upload*; the homeserver's answer, which may be a refusal.

        It is on the disk before it leaves: nobody may be given a key that a crash can take from us. One that is there
        and was not taken is offered again.
        """
        if not self._offer:
            if not self._account.fallback_key:
                self._account.generate_fallback_key()
            self._olm.save_account()
            self._offer = self._signed()
        self._not_before = time.monotonic() + PAUSE_S
        answer = await upload({"fallback_keys": self._offer})
        if isinstance(answer, KeysUploadResponse):  # with which nio has taken note that it is published
            self._is_wanted = False
            self._offer = {}
        return answer

    def _signed(self) -> dict[str, Any]:
        return {f"{ALGORITHM}:{name}": self._sign(key) for name, key in self._account.fallback_key.items()}

    def _sign(self, key: Any) -> dict[str, Any]:  # noqa: ANN401 - a Curve25519PublicKey
        signed = {"key": key.to_base64(), "fallback": True}
        signature = self._olm.sign_json(signed)
        return signed | {"signatures": {self._olm.user_id: {f"ed25519:{self._olm.device_id}": signature}}}

    @property
    def _account(self) -> Any:  # noqa: ANN401 - a vodozemac.Account
        return self._olm.account._account  # noqa: SLF001 - nio's own has nothing for these keys
