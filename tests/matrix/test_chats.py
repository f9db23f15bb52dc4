"""What is noted of rooms."""

from typing import Any

import pytest

from surfacehost_matrix.chats import MOST_UNREAD, UNREAD, Chats, Notes
from surfacehost_matrix.withheld import KIND, Withheld, read_withheld

ALICE, MALLORY = "@alice:ex.org", "@mallory:ex.org"


def sealed(sender: str, number: int) -> dict[str, Any]:
    return {"event_id": f"${sender[1:4]}{number}", "sender": sender, "content": {"session_id": "s"}}


def heard(known: Chats, sender: str, numbers: range) -> None:
    """A sync with that many events which can't be read."""
    pending: Notes = {}
    for number in numbers:
        pending |= known.unread("!r", sealed(sender, number), pending)
    known.learn(pending)


def test_who_sends_what_nobody_can_read_crowds_out_nobody_else() -> None:
    known = Chats("matrix", "@bot:ex.org")
    heard(known, ALICE, range(2))
    for first in range(0, MOST_UNREAD + 250, 90):
        heard(known, MALLORY, range(first, first + 90))
        assert len(known.all_unread()) <= MOST_UNREAD
    kept = known.all_unread()
    assert len(kept) == MOST_UNREAD
    assert {UNREAD + "$ali0", UNREAD + "$ali1"} <= kept.keys()
    assert UNREAD + "$mal0" not in kept


def test_told_again_it_is_no_younger() -> None:
    known = Chats("matrix", "@bot:ex.org")
    heard(known, ALICE, range(1))
    (before,) = known.all_unread().values()
    heard(known, ALICE, range(1))
    assert known.all_unread() == {UNREAD + "$ali0": before}


def test_nobody_withholds_what_another_has_written() -> None:
    known = Chats("matrix", "@bot:ex.org")
    heard(known, ALICE, range(1))
    for number in range(MOST_UNREAD + 10):  # of which so many are kept
        known.learn(known.withheld(Withheld(by=MALLORY, of=f"s{number or ''}", why="no"), {}))
    assert known.overdue({}) == ({}, {})
    known.learn(known.withheld(Withheld(by=ALICE, of="s", why="'m.unverified'"), {}))
    assert [*known.overdue({})[0]] == ["!r"]
    assert len([key for key in known._notes if key.startswith("withheld:")]) == MOST_UNREAD


@pytest.mark.parametrize(
    "odd",
    [
        {"content": []},
        {"content": {"code": "m.unverified"}},
        {"content": {"code": 7, "session_id": "s"}},
        {"content": {"code": "m.unverified", "session_id": ["s"], "sender_key": "k" * 300}},
        {"content": {"code": "m.unavailable", "session_id": "s"}},
        {"type": "m.room_key"},
        {"sender": None},
    ],
)
def test_what_says_nothing_of_a_key_is_left_out(odd: dict[str, Any]) -> None:
    told = {"type": KIND, "sender": ALICE, "content": {"code": "m.no_olm", "sender_key": "k", "reason": "\ud800\n"}}
    assert read_withheld(told) == Withheld(by=ALICE, of="k", why="'m.no_olm: \ufffd\\n'")
    assert read_withheld(told | odd) is None
