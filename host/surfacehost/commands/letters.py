"""How messages of the inbox look on a terminal."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from surfacehost.store.transaction import Row

HEADINGS = ("number", "surface", "state", "age", "attempts", "conversation", "error")

MAX_ERROR = 120
"""Characters of an error in a list; ``show`` has all of it."""


def listed_lines(rows: Sequence[Row], *, now: float) -> str:
    """One line for each of *rows* under their headings."""
    if not rows:
        return "no such message\n"
    table = [HEADINGS, *(_cells(row, now) for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(HEADINGS))]
    return "".join("  ".join(map(str.ljust, line, widths)).rstrip() + "\n" for line in table)


def shown_lines(event: Row, body: Any, replies: Sequence[Row], *, now: float) -> str:  # noqa: ANN401 - JSON
    """Everything about one message."""
    said = [(reply["state"], f"{reply['kind']} {reply['id']}: {reply['body']}") for reply in replies]
    return "".join(f"{name:<9} {plain(value)}\n" for name, value in [*_facts(event, body, now), *said])


def plain(text: str) -> str:
    """*text* without what would move a cursor or change a colour: people and platforms wrote it."""
    return "".join(one if one.isprintable() or one == "\n" else f"\\x{ord(one):02x}" for one in text)


def _cells(row: Row, now: float) -> tuple[str, ...]:
    error = plain(" ".join((row["error"] or "").split()))
    return (
        str(row["number"]), row["surface"], row["state"], _age(now - row["received_at"]), str(row["attempts"]),
        row["thread"], error if len(error) <= MAX_ERROR else f"{error[: MAX_ERROR - 1]}…",
    )  # fmt: skip


def _facts(event: Row, body: Any, now: float) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    yield "number", str(event["number"])
    yield "surface", event["surface"]
    yield "event", event["event"]
    yield "thread", event["thread"]
    yield "state", event["state"]
    yield "received", _moment(event["received_at"], now)
    yield "attempts", f"{event['attempts']} failed"
    if event["failed_at"] is not None:
        yield "failed", f"first {_moment(event['failed_at'], now)}"
    if event["retried"]:
        yield "retried", f"{event['retried']} times"
    if event["error"]:
        yield "error", event["error"]
    match body:
        case None:
            yield "text", "(not kept)"
        case {"kind": "Message", "text": str(text), "sender": str(sender)}:
            yield "from", sender
            yield "text", text
        case Mapping():
            yield "body", json.dumps(body, ensure_ascii=False)
        case _:
            yield "body", str(body)


def _moment(at: float, now: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC, {_age(now - at)} ago"


def _age(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"
