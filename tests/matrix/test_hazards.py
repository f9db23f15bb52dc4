"""What any user, or any member of a room, can send to wedge, end, silence or deceive a bot, encrypted or to its device.

docs/matrix-hazards.md lists them all, with the tests that show them harmless; the last test here checks that list.
"""

import asyncio
import base64
import json
import re
from pathlib import Path
from typing import Any

import vodozemac
from tests.matrix.secretperson import SecretPerson

from surfacehost_devkit.homeserver import Account
from surfacehost_devkit.matrixapi import MatrixApi

ROOT = Path(__file__).parents[2]
DEEP = '{"a":' * 5000 + "1" + "}" * 5000


def state(kind: str, content: object, key: str = "") -> str:
    return json.dumps({"type": kind, "state_key": key, "content": content})


def sealed_in(question: str, bot: str, carol: str, owner: str, other_room: str) -> dict[str, str]:
    """What an encrypted event can be found to say."""
    text = {"msgtype": "m.text", "body": "x"}
    return {
        "no JSON": "{",
        "nothing": "",
        "a list": "[1]",
        "a number": "7",
        "no content": '{"type": "m.room.message"}',
        "a list for content": '{"type": "m.room.message", "content": []}',
        "no type": '{"content": {}}',
        "a number for a type": '{"type": 7, "content": {}}',
        "a deep well": f'{{"type": "m.room.message", "content": {{"msgtype": "m.text", "body": "x", "o": {DEEP}}}}}',
        "odd relations": json.dumps({"type": "m.room.message", "content": text | {"m.relates_to": [[]]}}),
        "odd unsigned": json.dumps({"type": "m.room.message", "content": {"msgtype": "m.notice"}, "unsigned": 5}),
        "another sender": json.dumps({"type": "m.room.message", "content": text, "sender": bot}),
        "rights": state("m.room.power_levels", {"users": {carol: 100}}),
        "rights without a key": json.dumps({"type": "m.room.power_levels", "content": {"users": {carol: 100}}}),
        "an owner's command": json.dumps(
            {"type": "m.room.message", "content": text | {"body": "!pair list"}, "sender": owner, "user_id": owner}
        ),
        "our leaving": state("m.room.member", {"membership": "leave"}, bot),
        "a name": state("m.room.name", {"name": "Forged"}),
        "encryption off": state("m.room.encryption", {"algorithm": "none"}),
        "our being put out": state("m.room.member", {"membership": "ban"}, bot),
        "another creation": state("m.room.create", {"creator": bot, "predecessor": {"room_id": other_room}}),
        "a tombstone": state("m.room.tombstone", {"replacement_room": other_room}),
        "taking back what others said": json.dumps(
            {"type": "m.room.redaction", "content": {"redacts": question}, "redacts": question}
        ),
    }


async def seal(carol: SecretPerson, room: str, payload: str) -> dict[str, Any]:
    """*payload* as it is, in an event that decrypts well."""
    olm = carol.nio.olm
    session = olm.outbound_group_sessions[room]
    return {
        "algorithm": "m.megolm.v1.aes-sha2",
        "sender_key": olm.account.identity_keys["curve25519"],
        "ciphertext": session.encrypt(payload),
        "session_id": session.id,
        "device_id": olm.device_id,
    }


def never_offered(bot_key: str) -> dict[str, Any]:
    """A message that begins a session with a one-time key which the bot has not got: valid, and unreadable."""
    other, stranger = vodozemac.Account(), vodozemac.Account()
    other.generate_one_time_keys(1)
    (one_time_key,) = other.one_time_keys.values()
    identity = vodozemac.Curve25519PublicKey.from_base64(bot_key)
    kind, body = stranger.create_outbound_session(identity, one_time_key).encrypt(b"{}").to_parts()
    return {
        "algorithm": "m.olm.v1.curve25519-aes-sha2",
        "sender_key": stranger.curve25519_key.to_base64(),
        "ciphertext": {bot_key: {"type": kind, "body": base64.b64encode(body).decode().rstrip("=")}},
    }


TO_DEVICE: list[tuple[str, dict[str, Any]]] = [
    ("m.room_key", {"algorithm": "m.megolm.v1.aes-sha2", "room_id": "!r", "session_id": "s", "session_key": "AAAA"}),
    ("m.room_key", {}),
    ("m.forwarded_room_key", {"algorithm": "m.megolm.v1.aes-sha2", "forwarding_curve25519_key_chain": 7}),
    ("m.room_key_request", {"action": "request", "body": [], "request_id": "x", "requesting_device_id": "y"}),
    ("m.room_key_request", {"action": "request_cancellation", "request_id": {}, "requesting_device_id": []}),
    ("m.room_key.withheld", {"code": 7}),
    (
        "m.key.verification.request",
        {"methods": "m.sas.v1", "timestamp": "soon", "transaction_id": [], "from_device": 7},
    ),
    ("m.key.verification.request", {"methods": [], "timestamp": 10**400, "transaction_id": "t", "from_device": "x"}),
    ("m.key.verification.start", {"transaction_id": "t", "from_device": "?", "method": "m.sas.v1", "hashes": 7}),
    ("m.key.verification.accept", {"transaction_id": "t"}),
    ("m.key.verification.key", {"transaction_id": "t", "key": "?"}),
    ("m.key.verification.mac", {"transaction_id": "t", "mac": {}, "keys": "?"}),
    ("m.key.verification.cancel", {"transaction_id": "t", "code": [], "reason": {}}),
    ("m.secret.request", {"action": "request", "name": "m.cross_signing.master", "request_id": "x"}),
    ("m.dummy", {"x": [[[]]]}),
    ("org.example.odd", {"y" * 200: None}),
]


def garbled(bot_key: str) -> list[dict[str, Any]]:
    """What pretends to be encrypted for the device with this key."""
    whole = {
        "algorithm": "m.olm.v1.curve25519-aes-sha2",
        "sender_key": "x" * 43,
        "ciphertext": {bot_key: {"type": 0, "body": "AAAA"}},
    }
    bodies: list[Any] = [{"type": 1, "body": "?"}, {"type": 7}, []]
    odd: list[dict[str, Any]] = [{}, {"sender_key": ""}, {"sender_key": "!!!"}, {"ciphertext": []}]
    return [whole | one for one in [*odd, *({"ciphertext": {bot_key: body}} for body in bodies)]] + [{}]


async def claim(api: MatrixApi, bot: Account, device: str, times: int) -> int:
    """Take one-time keys of the bot's device, as anybody may; how many there were."""
    return sum(not key.get("fallback") for key in (await claimed(api, bot, device, times)).values())


async def claimed(api: MatrixApi, bot: Account, device: str, times: int) -> dict[str, dict[str, Any]]:
    """What so many requests for a key of the bot's device bring, by the keys' ids."""
    wanted = {"one_time_keys": {bot.user_id: {device: "signed_curve25519"}}}
    claims = await asyncio.gather(*(api.call("POST", "keys", "claim", json=wanted) for _ in range(times)))
    told = [one["one_time_keys"].get(bot.user_id, {}).get(device, {}) for one in claims]
    return {f"{name} {key['key']}": key for keys in told for name, key in keys.items()}


async def last_key(api: MatrixApi, bot: Account, device: str) -> str:
    """Use up the one-time keys of the bot's device; the key that is left, by its id. Whoever asks gets it."""
    while True:
        keys = await claimed(api, bot, device, 25)
        assert keys, "no key is left"
        for name, key in keys.items():
            if key.get("fallback"):
                return name


def test_every_hazard_of_the_list_has_a_test_that_exists() -> None:
    page = (ROOT / "docs" / "matrix-hazards.md").read_text()
    named = re.findall(r"`(test_\w+)`", page)
    written = {name for file in ROOT.glob("tests/**/*.py") for name in re.findall(r"def (test_\w+)", file.read_text())}
    assert len(named) > 30
    assert not set(named) - written
