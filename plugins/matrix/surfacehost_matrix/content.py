"""What our events look like. Pure: replies in, contents of events out."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from surfacehost import Event, Message
from surfacehost_matrix.sent import MARK
from surfacehost_render import matrix_parts

SEALED_BYTES = 45_000
"""Of an event's 65,536 bytes: base64 makes four of three, and there is more in an event than its text."""


def compose(markdown: str) -> list[dict[str, Any]]:
    """*markdown* as bodies of messages: each fits into an event even as an edit in an encrypted room."""
    return [
        {"body": part.body, **({"formatted_body": part.formatted_body} if part.formatted_body else {})}
        for part in matrix_parts(markdown, max_bytes=SEALED_BYTES, measure=_in_an_edit)
    ]


def _in_an_edit(body: str, formatted_body: str | None) -> int:
    """Bytes that an edit has of this, before it is encrypted: the body twice, everything beyond ASCII escaped."""
    return 2 * len(json.dumps(body)) + len(json.dumps(formatted_body or ""))


def text(body: Mapping[str, Any], *, mark: str, mentions: Sequence[str] = ()) -> dict[str, Any]:
    """A text message. Nobody is notified by what stands in it but those in *mentions* ("User and room mentions")."""
    content = {"msgtype": "m.text", "body": body["body"], "m.mentions": _mentions(mentions), MARK: mark}
    if formatted := body.get("formatted_body"):
        content |= {"format": "org.matrix.custom.html", "formatted_body": formatted}
    return content


def replacing(event_id: str, new: Mapping[str, Any], *, fallback: str) -> dict[str, Any]:
    """An edit that makes *event_id* say *new* ("Event replacements"). It mentions nobody anew, so it notifies nobody.

    *fallback* is what clients show that know no edits.
    """
    return {
        "msgtype": "m.text",
        "body": fallback,
        "m.mentions": {},
        "m.new_content": {key: value for key, value in new.items() if key not in (MARK, "m.relates_to")},
        "m.relates_to": {"rel_type": "m.replace", "event_id": event_id},
        MARK: new[MARK],
    }


def reaction(event_id: str, key: str) -> dict[str, Any]:
    """The emoji *key* on *event_id* ("Event annotations and reactions"). Never encrypted: servers count them."""
    return {"m.relates_to": {"rel_type": "m.annotation", "event_id": event_id, "key": key}}


def asks(event: Event, room: str) -> bool:
    """Whether *event* is something that a person said in *room*: there is something to quote, and to read."""
    return isinstance(event, Message) and event.chat == room and bool(event.sender)


def relation(event: Event, room: str, *, is_first: bool) -> dict[str, Any]:
    """Where in *room* an answer to *event* belongs: in its thread; in a group, the first part as a reply to it."""
    if event.chat != room:
        return {}
    quotable = asks(event, room) and not getattr(event, "choice", "")
    if event.topic:
        # Clients that don't know threads show it as a reply to what it answers ("Fallback for unthreaded clients").
        quoted = {"m.in_reply_to": {"event_id": event.id if quotable else event.topic}, "is_falling_back": True}
        return {"m.relates_to": {"rel_type": "m.thread", "event_id": event.topic, **quoted}}
    if quotable and is_first and not event.direct:
        return {"m.relates_to": {"m.in_reply_to": {"event_id": event.id}}}
    return {}


def mentioned(event: Event, room: str, *, is_first: bool) -> tuple[str, ...]:
    """Whom an answer to *event* notifies: in a group the one who asked, once ("Rich replies", "Mentions")."""
    return (event.sender,) if is_first and asks(event, room) and not event.direct else ()


def _mentions(people: Sequence[str]) -> dict[str, Any]:
    return {"user_ids": list(people)} if people else {}
