"""Who may talk to the bot, and where: decided before any hook hears of an event."""

from enum import StrEnum

from surfacehost.events import Event, Invite, Message
from surfacehost.surface import Behaviour


class Verdict(StrEnum):
    """What becomes of an event."""

    WELCOME = "welcome"
    STRANGER = "stranger"
    """Someone who may not talk, in a direct chat: told so, once in a while."""
    UNHEARD = "unheard"
    """Not for the bot, or from where it does not answer: settled without a word."""


def judge(event: Event, behaviour: Behaviour) -> Verdict:
    """Whether *event* is let in. By ids alone: names and usernames change hands."""
    if isinstance(event, Invite):
        return Verdict.WELCOME  # the surface itself decides whether it joins
    if event.direct:
        return _judge_direct(event, behaviour)
    if not _group_is_open(event, behaviour):
        return Verdict.UNHEARD
    if behaviour.require_mention and isinstance(event, Message) and not event.addressed:
        return Verdict.UNHEARD
    return Verdict.WELCOME


def admits(event: Event, behaviour: Behaviour) -> bool:
    """Whether the person of *event* may talk to the bot in that chat, addressed or not."""
    if event.direct:
        return _judge_direct(event, behaviour) is Verdict.WELCOME
    return _group_is_open(event, behaviour)


def _judge_direct(event: Event, behaviour: Behaviour) -> Verdict:
    if behaviour.dm_policy == "disabled":
        return Verdict.UNHEARD
    if behaviour.dm_policy == "open" or _is_listed(event.sender, behaviour):
        return Verdict.WELCOME
    return Verdict.STRANGER


def _group_is_open(event: Event, behaviour: Behaviour) -> bool:
    if behaviour.group_policy == "disabled":
        return False
    return behaviour.group_policy == "open" or event.chat in behaviour.allow or _is_listed(event.sender, behaviour)


def _is_listed(person: str, behaviour: Behaviour) -> bool:
    return "*" in behaviour.allow or person in behaviour.allow or person in behaviour.owners
