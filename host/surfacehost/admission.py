"""Who may talk to the bot, and where: decided before any hook hears of an event."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from types import MappingProxyType

from surfacehost.behaviour import Behaviour, Group
from surfacehost.events import Event, Invite, Message
from surfacehost.store.people import GUEST, OWNER
from surfacehost.threads import ThreadKey

NOWHERE: Mapping[str, str] = MappingProxyType({})


class Verdict(StrEnum):
    """What becomes of an event."""

    WELCOME = "welcome"
    STRANGER = "stranger"
    """Someone who may not talk, in a direct chat: told so, once in a while."""
    UNHEARD = "unheard"
    """Not for the bot, or from where it does not answer: settled without a word."""


def judge(event: Event, behaviour: Behaviour, formerly: Mapping[str, str] = NOWHERE) -> Verdict:
    """Whether *event* is let in. By ids alone: names and usernames change hands.

    *formerly*: the first ids of chats that have another one by now; either may be allowed.
    """
    if isinstance(event, Invite):
        return Verdict.WELCOME  # the surface itself decides whether it joins
    if event.direct:
        return _judge_direct(event, behaviour, "")
    if not _group_is_open(event, behaviour, formerly):
        return Verdict.UNHEARD
    if isinstance(event, Message) and not event.addressed and _wants_mention(event, behaviour, formerly):
        return Verdict.UNHEARD
    return Verdict.WELCOME


def admits(event: Event, behaviour: Behaviour, formerly: Mapping[str, str] = NOWHERE, *, role: str = "") -> bool:
    """Whether the person of *event*, let in as *role*, may talk to the bot in that chat, addressed or not."""
    if event.direct:
        return _judge_direct(event, behaviour, role) is Verdict.WELCOME
    return _group_is_open(event, behaviour, formerly)


def is_owner(person: str, behaviour: Behaviour, role: str = "") -> bool:
    """Whether *person*, let in as *role*, may do what owners may."""
    return bool(person) and (role == OWNER or person in behaviour.owners)


def conversation_of(event: Event, behaviour: Behaviour, formerly: Mapping[str, str] = NOWHERE) -> ThreadKey:
    """The conversation that *event* belongs to: in a group everybody's, or the person's own."""
    group = _group(event, behaviour, formerly)
    shares = behaviour.share_thread if group is None or group.share_thread is None else group.share_thread
    return event.key if event.direct or shares else replace(event.key, user=event.sender)


def _judge_direct(event: Event, behaviour: Behaviour, role: str) -> Verdict:
    if behaviour.dm_policy == "disabled":
        return Verdict.UNHEARD
    if behaviour.dm_policy == "open" or _is_listed(event.sender, behaviour):
        return Verdict.WELCOME
    if behaviour.dm_policy == "pairing" and role in (GUEST, OWNER):
        return Verdict.WELCOME
    return Verdict.STRANGER


def _group_is_open(event: Event, behaviour: Behaviour, formerly: Mapping[str, str]) -> bool:
    if behaviour.group_policy == "disabled":
        return False
    is_named = not _names(event, formerly).isdisjoint(behaviour.allow) or _group(event, behaviour, formerly) is not None
    return event.own or behaviour.group_policy == "open" or is_named or _is_listed(event.sender, behaviour)


def _wants_mention(event: Event, behaviour: Behaviour, formerly: Mapping[str, str]) -> bool:
    group = _group(event, behaviour, formerly)
    return behaviour.require_mention if group is None or group.require_mention is None else group.require_mention


def _group(event: Event, behaviour: Behaviour, formerly: Mapping[str, str]) -> Group | None:
    names = _names(event, formerly)
    return next((group for group in behaviour.groups if group.id in names), None)


def _names(event: Event, formerly: Mapping[str, str]) -> set[str]:
    """What the settings may call the chat of *event*."""
    return {event.chat, formerly.get(event.chat, event.chat), *event.aliases}


def _is_listed(person: str, behaviour: Behaviour) -> bool:
    return "*" in behaviour.allow or person in behaviour.allow or person in behaviour.owners
