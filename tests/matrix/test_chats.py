"""What is noted of rooms."""

import time
from dataclasses import replace
from typing import Any

import pytest

from surfacehost import Invite
from surfacehost_devkit.fakes import FakeMemory
from surfacehost_matrix.chats import EVERYBODY, INVITE, PERSON, ROOM, Chats, Notes
from surfacehost_matrix.unread import MOST_UNREAD, UNREAD
from surfacehost_matrix.withheld import KIND, Withheld, read_withheld

ALICE, MALLORY = "@alice:ex.org", "@mallory:ex.org"


def sealed(sender: str, number: int) -> dict[str, Any]:
    return {"event_id": f"${sender[1:4]}{number}", "sender": sender, "content": {"session_id": "s"}}


def heard(known: Chats, sender: str, numbers: range) -> None:
    """A sync with that many events which can't be read."""
    pending: Notes = {}
    for number in numbers:
        pending |= known.unread.keep("!r", sealed(sender, number), pending)
    known.learn(pending)


def test_who_sends_what_nobody_can_read_crowds_out_nobody_else() -> None:
    known = Chats("matrix", "@bot:ex.org")
    heard(known, ALICE, range(2))
    for first in range(0, MOST_UNREAD + 250, 90):
        heard(known, MALLORY, range(first, first + 90))
        assert len(known.unread.all()) <= MOST_UNREAD
    kept = known.unread.all()
    assert len(kept) == MOST_UNREAD
    assert {UNREAD + "$ali0", UNREAD + "$ali1"} <= kept.keys()
    assert UNREAD + "$mal0" not in kept


def test_told_again_it_is_no_younger() -> None:
    known = Chats("matrix", "@bot:ex.org")
    heard(known, ALICE, range(1))
    (before,) = known.unread.all().values()
    heard(known, ALICE, range(1))
    assert known.unread.all() == {UNREAD + "$ali0": before}


async def test_what_waits_for_its_key_grows_old_while_it_runs_and_by_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    began, ran = time.time(), time.monotonic()
    memory, known = FakeMemory(), Chats("matrix", "@bot:ex.org")

    async def after(days: float) -> bool:
        """Whether it still waits when it has run for so long; what is to be noted is."""
        monkeypatch.setattr(time, "monotonic", lambda: ran + days * 86_400)
        _, notes = known.unread.overdue({})
        await memory.set(notes)
        known.learn(notes)
        return bool(known.unread.all())

    await known.recall(memory)
    pending = known.unread.keep("!r", sealed(ALICE, 1), {})
    await memory.set(pending)
    known.learn(pending)
    for jump in (400 * 86_400, -400 * 86_400):
        monkeypatch.setattr(time, "time", lambda jump=jump: began + jump)
        assert await after(days=0)
    assert await after(days=4)
    known, ran = Chats("matrix", "@bot:ex.org"), time.monotonic()  # another process
    await known.recall(memory)
    assert await after(days=2.9)
    assert not await after(days=3.1)


def test_nobody_withholds_what_another_has_written() -> None:
    known = Chats("matrix", "@bot:ex.org")
    heard(known, ALICE, range(1))
    for number in range(MOST_UNREAD + 10):  # of which so many are kept
        known.learn(known.unread.withheld(Withheld(by=MALLORY, of=f"s{number or ''}", why="no"), {}))
    assert known.unread.overdue({}) == ({}, {})
    known.learn(known.unread.withheld(Withheld(by=ALICE, of="s", why="'m.unverified'"), {}))
    assert [*known.unread.overdue({})[0]] == ["!r"]
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


def test_an_invitation_that_is_refused_takes_no_other_along_that_has_come_in_its_place() -> None:
    known = Chats("matrix", "@bot:ex.org")
    told = Invite(surface="matrix", id="says", chat="!r", sender=ALICE, direct=True)
    first, notes = known.invited(told, "s1")
    known.learn(notes)
    assert known.refused(first) == {INVITE + "!r": None}
    second, notes = known.invited(replace(told, id="says else"), "s2")
    known.learn(notes)
    known.learn(known.refused(first))
    known.learn(known.joined("!r"))
    assert (second.id != first.id, known.direct_chats(ALICE)) == (True, ["!r"])


def test_what_takes_the_place_of_a_room_for_all_is_one_itself_and_rooms_that_take_each_others_are_not() -> None:
    known = Chats("matrix", "@bot:ex.org")
    known.learn({PERSON + EVERYBODY: {"rooms": {"space": "!space", "room Hall": "!hall"}, "done": True}})
    known.learn(known.joined("!hall"))

    def is_own(room: str) -> bool:
        return known.place(room, my_name="", names={}).own

    for old, new in (("!hall", "!second"), ("!second", "!third"), ("!here", "!there"), ("!there", "!here")):
        known.learn({ROOM + old: {"direct": [], "moved": new}})
        assert known.newest(old) == old  # it has not come into the other yet
        known.learn(known.took_over(new, old))
    assert {known.newest(room) for room in ("!hall", "!second", "!third")} == {"!third"}
    assert known.newest("!here") in ("!here", "!there")  # which ends
    assert all(is_own(room) for room in ("!hall", "!second", "!third"))
    assert not any(is_own(room) for room in ("!here", "!there", "!other"))
    known.learn(known.left("!second"))
    assert not is_own("!second")
    assert is_own("!third")
