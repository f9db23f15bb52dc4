"""Verifying the bot by emoji: the person's side is written here after the specification, with vodozemac alone."""

import base64
import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest
import vodozemac
from tests.matrix.conftest import MakeHost, MakePerson
from tests.matrix.secretperson import SecretPerson
from tests.matrix.smallhost import SmallHost, direct_chat, settings_of

from surfacehost import Finding, NotReady
from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.matrixapi import MatrixApi
from surfacehost_devkit.matrixperson import login
from surfacehost_matrix import MatrixSettings, sync
from surfacehost_matrix.device import Login
from surfacehost_matrix.homeserver import Homeserver as Connection
from surfacehost_matrix.identity.sas import EMOJI, Comparison
from surfacehost_matrix.identity.seeds import Seeds, is_signed
from surfacehost_matrix.identity.verification import Step, read_step
from surfacehost_matrix.trust import state_of_trust

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

    async def request(self) -> Mapping[str, Any]:
        content = {"from_device": self.carol.nio.device_id, "methods": ["m.sas.v1", "m.qr_code.show.v1"]}
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
            api = MatrixApi(self.carol.nio.homeserver, self.carol.nio.access_token)
            body = {"messages": {self.bot.user_id: {self.device: {**content, **self.relation()}}}}
            await api.call("PUT", "sendToDevice", KIND + kind, uuid4().hex, json=body)
            await api.aclose()

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
    seeds = Seeds.make()
    api = MatrixApi(carol.nio.homeserver, carol.nio.access_token)
    await api.call("POST", "keys", "device_signing", "upload", json=seeds.published(carol.user_id))
    await api.aclose()
    return seeds


async def of_bot(homeserver: Homeserver, bot: Account, *users: str) -> dict[str, Any]:
    """What the homeserver shows the bot of people's keys."""
    account = await login(homeserver.url, bot.user_id, bot.password)
    api = MatrixApi(homeserver.url, account.access_token)
    answer = await api.call("POST", "keys", "query", json={"device_keys": {user: [] for user in users}})
    await api.aclose()
    return dict(answer)


async def told(host: SmallHost, settings: MatrixSettings, folder: Path) -> list[Finding]:
    """The state of trust, asked beside the host that runs."""
    login = Login(**host.memory.values["login"])
    async with Connection(settings.model_copy(update={"encryption": False}), folder / "crypto") as connection:
        return await state_of_trust(connection, login, settings, host.memory, folder)


def shake(monkeypatch: pytest.MonkeyPatch) -> None:
    """What encryption needs after a sync fails once: after the sync that brings the first step."""
    steps: list[Step] = []
    heard = Connection.heard

    def read(*args: Any, **more: Any) -> Step | None:
        step = read_step(*args, **more)
        steps.extend([step] if step else [])
        return step

    async def stumble(connection: Connection) -> None:
        if steps:
            monkeypatch.undo()
            raise NotReady("no keys can be published now")
        await heard(connection)

    monkeypatch.setattr(sync, "read_step", read)
    monkeypatch.setattr(Connection, "heard", stumble)


@pytest.mark.parametrize("way", ["in the room", "from device to device"])
async def test_both_see_the_same_emoji_and_vouch_for_each_other(
    make: MakeHost,
    carol: SecretPerson,
    bot: Account,
    homeserver: Homeserver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    seeds = await cross_sign(carol)
    async with make(owners=[carol.user_id]) as host:
        room = await carol.chat_with(bot.user_id)
        await carol.hears("hello")
        device = host.memory.values["login"]["device_id"]
        side = Verifier(carol, bot, device, room if way == "in the room" else "")
        shake(monkeypatch)
        ready = await side.request()
        assert (ready["from_device"], ready["methods"]) == (device, ["m.sas.v1"])
        agreed, emoji = await side.compare()
        await carol.hears(emoji)
        assert not side.heard("mac")  # it is she who compares
        mine = {side.me: carol.nio.olm.account.identity_keys["ed25519"]}
        await side.send("mac", side.mac(agreed, mine | {f"ed25519:{seeds.master.public}": seeds.master.public}))
        mac = await side.hears("mac")
        await side.hears("done")
        await side.send("done", {})
        seen = await of_bot(homeserver, bot, carol.user_id, bot.user_id)
        master, signing = (
            next(iter(seen[kind][bot.user_id]["keys"].values())) for kind in ("master_keys", "user_signing_keys")
        )
        keys = seen["device_keys"][bot.user_id][device]["keys"]
        side.verify(agreed, mac, {f"ed25519:{device}": keys[f"ed25519:{device}"], f"ed25519:{master}": master})
        assert is_signed(seen["master_keys"][carol.user_id], bot.user_id, signing)
        found = await told(host, settings_of(homeserver, bot, owners=[carol.user_id]), tmp_path)
        assert [one.level for one in found] == ["ok"] * 6
        assert found[0].what == f"device {device} is signed by its account, whose master key is {master}"
        assert found[1].what == f"the recovery key is in {tmp_path / 'recovery-key'}"
        assert found[2].what == f"verified by {carol.user_id}"
        assert found[5].what == "1 devices of 1 people in encrypted rooms are not signed by their owners"
        await carol.send(room, "and now?")
        await carol.hears("echo: and now?")
    assert [message.text for message in host.messages] == ["and now?"]
    assert [str(error) for error in host.down] == ["no keys can be published now"]


async def test_what_does_not_fit_is_cancelled_and_strangers_are_not_answered(
    make: MakeHost,
    carol: SecretPerson,
    bot: Account,
    person: MakePerson,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with make(owners=[carol.user_id]) as host:
        room = await carol.chat_with(bot.user_id)
        await carol.hears("hello")
        device = host.memory.values["login"]["device_id"]

        async def cancelled(side: Verifier) -> str:
            return str((await side.hears("cancel"))["code"])

        early = Verifier(carol, bot, device)  # by a clock of hers, or of ours, that is wrong: the operator is told
        asks = {"from_device": carol.nio.device_id, "methods": ["m.sas.v1"]}
        await early.send("request", asks | {"timestamp": int((time.time() - 3600) * 1000)})

        unlucky = Verifier(carol, bot, device)  # what nobody has thought of ends this one, and not those that follow
        await unlucky.request()
        with monkeypatch.context() as patch:
            patch.setattr(Comparison, "accept", Mock(side_effect=KeyError("a field that everybody has")))
            await unlucky.send("start", START | {"from_device": carol.nio.device_id})
            assert await cancelled(unlucky) == "org.surfacehost.failure"

        assert "60 minutes ago by this machine's clock" in caplog.text
        assert not early.heard("ready")

        unknown = Verifier(carol, bot, device)
        await unknown.send("key", {"key": "?"})
        assert await cancelled(unknown) == "m.unknown_transaction"

        hasty = Verifier(carol, bot, device)
        await hasty.request()
        await hasty.send("mac", {})
        assert await cancelled(hasty) == "m.unexpected_message"

        other = Verifier(carol, bot, device)
        await other.request()
        await other.send("start", START | {"hashes": ["md5"], "from_device": carol.nio.device_id})
        assert await cancelled(other) == "m.unknown_method"

        garbled = Verifier(carol, bot, device)
        await garbled.request()
        await garbled.send("start", START | {"from_device": carol.nio.device_id})
        await garbled.send("key", {"key": "?"})
        assert await cancelled(garbled) == "m.invalid_message"

        forged = Verifier(carol, bot, device)
        await forged.request()
        agreed, _ = await forged.compare()
        await forged.send("mac", forged.mac(agreed, {forged.me: "A" * 43}))
        assert await cancelled(forged) == "m.key_mismatch"
        assert not forged.heard("mac")

        alice = await person("alice")
        place = await direct_chat(alice, bot)
        request = {"msgtype": KIND + "request", "body": "verify me", "to": bot.user_id, "methods": ["m.sas.v1"]}
        await alice.api.call("PUT", "rooms", place, "send", "m.room.message", "1", json=request | {"from_device": "X"})
        await alice.api.call(
            "PUT", "rooms", place, "send", "m.room.message", "2", json={"msgtype": "m.text", "body": "?"}
        )
        await alice.wait_for(lambda: any(event.body == "echo: ?" for event in alice.seen.events[place]))
        assert not [event for event in alice.seen.events[place] if event.type.startswith(KIND)]
        assert [event.body for event in alice.seen.events[place] if event.sender == bot.user_id][-1] == "echo: ?"
        await carol.send(room, "still there?")
        await carol.hears("echo: still there?")
    assert not host.down
