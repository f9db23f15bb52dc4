"""Short authentication strings: our side of one comparison of seven emoji, started by the other side. Pure.

Client-server specification, "Short Authentication String (SAS) verification". nio has the same in a way that no other
client understands: its commitment is in hexadecimal, its MAC bears the name of another one, its emoji are others.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import vodozemac
from nio.crypto import Sas as NioSas  # type: ignore[import-untyped]  # nio ships no type marker

from surfacehost_matrix.identity.seeds import canonical, to_base64

METHOD = "m.sas.v1"
AGREEMENT, HASH = "curve25519-hkdf-sha256", "sha256"
MACS = ("hkdf-hmac-sha256.v2", "hkdf-hmac-sha256")
"""What we can do, best first; the second one has base64 that a bug of an old library made part of the standard."""

EMOJI: tuple[tuple[str, str], ...] = tuple(NioSas.emoji)
"""The table of the specification."""


class Broken(Exception):
    """The other side does something that ends the verification; the code is what it is told."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Party:
    """A device that takes part, with what it vouches for."""

    user_id: str
    device_id: str
    keys: Mapping[str, str]
    """Public keys by key id: the device's own, and the master key of its owner."""


class Comparison:
    """From the other side's ``start`` on: ``accept``, ``exchange``, then ``check`` and ``vouch``."""

    def __init__(self, transaction: str, us: Party, them: Party) -> None:
        self._transaction = transaction
        self._us = us
        self._them = them
        self._sas = vodozemac.Sas()
        self._mac = ""
        self._agreed: vodozemac.EstablishedSas | None = None

    def accept(self, start: Mapping[str, Any]) -> dict[str, Any]:
        """Our ``accept`` for the content of their ``start``. Raises Broken when we have nothing in common."""
        macs = [mac for mac in MACS if mac in _listed(start, "message_authentication_codes")]
        strings = [string for string in ("decimal", "emoji") if string in _listed(start, "short_authentication_string")]
        if (
            start.get("method") != METHOD
            or AGREEMENT not in _listed(start, "key_agreement_protocols")
            or HASH not in _listed(start, "hashes")
            or not macs
            or "emoji" not in strings
        ):
            raise Broken("m.unknown_method", "There is no way of verifying that both know")
        self._mac = macs[0]
        # The whole of their content is committed to, also what we don't know.
        whole = self._sas.public_key.to_base64().encode() + canonical(start)
        return {
            "key_agreement_protocol": AGREEMENT,
            "hash": HASH,
            "message_authentication_code": self._mac,
            "short_authentication_string": strings,
            "commitment": to_base64(hashlib.sha256(whole).digest()),
        }

    def exchange(self, their_key: object) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """Our ``key`` for theirs, and the emoji that both should now see. Raises Broken."""
        if not self._mac or self._agreed or not isinstance(their_key, str):
            raise Broken("m.unexpected_message", "A key is not due")
        try:
            self._agreed = self._sas.diffie_hellman(vodozemac.Curve25519PublicKey.from_base64(their_key))
        except ValueError as error:
            raise Broken("m.invalid_message", "The key is none") from error
        ours = self._sas.public_key.to_base64()
        info = "|".join(
            (
                "MATRIX_KEY_VERIFICATION_SAS",
                *(self._them.user_id, self._them.device_id, their_key),
                *(self._us.user_id, self._us.device_id, ours),
                self._transaction,
            )
        )
        shown = [EMOJI[index] for index in self._agreed.bytes(info).emoji_indices]
        return {"key": ours}, shown

    def check(self, mac: Mapping[str, Any]) -> frozenset[str]:
        """The key ids that their ``mac`` vouches for: their word that the emoji are the same. Raises Broken."""
        if self._agreed is None:
            raise Broken("m.unexpected_message", "A mac is not due")
        macs = mac.get("mac")
        if not isinstance(macs, Mapping) or not all(isinstance(key, str) for key in macs):
            raise Broken("m.invalid_message", "The mac is none")
        names = ",".join(sorted(macs))
        if self._mac_of(names, "KEY_IDS", self._them, self._us) != mac.get("keys"):
            raise Broken("m.key_mismatch", "The keys are not those that were to be verified")
        known = frozenset(macs) & frozenset(self._them.keys)
        for name in known:
            if self._mac_of(self._them.keys[name], name, self._them, self._us) != macs[name]:
                raise Broken("m.key_mismatch", f"{name} is not the key that was to be verified")
        if f"ed25519:{self._them.device_id}" not in known:
            raise Broken("m.key_mismatch", "The device does not vouch for itself")
        return known

    def vouch(self) -> dict[str, Any]:
        """Our ``mac``: we say the same of our keys."""
        names = sorted(self._us.keys)
        return {
            "mac": {name: self._mac_of(self._us.keys[name], name, self._us, self._them) for name in names},
            "keys": self._mac_of(",".join(names), "KEY_IDS", self._us, self._them),
        }

    def _mac_of(self, text: str, name: str, by: Party, to: Party) -> str:
        assert self._agreed is not None  # noqa: S101 - the callers see to it
        info = f"MATRIX_KEY_VERIFICATION_MAC{by.user_id}{by.device_id}{to.user_id}{to.device_id}"
        info += f"{self._transaction}{name}"
        if self._mac == MACS[0]:
            return self._agreed.calculate_mac(text, info)
        return self._agreed.calculate_mac_invalid_base64(text, info)


def _listed(start: Mapping[str, Any], name: str) -> list[Any]:
    value = start.get(name)
    return value if isinstance(value, list) else []
