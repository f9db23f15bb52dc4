"""The account's three signing keys, and what is signed with them.

Client-server specification, "Cross-signing": the master key stands for the account and signs the other two; the
self-signing key signs the account's devices, the user-signing key the master keys of people it has verified.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import vodozemac
from Crypto.Cipher import AES
from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa

from surfacehost_matrix.private import write_private

FILE = "identity"
"""In the folder of the keys."""
USAGES = ("master", "self_signing", "user_signing")
"""In the order in which they are published."""

Signed = dict[str, Any]


def to_base64(data: bytes) -> str:
    """Unpadded base64, as Matrix writes it."""
    return base64.b64encode(data).decode().rstrip("=")


def from_base64(text: str) -> bytes:
    """What *text* stands for, padded or not. Raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def canonical(value: Mapping[str, Any]) -> bytes:
    """*value* as everybody writes it the same (specification, appendices, "Canonical JSON")."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def unsigned(value: Mapping[str, Any]) -> Signed:
    """What of *value* is signed (appendices, "Signing JSON")."""
    return {key: item for key, item in value.items() if key not in ("signatures", "unsigned")}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key."""

    seed: bytes = field(repr=False)

    @classmethod
    def make(cls) -> Self:
        """A new one."""
        return cls(secrets.token_bytes(32))

    @property
    def public(self) -> str:
        """The public key, which is its name as well."""
        return to_base64(self._key.public_key().export_key(format="raw"))

    def sign(self, user_id: str, value: Mapping[str, Any]) -> Signed:
        """*value* with our signature alone, as the key of *user_id*."""
        bare = unsigned(value)
        signature = to_base64(eddsa.new(self._key, "rfc8032").sign(canonical(bare)))
        return {**bare, "signatures": {user_id: {f"ed25519:{self.public}": signature}}}

    @property
    def _key(self) -> ECC.EccKey:
        return ECC.construct(curve="Ed25519", seed=self.seed)


@dataclass(frozen=True, slots=True)
class Seeds:
    """The three keys of one account."""

    master: SigningKey
    self_signing: SigningKey
    user_signing: SigningKey

    @classmethod
    def make(cls) -> Self:
        """New ones."""
        return cls(SigningKey.make(), SigningKey.make(), SigningKey.make())

    @classmethod
    def load(cls, folder: Path, secret: str) -> Self | None:
        """What ``save`` has written; None where there is nothing. Raises ValueError when it can't be read."""
        try:
            kept = json.loads((folder / FILE).read_text())
        except FileNotFoundError:
            return None
        try:
            cipher = AES.new(_key_of(secret), AES.MODE_GCM, nonce=from_base64(kept["nonce"]))
            clear = cipher.decrypt_and_verify(from_base64(kept["sealed"]), from_base64(kept["tag"]))
            seeds = json.loads(clear)
            return cls(*(SigningKey(from_base64(seeds[usage])) for usage in USAGES))
        except (KeyError, TypeError) as error:
            raise ValueError(f"{folder / FILE} is damaged") from error

    def save(self, folder: Path, secret: str) -> None:
        """Write them into *folder*, sealed with the *secret* of the store of keys. Raises OSError."""
        cipher = AES.new(_key_of(secret), AES.MODE_GCM)
        clear = json.dumps({usage: to_base64(key.seed) for usage, key in self.by_usage().items()})
        sealed, tag = cipher.encrypt_and_digest(clear.encode())
        parts = {"nonce": cipher.nonce, "sealed": sealed, "tag": tag}
        write_private(folder / FILE, json.dumps({name: to_base64(part) for name, part in parts.items()}))

    def by_usage(self) -> dict[str, SigningKey]:
        """The keys by what they are for."""
        return {"master": self.master, "self_signing": self.self_signing, "user_signing": self.user_signing}

    def published(self, user_id: str) -> dict[str, Signed]:
        """The body of ``POST /keys/device_signing/upload``."""
        described = {
            usage: {"user_id": user_id, "usage": [usage], "keys": {f"ed25519:{key.public}": key.public}}
            for usage, key in self.by_usage().items()
        }
        return {
            f"{usage}_key": body if usage == "master" else self.master.sign(user_id, body)
            for usage, body in described.items()
        }


def public_key(published: Mapping[str, Any]) -> str | None:
    """The public key in a cross-signing key as the server shows it: it has exactly one."""
    keys = published.get("keys")
    values = list(keys.values()) if isinstance(keys, Mapping) else []
    return values[0] if len(values) == 1 and isinstance(values[0], str) else None


def is_signed(value: Mapping[str, Any], user_id: str, key: str) -> bool:
    """Whether *value* bears a valid signature of *user_id* by the public key *key*."""
    try:
        signature = value["signatures"][user_id][f"ed25519:{key}"]
        vodozemac.Ed25519PublicKey.from_base64(key).verify_signature(
            canonical(unsigned(value)), vodozemac.Ed25519Signature.from_base64(signature)
        )
    except (KeyError, TypeError, ValueError):  # vodozemac's are ValueErrors
        return False
    return True


def _key_of(secret: str) -> bytes:
    return hashlib.sha256(b"surfacehost identity\0" + secret.encode()).digest()
