"""The same person in two chats: shown by two codes, each told in one chat and said in the other.

Whoever sees only one of the two chats knows only one of the codes, and nothing is linked by one. Both are bound to the
chats and persons they were told to, are good for ten minutes and for one use.
"""

from dataclasses import dataclass

from surfacehost import codes
from surfacehost.errors import SurfacehostError
from surfacehost.store import people, prompts
from surfacehost.store.inbox import FAST, Entry
from surfacehost.store.receipts import once
from surfacehost.store.transaction import Row, Transaction

GOOD_S = 600.0
"""How long a code is good."""


class LinkedAlready(SurfacehostError):
    """The chat is linked with another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A direct chat of a person."""

    lane: str
    surface: str
    person: str

    @classmethod
    def of(cls, entry: Entry) -> "Chat":
        """The one that *entry* was said in."""
        return cls(lane=entry.lane.rstrip(FAST), surface=entry.event.surface, person=entry.event.sender)


@once
async def offer(tx: Transaction, entry: Entry, code: str, *, now: float) -> str:
    """Let *code* stand for the chat of *entry*, in place of one before; it."""
    chat = Chat.of(entry)
    await tx.run("delete from linking where lane = :lane or told_at <= :old", lane=chat.lane, old=now - GOOD_S)
    await tx.run(
        "insert into linking (lane, surface, person, code, told_at) values (:lane, :surface, :person, :code, :now)",
        lane=chat.lane, surface=chat.surface, person=chat.person, code=code, now=now,
    )  # fmt: skip
    return code


@once
async def claim(tx: Transaction, entry: Entry, said: str, second: str, *, now: float) -> tuple[Chat, str] | None:
    """The chat that was told the code *said*, claimed by *entry* in its own, and the code that is told there.

    None: there is no such code. Raises LinkedAlready, and TooManyCodes.
    """
    chat, event = Chat.of(entry), entry.event
    await people.may_try(tx, event, now=now)
    if await link_of(tx, chat.lane):
        raise LinkedAlready
    free = {row["code"]: row for row in await _good(tx, now) if row["other_lane"] is None and row["lane"] != chat.lane}
    known = codes.found(said, free)
    if known is None:
        await people.was_wrong(tx, event, now=now)
        return None
    await tx.run(
        "update linking set other_lane = :other, other_surface = :surface, other_person = :person,"
        " second = :second where lane = :lane",
        other=chat.lane, surface=chat.surface, person=chat.person, second=second, lane=free[known]["lane"],
    )  # fmt: skip
    return _chat(free[known]), second


@once
async def confirm(tx: Transaction, entry: Entry, said: str, account: str, *, shares: bool, now: float) -> Chat | None:
    """Link the chat of *entry*, which was told the first code, with the one that was told the second, *said*; that one.

    *account*: what the person is called from now on, where they are not linked yet; *shares*: whether the other chat
    goes on with the conversation of this one. None: there is no such code. Raises LinkedAlready, and TooManyCodes.
    """
    chat, event = Chat.of(entry), entry.event
    await people.may_try(tx, event, now=now)
    mine = {
        row["second"]: row
        for row in await _good(tx, now)
        if row["lane"] == chat.lane and row["person"] == chat.person and row["second"]
    }
    known = codes.found(said, mine)
    if known is None:
        await people.was_wrong(tx, event, now=now)
        return None
    row = mine[known]
    other = Chat(lane=row["other_lane"], surface=row["other_surface"], person=row["other_person"])
    await tx.run("delete from linking where lane = :lane", lane=chat.lane)
    if await link_of(tx, other.lane):
        raise LinkedAlready
    own = await link_of(tx, chat.lane)
    if own is None:
        own = await _insert(tx, chat, account, chat.lane, now)
    await _insert(tx, other, own["account"], own["home"] if shares else other.lane, now)
    await prompts.leave(tx)
    return other


@once
async def undo(tx: Transaction, entry: Entry) -> bool:
    """Unlink the chat of *entry*: it goes on with its own conversation, and so do those that shared that."""
    lane = Chat.of(entry).lane
    if (mine := await link_of(tx, lane)) is None:
        return False
    account = mine["account"]
    await tx.run("delete from link where lane = :lane", lane=lane)
    rest = await tx.rows("select lane, home from link where account = :account order by since, lane", account=account)
    if followers := [row["lane"] for row in rest if row["home"] == lane]:
        await tx.run("update link set home = :new where home = :lane", new=followers[0], lane=lane)
    if len(rest) == 1:
        await tx.run("delete from link where account = :account", account=account)
    await prompts.leave(tx)
    return True


async def link_of(tx: Transaction, lane: str) -> Row | None:
    """The link of the chat of *lane*."""
    rows = await tx.rows("select account, home from link where lane = :lane", lane=lane)
    return rows[0] if rows else None


async def listed(tx: Transaction) -> list[Row]:
    """Every link, those of one person one after another."""
    return await tx.rows("select account, surface, person, lane, home, since from link order by account, since, lane")


async def _good(tx: Transaction, now: float) -> list[Row]:
    """The codes that are still good; a clock that was set back makes none good for ever."""
    return await tx.rows(
        "select * from linking where told_at > :old and told_at <= :ahead", old=now - GOOD_S, ahead=now + GOOD_S
    )


async def _insert(tx: Transaction, chat: Chat, account: str, home: str, now: float) -> Row:
    await tx.run(
        "insert into link (lane, surface, person, account, home, since)"
        " values (:lane, :surface, :person, :account, :home, :now)",
        lane=chat.lane, surface=chat.surface, person=chat.person, account=account, home=home, now=now,
    )  # fmt: skip
    await tx.run(
        "insert into thread (lane, surface) values (:lane, :surface) on conflict (lane) do nothing",
        lane=chat.lane, surface=chat.surface,
    )  # fmt: skip
    return {"account": account, "home": home}


def _chat(row: Row) -> Chat:
    return Chat(lane=row["lane"], surface=row["surface"], person=row["person"])
