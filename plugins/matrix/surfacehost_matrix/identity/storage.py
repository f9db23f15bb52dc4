"""Secret storage: the seeds in the account's own data, readable with the recovery key alone, by any client.

Client-server specification, "Secret storage", the algorithm ``m.secret_storage.v1.aes-hmac-sha2``.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any

from Crypto.Cipher import AES

from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.identity.seeds import USAGES, Seeds, SigningKey, from_base64, to_base64

ALGORITHM = "m.secret_storage.v1.aes-hmac-sha2"
DEFAULT, KEY, SECRET = "m.secret_storage.default_key", "m.secret_storage.key.", "m.cross_signing."

Sealed = dict[str, str]


def key_id(key: bytes) -> str:
    """What we call *key* in the account's data: always the same, so that a repeat writes the same."""
    return hashlib.sha256(b"surfacehost recovery key\0" + key).hexdigest()[:32]


def describe(key: bytes) -> dict[str, Any]:
    """What the account's data say of *key*: enough to tell whether somebody has it."""
    check = seal(key, "", b"\0" * 32)
    return {"algorithm": ALGORITHM, "name": "surfacehost", "iv": check["iv"], "mac": check["mac"]}


def is_described(key: bytes, description: Mapping[str, Any]) -> bool:
    """Whether *key* is the one that *description* is of."""
    if description.get("algorithm") != ALGORITHM:
        return False
    if "mac" not in description:  # which the specification allows: then nothing can be said beforehand
        return True
    try:
        iv, mac = from_base64(description["iv"]), from_base64(description["mac"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return False
    return hmac.compare_digest(from_base64(_seal(key, "", b"\0" * 32, iv)["mac"]), mac)


def seal(key: bytes, name: str, clear: bytes) -> Sealed:
    """The secret *name* encrypted with *key*."""
    iv = bytearray(secrets.token_bytes(16))
    iv[8] &= 0x7F  # bit 63, which some implementations of AES-CTR can't carry over
    return _seal(key, name, clear, bytes(iv))


def unseal(key: bytes, name: str, sealed: Mapping[str, Any]) -> bytes:
    """What was sealed as the secret *name*. Raises ValueError when it was not, or with another key."""
    try:
        iv, ciphertext, mac = (from_base64(sealed[part]) for part in ("iv", "ciphertext", "mac"))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the secret {name} is damaged") from error
    aes_key, mac_key = _keys(key, name)
    if not hmac.compare_digest(hmac.digest(mac_key, ciphertext, "sha256"), mac):
        raise ValueError(f"the secret {name} was not sealed with this key")
    return _ctr(aes_key, ciphertext, iv)


class SecretStorage:
    """The account's secret storage on its homeserver. Calls raise NotReady and Declined."""

    def __init__(self, homeserver: Homeserver) -> None:
        self._homeserver = homeserver

    async def default_key(self) -> str | None:
        """Id of the key that clients use; None when the account has no secret storage."""
        named = (await self._read(DEFAULT) or {}).get("key")
        return str(named) if named else None

    async def keep(self, key: bytes, seeds: Seeds) -> None:
        """Store *seeds* under *key*, and name it the key that clients use, last: then all of it is there."""
        name = key_id(key)
        if not is_described(key, await self._read(KEY + name) or {}):
            await self._write(KEY + name, describe(key))
        for usage, signing in seeds.by_usage().items():
            sealed = seal(key, SECRET + usage, to_base64(signing.seed).encode())
            await self._write(SECRET + usage, {"encrypted": {name: sealed}})
        await self._write(DEFAULT, {"key": name})

    async def find(self, key: bytes) -> Seeds:
        """The seeds that were stored under *key*, by whichever client. Raises ValueError when they are not there."""
        name = await self.default_key()
        if name is None or not is_described(key, await self._read(KEY + name) or {}):
            raise ValueError("the account's secret storage has another key")
        found = []
        for usage in USAGES:
            stored = (await self._read(SECRET + usage) or {}).get("encrypted")
            if not isinstance(stored, Mapping) or name not in stored:
                raise ValueError(f"the account's secret storage does not hold {SECRET}{usage}")
            seed = from_base64(unseal(key, SECRET + usage, stored[name]).decode())
            if len(seed) != 32:
                raise ValueError(f"{SECRET}{usage} is no key")
            found.append(SigningKey(seed))
        return Seeds(*found)

    async def _read(self, kind: str) -> dict[str, Any] | None:
        try:
            return await self._homeserver.call("GET", "user", self._homeserver.user_id, "account_data", kind)
        except Declined as refusal:
            if refusal.errcode == "M_NOT_FOUND":
                return None
            raise

    async def _write(self, kind: str, content: Mapping[str, Any]) -> None:
        await self._homeserver.call("PUT", "user", self._homeserver.user_id, "account_data", kind, body=content)


def _seal(key: bytes, name: str, clear: bytes, iv: bytes) -> Sealed:
    aes_key, mac_key = _keys(key, name)
    ciphertext = _ctr(aes_key, clear, iv)
    mac = hmac.digest(mac_key, ciphertext, "sha256")
    return {"iv": to_base64(iv), "ciphertext": to_base64(ciphertext), "mac": to_base64(mac)}


def _keys(key: bytes, name: str) -> tuple[bytes, bytes]:
    """For encrypting and for the check: HKDF-SHA-256 (RFC 5869) with an empty salt and the secret's name."""
    root, info = hmac.digest(b"\0" * 32, key, "sha256"), name.encode()
    aes_key = hmac.digest(root, info + b"\x01", "sha256")
    return aes_key, hmac.digest(root, aes_key + info + b"\x02", "sha256")


def _ctr(key: bytes, data: bytes, iv: bytes) -> bytes:
    """AES-256-CTR, which is the same in both directions."""
    return AES.new(key, AES.MODE_CTR, nonce=b"", initial_value=int.from_bytes(iv)).encrypt(data)
