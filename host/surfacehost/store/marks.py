"""Which messages of people carry a mark of ours: the next host takes away what this one has put and not taken away."""

from dataclasses import dataclass

from surfacehost.events import Event, Message
from surfacehost.store.gather import readable
from surfacehost.store.inbox import ANSWERED, PARKED, REFUSED, WAITING
from surfacehost.store.transaction import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A message with a mark."""

    event: Message
    mark: str
    lane: str
    state: str

    @property
    def is_open(self) -> bool:
        """Whether it is still to be answered."""
        return self.state in (WAITING, ANSWERED)

    @property
    def has_failed(self) -> bool:
        """Whether it came to nothing."""
        return self.state in (REFUSED, PARKED)


async def note_mark(tx: Transaction, event: Event, mark: str | None) -> None:
    """*mark* is about to be put on *event*; None: there is none any more."""
    await tx.run(
        "update inbox set mark = :mark where surface = :surface and event_id = :event",
        mark=mark, surface=event.surface, event=event.id,
    )  # fmt: skip


async def is_waiting(tx: Transaction, event: Event) -> bool:
    """Whether *event* is still to be answered."""
    rows = await tx.rows(
        "select 1 from inbox where surface = :surface and event_id = :event and state in ('waiting', 'answered')",
        surface=event.surface, event=event.id,
    )  # fmt: skip
    return bool(rows)


async def standing_marks(tx: Transaction, surface: str) -> list[Standing]:
    """The marked messages of *surface*, oldest first; from one that was taken back its mark has gone with it."""
    rows = await tx.rows(
        "select body, mark, lane, state from inbox where surface = :surface and mark is not null order by id",
        surface=surface,
    )
    read = [(readable(row["body"]), row) for row in rows]
    return [
        Standing(event=event, mark=row["mark"], lane=row["lane"], state=row["state"])
        for event, row in read
        if isinstance(event, Message)
    ]
