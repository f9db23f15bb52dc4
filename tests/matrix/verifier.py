"""An owner's client while it verifies a bot by emoji, written after the specification with vodozemac alone."""

import base64
import hashlib
import json
import time
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any
from uuid import uuid4

import vodozemac
from tests.matrix.secretperson import SecretPerson

from surfacehost_devkit.homeserver import Account
from surfacehost_devkit.matrixapi import MatrixApi
from surfacehost_matrix.identity.sas import EMOJI
from surfacehost_matrix.identity.seeds import Seeds

KIND = "m.key.verification."
START = {
    "method": "m.sas.v1",
    "key_agreement_protocols": ["curve25519-hkdf-sha256"],
    "hashes": ["sha256"],
    "message_authentication_codes": ["hkdf-hmac-sha256.v2", "hkdf-hmac-sha256"],
    "short_authentication_string": ["decimal", "emoji"],
}


class Verifier:
    """Carol's client while she verifies the bot, in *room* or from device to device."""

    def __init__(self, carol: SecretPerson, bot: Account, device: str, room: str = "") -> None:
        self.carol, self.bot, self.device, self.room = carol, bot, device, room
        self.id = uuid4().hex
        self.sas = vodozemac.Sas()
        self.me = f"ed25519:{carol.nio.device_id}"

    async def request(self, **more: object) -> Mapping[str, Any]:
        content: dict[str, Any] = {
            "from_device": self.carol.nio.device_id,
            "methods": ["m.sas.v1", "m.qr_code.show.v1"],
            **more,
        }
        if self.room:
            request = {"msgtype": KIND + "request", "body": "verify me", "to": self.bot.user_id, **content}
            self.id = await self.carol.send(self.room, "", "m.room.message", **request)
        else:
            await self.send("request", content | {"timestamp": int(time.time() * 1000)})
        return await self.hears("ready")

    async def compare(self) -> tuple[vodozemac.EstablishedSas, str]:
        """From start to the emoji, as her client shows them."""
        start = {**START, "from_device": self.carol.nio.device_id, **self.relation()}
        await self.send("start", start)
        accept = await self.hears("accept")
        await self.send("key", {"key": self.sas.public_key.to_base64()})
        theirs = (await self.hears("key"))["key"]
        canonical = json.dumps(start, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        digest = hashlib.sha256((theirs + canonical).encode()).digest()
        assert base64.b64encode(digest).decode().rstrip("=") == accept["commitment"]
        assert accept["message_authentication_code"] == "hkdf-hmac-sha256.v2"
        agreed = self.sas.diffie_hellman(vodozemac.Curve25519PublicKey.from_base64(theirs))
        ours = f"{self.carol.user_id}|{self.carol.nio.device_id}|{self.sas.public_key.to_base64()}"
        info = f"MATRIX_KEY_VERIFICATION_SAS|{ours}|{self.bot.user_id}|{self.device}|{theirs}|{self.id}"
        shown = [EMOJI[index] for index in agreed.bytes(info).emoji_indices]
        return agreed, " · ".join(f"{symbol} {name}" for symbol, name in shown)

    def mac(self, agreed: vodozemac.EstablishedSas, keys: Mapping[str, str]) -> dict[str, Any]:
        info = "MATRIX_KEY_VERIFICATION_MAC" + self.carol.user_id + str(self.carol.nio.device_id)
        info += self.bot.user_id + self.device + self.id
        return {
            "mac": {name: agreed.calculate_mac(key, info + name) for name, key in keys.items()},
            "keys": agreed.calculate_mac(",".join(sorted(keys)), info + "KEY_IDS"),
        }

    def verify(self, agreed: vodozemac.EstablishedSas, mac: Mapping[str, Any], keys: Mapping[str, str]) -> None:
        info = "MATRIX_KEY_VERIFICATION_MAC" + self.bot.user_id + self.device
        info += self.carol.user_id + str(self.carol.nio.device_id) + self.id
        assert set(mac["mac"]) == set(keys)
        for name, key in keys.items():
            agreed.verify_mac(key, info + name, mac["mac"][name])
        agreed.verify_mac(",".join(sorted(keys)), info + "KEY_IDS", mac["keys"])

    def relation(self) -> dict[str, Any]:
        if self.room:
            return {"m.relates_to": {"rel_type": "m.reference", "event_id": self.id}}
        return {"transaction_id": self.id}

    async def send(self, kind: str, content: Mapping[str, Any]) -> None:
        if self.room:
            await self.carol.send(self.room, "", KIND + kind, **{**content, **self.relation()})
        else:
            body = {"messages": {self.bot.user_id: {self.device: {**content, **self.relation()}}}}
            async with aclosing(MatrixApi(self.carol.nio.homeserver, self.carol.nio.access_token)) as api:
                await api.call("PUT", "sendToDevice", KIND + kind, uuid4().hex, json=body)

    async def hears(self, kind: str) -> dict[str, Any]:
        await self.carol.until(lambda: self.heard(kind))
        return self.heard(kind)[0]

    def heard(self, kind: str) -> list[dict[str, Any]]:
        """What the bot has sent of a kind, the way it was asked."""
        sources = [event.source for event in self.carol.seen_in[self.room]] if self.room else self.carol.told
        return [
            source["content"]
            for source in sources
            if source["type"] == KIND + kind
            and source["sender"] == self.bot.user_id
            and self.is_ours(source["content"])
        ]

    def is_ours(self, content: Mapping[str, Any]) -> bool:
        return self.id in (content.get("transaction_id"), content.get("m.relates_to", {}).get("event_id"))


async def cross_sign(carol: SecretPerson) -> Seeds:
    """Publish signing keys for her account."""
    seeds = Seeds.make()
    async with aclosing(MatrixApi(carol.nio.homeserver, carol.nio.access_token)) as api:
        await api.call("POST", "keys", "device_signing", "upload", json=seeds.published(carol.user_id))
    return seeds
