"""Events that nobody should send: they end nothing, and what comes with them is answered."""

from typing import Any

from nio import AsyncClient, SyncResponse  # type: ignore[import-untyped]  # nio ships no type marker
from tests.matrix.smallhost import SmallHost

from surfacehost_devkit.matrixperson import MatrixError, MatrixPerson
from surfacehost_matrix import guards
from surfacehost_matrix.client import PRIVATE_NAMES, GuardedClient, accept_short_room_ids
from surfacehost_matrix.weeding import weed

POISON: list[tuple[str, dict[str, Any]]] = [
    ("m.room.message", {"msgtype": "m.text", "body": {"a": 1}}),
    ("m.room.message", {"msgtype": ["m.text"], "body": "x"}),
    ("m.room.message", {"body": None}),
    ("m.room.message", {}),
    ("m.room.message", {"msgtype": "m.text", "body": "x", "m.relates_to": "no"}),
    (
        "m.room.message",
        {"msgtype": "m.text", "body": "t", "m.relates_to": {"rel_type": "m.thread", "event_id": "$" * 900}},
    ),
    ("m.room.message", {"msgtype": "m.text", "body": "t", "m.relates_to": {"m.in_reply_to": []}}),
    ("m.room.message", {"msgtype": "m.text", "body": "t", "m.mentions": {"user_ids": [[]]}, "formatted_body": 7}),
    ("m.room.encrypted", {"algorithm": "m.megolm.v1.aes-sha2"}),
    ("m.room.encrypted", {"algorithm": ["x"], "ciphertext": {}}),
    ("m.room.encrypted", {}),
    ("m.reaction", {"m.relates_to": 5}),
    ("m.sticker", {}),
    ("m.call.invite", {}),
    ("org.example.odd", {"x" * 200: [[[[]]]]}),
]
STATE: list[tuple[str, dict[str, Any]]] = [
    ("m.room.name", {"name": ["x"]}),
    ("m.room.topic", {"topic": {}}),
    ("m.room.avatar", {"url": 5}),
    ("m.space.child", {"via": 5}),
    ("m.room.join_rules", {"join_rule": "invite", "allow": 5}),
    ("m.room.guest_access", {}),
]


async def test_poison_ends_nothing(host: SmallHost, chat: str, alice: MatrixPerson) -> None:
    refused = 0
    for kind, content in POISON + STATE:
        try:
            await (alice.set_state if (kind, content) in STATE else alice.send_event)(chat, kind, content)
        except MatrixError:
            refused += 1  # this homeserver spares us that one; another may not
    assert refused < len(POISON)
    await alice.send(chat, "and now a question")
    await alice.wait_for(lambda: any(e.body == "echo: and now a question" for e in alice.seen.events[chat]))
    assert not host.down
    assert not host.failed


async def test_the_names_we_use_of_nio_are_there() -> None:
    for owner, names in {**PRIVATE_NAMES, **guards.PRIVATE_NAMES}.items():
        for name in names:
            assert callable(getattr(owner, name)), f"{owner.__name__}.{name}"
            assert owner is not AsyncClient or name in vars(GuardedClient)


def sync(**events: Any) -> dict[str, Any]:
    return {
        "next_batch": "s1",
        "rooms": {"join": {"!r": {"timeline": {"events": events.get("timeline", [])}, "state": {"events": []}}}},
        "to_device": {"events": events.get("to_device", [])},
    }


async def test_what_breaks_the_parser_is_taken_out() -> None:
    good = {"type": "m.room.message", "event_id": "$1", "sender": "@a:b", "origin_server_ts": 1, "content": {}}
    member = good | {"type": "m.room.member", "state_key": "@a:b", "content": {"membership": "join"}}
    body = sync(timeline=[good, 7, member | {"unsigned": {"prev_content": 5}}], to_device=["x"])
    weed(body)
    # What a homeserver added is taken off; what was said stays.
    assert body["rooms"]["join"]["!r"]["timeline"]["events"] == [good, member]
    assert body["to_device"]["events"] == []
    accept_short_room_ids()
    accept_short_room_ids()
    assert isinstance(SyncResponse.from_dict(body), SyncResponse)
