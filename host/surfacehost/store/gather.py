"""Messages that become one run: those that wait behind the oldest of a thread and belong to it, up to a number.

Which they are is written down when the oldest is taken, and does not change: the run has one id, whatever happens.
They are settled with it, in one transaction.
"""

from collections.abc import Callable
from dataclasses import dataclass

from surfacehost.events import Event, load_event
from surfacehost.store.prompts import Prompt
from surfacehost.store.transaction import Row, Transaction

Joins = Callable[[Event, Event], bool]
"""Whether the second event goes along with the first."""

Waits = Callable[[Event, Prompt], bool]
"""Whether an event waits until a question, which stands in its conversation, is decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathering:
    """What goes together."""

    joins: Joins
    is_piece: Callable[[Event], bool]
    """Whether an event looks like a piece of something whose rest is on its way."""
    waits: Waits
    most: int = 20
    debounce_s: float = 0.8
    """Seconds without another one, after which nothing more is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Along:
    """An event that goes along with the oldest."""

    id: int
    event: Event


async def gather(tx: Transaction, head: Row, event: Event, gathering: Gathering, *, now: float) -> float:
    """Let what belongs to *event*, the oldest of its lane, go along with it; or seconds to wait for the rest of it."""
    waiting = await tx.rows(
        "select id, body, received_at from inbox where lane = :lane and id > :id and head is null"
        " and state in ('waiting', 'answered') order by id limit :most",
        lane=head["lane"], id=head["id"], most=gathering.most - 1,
    )  # fmt: skip
    newest: float = head["received_at"]
    along: list[int] = []
    for row in waiting:
        if (other := readable(row["body"])) is None or not gathering.joins(event, other):
            break
        along.append(row["id"])
        newest = row["received_at"]
    age_s = now - newest  # negative: the clock was set back
    is_full = len(along) == gathering.most - 1
    if (along or gathering.is_piece(event)) and not is_full and 0 <= age_s < gathering.debounce_s:
        return gathering.debounce_s - age_s
    await tx.run("update inbox set gathered = 1 where id = :id", id=head["id"])
    for number in along:
        await tx.run("update inbox set head = :head where id = :id", head=head["id"], id=number)
    return 0.0


async def gone_along(tx: Transaction, head: int) -> tuple[Along, ...]:
    """What goes along with the event *head*, oldest first; not what was taken back since."""
    rows = await tx.rows("select id, body from inbox where head = :head and erased = 0 order by id", head=head)
    found = ((row["id"], readable(row["body"])) for row in rows)
    return tuple(Along(id=number, event=event) for number, event in found if event is not None)


def readable(body: str) -> Event | None:
    """The event that *body* is; none for one that can't be read."""
    try:
        return load_event(body)
    except ValueError:
        return None
