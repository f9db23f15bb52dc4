"""Who may talk, and where."""

from typing import Any

import pytest

from surfacehost import Behaviour, Invite, Message
from surfacehost.admission import Verdict, admits, judge

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
        ({}, True, UNHEARD),
        ({"allow": ["group"]}, True, WELCOME),
        ({"allow": ["group"]}, False, UNHEARD),
        ({"allow": ["group"], "require_mention": False}, False, WELCOME),
        ({"allow": ["ann"]}, True, WELCOME),
        ({"group_policy": "open"}, True, WELCOME),
        ({"group_policy": "open"}, False, UNHEARD),
        ({"group_policy": "disabled", "allow": ["*", "group"]}, True, UNHEARD),
        ({"dm_policy": "open"}, True, UNHEARD),
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
