"""Events as a homeserver tells them, and the place they are told of, for the tests of what they mean."""

from typing import Any

from surfacehost import Message
from surfacehost_matrix.parse import Place, read_event

BOT, ALICE = "@bot:ex.org", "@alice:ex.org"
PLACE = Place(surface="matrix", chat="!room", me=BOT, my_name="Helper", names={ALICE: "Alice"})
DIRECT = Place(surface="matrix", chat="!room", me=BOT, direct_with=frozenset([ALICE]))


def read_message(raw: dict[str, Any], place: Place) -> Message | None:
    read = read_event(raw, place)
    assert read is None or isinstance(read, Message)
    return read


def event(body: Any = "hi", sender: str = ALICE, /, **content: Any) -> dict[str, Any]:
    return {
        "type": "m.room.message",
        "event_id": "$1",
        "sender": sender,
        "origin_server_ts": 1500,
        "content": {"msgtype": "m.text", "body": body, **content},
    }
