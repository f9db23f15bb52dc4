"""What becomes of messages that come while the agent is at work, or that were written in one breath."""

from functools import partial

from surfacehost import approvals
from surfacehost.behaviour import Behaviour
from surfacehost.commands_in_chat import command_of
from surfacehost.events import Event, Message
from surfacehost.store.gather import Gathering
from surfacehost.store.prompts import OPEN, Prompt

LONG_CHARS = 3500
"""A text as long as this may be the first piece of one that a client cut up: Telegram's cut at 4096 characters."""

SPEECHLESS = ("/", "!")
"""What begins so is a command, the host's or the agent's, and stands alone."""


def gathering(behaviour: Behaviour) -> Gathering:
    """What goes together where people are treated by *behaviour*."""
    return Gathering(
        joins=partial(_joins, is_collecting=behaviour.busy in ("collect", "interrupt")),
        is_piece=_is_piece,
        waits=_waits,
        debounce_s=behaviour.debounce_s,
    )


def may_be_rejected(event: Event, behaviour: Behaviour) -> bool:
    """Whether *event* is not taken where an earlier message is being answered.

    What is told the host, and what may answer a question, is taken always.
    """
    if behaviour.busy != "reject" or not isinstance(event, Message):
        return False
    return command_of(event) is None and not event.choice and not approvals.is_word(event)


def interrupts(event: Event, running: Event, behaviour: Behaviour) -> bool:
    """Whether *event* stops the run of *running*, should that not have acted: who asked says something else."""
    is_theirs = behaviour.busy == "interrupt" and isinstance(running, Message) and running.sender == event.sender
    return is_theirs and isinstance(event, Message) and is_plain(event)


def _joins(first: Event, other: Event, *, is_collecting: bool) -> bool:
    if not (isinstance(first, Message) and isinstance(other, Message)) or first.sender != other.sender:
        return False
    is_one = bool(first.bundle) and first.bundle == other.bundle
    return is_one or ((is_collecting or _is_piece(first)) and is_plain(first) and is_plain(other))


def _waits(event: Event, prompt: Prompt) -> bool:
    """Whether *event* waits until *prompt* is decided: in a group what a person was asked is theirs to withdraw."""
    if event.direct or not event.sender or prompt.state != OPEN or prompt.person in ("", event.sender):
        return False
    return isinstance(event, Message) and not event.choice and not approvals.answers(prompt, event)


def is_piece_of(first: Event, other: Event) -> bool:
    """Whether *other* belongs to what was sent as one with *first*: an album, or a text that a client has cut up."""
    return _joins(first, other, is_collecting=False)


def _is_piece(event: Event) -> bool:
    return isinstance(event, Message) and (bool(event.bundle) or len(event.text) >= LONG_CHARS)


def is_plain(message: Message) -> bool:
    """Whether *message* is a person's for the agent, and may be asked together with others."""
    is_told = bool(message.choice) or not message.sender or approvals.is_word(message)
    return not is_told and command_of(message) is None and not message.text.lstrip().startswith(SPEECHLESS)
