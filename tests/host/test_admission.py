"""Who may talk, and where."""

from dataclasses import replace
from typing import Any

import pytest

from surfacehost import Behaviour, Invite, Message, ThreadKey
from surfacehost.admission import Verdict, admits, conversation_of, is_owner, judge
from surfacehost.busy import is_piece_of
from surfacehost.flow import Allowance, LoopGuard
from surfacehost.store.people import GUEST, OWNER

WELCOME, STRANGER, UNHEARD = Verdict.WELCOME, Verdict.STRANGER, Verdict.UNHEARD


def message(*, direct: bool, addressed: bool = True, sender: str = "ann", chat: str = "group") -> Message:
    return Message(surface="toy", id="1", chat=chat, sender=sender, direct=direct, text="hi", addressed=addressed)


@pytest.mark.parametrize(
    ("settings", "verdict"),
    [
        ({}, STRANGER),
        ({"allow": ["ann"]}, WELCOME),
        ({"allow": ["Ann"]}, STRANGER),
        ({"allow": ["bob"]}, STRANGER),
        ({"allow": ["*"]}, WELCOME),
        ({"owners": ["ann"]}, WELCOME),
        ({"dm_policy": "open"}, WELCOME),
        ({"dm_policy": "disabled", "allow": ["*"], "owners": ["ann"]}, UNHEARD),
    ],
)
def test_direct(settings: dict[str, Any], verdict: Verdict) -> None:
    behaviour = Behaviour.model_validate(settings)
    assert judge(message(direct=True), behaviour) is verdict
    assert admits(message(direct=True), behaviour) is (verdict is WELCOME)


@pytest.mark.parametrize(
    ("settings", "addressed", "verdict"),
    [
        ({}, True, WELCOME),
        ({}, False, UNHEARD),
        ({"require_mention": False}, False, WELCOME),
        ({"group_policy": "disabled"}, True, UNHEARD),
    ],
)
def test_a_group_that_the_bot_made(settings: dict[str, Any], *, addressed: bool, verdict: Verdict) -> None:
    asked = replace(message(direct=False, addressed=addressed), own=True)
    assert judge(asked, Behaviour.model_validate(settings)) is verdict


@pytest.mark.parametrize(
    ("settings", "addressed", "verdict"),
    [
        ({}, True, UNHEARD),
        ({"allow": ["group"]}, True, WELCOME),
        ({"allow": ["group"]}, False, UNHEARD),
        ({"allow": ["group"], "require_mention": False}, False, WELCOME),
        ({"allow": ["ann"]}, True, WELCOME),
        ({"group_policy": "open"}, True, WELCOME),
        ({"group_policy": "open"}, False, UNHEARD),
        ({"group_policy": "disabled", "allow": ["*", "group"]}, True, UNHEARD),
        ({"dm_policy": "open"}, True, UNHEARD),
        ({"groups": [{"id": "group"}]}, True, WELCOME),
        ({"groups": [{"id": "Group"}]}, True, UNHEARD),
        ({"groups": [{"id": "group"}]}, False, UNHEARD),
        ({"groups": [{"id": "group", "require_mention": False}]}, False, WELCOME),
        ({"require_mention": False, "groups": [{"id": "group", "require_mention": True}]}, False, UNHEARD),
        ({"group_policy": "disabled", "groups": [{"id": "group"}]}, True, UNHEARD),
    ],
)
def test_group(settings: dict[str, Any], *, addressed: bool, verdict: Verdict) -> None:
    assert judge(message(direct=False, addressed=addressed), Behaviour.model_validate(settings)) is verdict


def test_whether_to_join_is_for_the_surface_to_say_by_who_may_talk_there() -> None:
    invite = Invite(surface="toy", id="1", chat="group", sender="ann", direct=False)
    assert judge(invite, Behaviour()) is WELCOME
    assert not admits(invite, Behaviour())
    assert admits(invite, Behaviour(allow=("ann",)))


def test_ids_may_be_written_as_numbers() -> None:
    assert Behaviour.model_validate({"allow": [-100123, "x"]}).allow == ("-100123", "x")


@pytest.mark.parametrize("role", [GUEST, OWNER])
@pytest.mark.parametrize(
    ("policy", "admitted"), [("pairing", True), ("allowlist", False), ("disabled", False), ("open", True)]
)
def test_who_was_let_in_may_write_directly_where_pairing_is_the_policy(
    role: str, policy: str, *, admitted: bool
) -> None:
    behaviour = Behaviour.model_validate({"dm_policy": policy})
    assert admits(message(direct=True), behaviour, role=role) is admitted
    assert not admits(message(direct=False), behaviour, role=role)


def test_an_owner_is_one_by_the_settings_or_because_they_were_let_in_as_one() -> None:
    assert is_owner("ann", Behaviour(owners=("ann",)))
    assert is_owner("ann", Behaviour(), OWNER)
    assert not is_owner("ann", Behaviour(allow=("ann", "*")), GUEST)
    assert not is_owner("", Behaviour(owners=("",)))


@pytest.mark.parametrize(
    ("settings", "user"),
    [
        ({}, ""),
        ({"share_thread": False}, "ann"),
        ({"groups": [{"id": "group", "share_thread": False}]}, "ann"),
        ({"groups": [{"id": "other", "share_thread": False}]}, ""),
        ({"share_thread": False, "groups": [{"id": "group", "share_thread": True}]}, ""),
    ],
)
def test_a_group_shares_a_conversation_or_does_not(settings: dict[str, Any], user: str) -> None:
    behaviour = Behaviour.model_validate(settings)
    assert conversation_of(message(direct=False), behaviour) == ThreadKey("toy", user, "group")
    assert conversation_of(message(direct=True, chat="ann"), behaviour) == ThreadKey("toy", "ann", "ann")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def said(number: int, sender: str = "ann", at: float = 0.0) -> Message:
    return Message(surface="toy", id=str(number), chat="c", sender=sender, direct=True, text="hi", at=at)


def test_who_writes_too_much_is_told_once_a_minute_and_others_are_read() -> None:
    clock = Clock()
    allowance = Allowance(2, is_piece_of, 0.8, clock)
    room = [allowance.room_for(said(number)) for number in (1, 2, 3, 4)]
    assert room == ["some", "some", "none", "none, and told"]
    assert [allowance.room_for(said(number)) for number in (1, 2, 3, 4)] == room  # told again by the platform
    assert allowance.room_for(said(5, "bob")) == "some"
    clock.now += 61
    assert [allowance.room_for(said(number)) for number in (6, 7, 8)] == ["some", "some", "none"]


def test_what_was_written_while_nobody_listened_is_no_flood() -> None:
    allowance = Allowance(1, is_piece_of, 0.8, Clock())
    assert {allowance.room_for(said(number, at=100 + number)) for number in range(9)} == {"some"}
    assert Allowance(0, is_piece_of, 0.8, Clock()).room_for(said(1)) == "some"


def test_two_bots_that_answer_each_other_are_noticed_and_people_are_not() -> None:
    clock = Clock()

    def turns(count: int, *, pause_s: float, guard: LoopGuard, senders: tuple[str, ...] = ("bot",)) -> list[bool]:
        found = []
        for number in range(count):
            event = said(number, senders[number % len(senders)])
            clock.now += pause_s
            found.append(guard.is_loop(event))
            guard.answered(event)
        return found

    assert turns(6, pause_s=1, guard=LoopGuard(3, clock)) == [False, False, False, True, True, True]
    assert not any(turns(9, pause_s=6, guard=LoopGuard(3, clock)))
    assert not any(turns(9, pause_s=1, guard=LoopGuard(3, clock), senders=("bot", "ann")))
    assert not any(turns(9, pause_s=1, guard=LoopGuard(0, clock)))
    guard = LoopGuard(3, clock)
    assert turns(4, pause_s=1, guard=guard)[-1]
    clock.now += 61
    assert not guard.is_loop(said(99, "bot"))
