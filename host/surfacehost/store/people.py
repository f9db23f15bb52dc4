"""Who was let in, and who asks to be: what ``surfacehost pair`` and an owner's ``/pair`` decide.

A code is told to the person alone and is good for an hour. Wrong ones are counted by who tried them.
"""

from dataclasses import dataclass

from surfacehost import codes
from surfacehost.errors import SurfacehostError
from surfacehost.events import Event
from surfacehost.store.inbox import Entry
from surfacehost.store.receipts import once
from surfacehost.store.transaction import Row, Transaction

GUEST, OWNER = "guest", "owner"
"""May write directly; may also do what owners may."""

CODE_S = 3600.0
"""For so long a code is good, and the person is told nothing more."""

MOST_WAITING = 3
"""How many may ask at a time on one surface: a crowd at the door must not keep the operator busy."""

MOST_WRONG = 5
"""After so many wrong codes within an hour no code of that person is looked at."""


class NoSuchCode(SurfacehostError):
    """Nobody asks with this code, or it is too old."""


class TooManyCodes(SurfacehostError):
    """There were too many wrong codes: try again in an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Someone who was let in, or is not any more."""

    surface: str
    person: str
    role: str = GUEST


@once
async def knock(tx: Transaction, entry: Entry, code: str, *, now: float) -> str | None:
    """The code that lets in the person of *entry*: *code* where they have none yet.

    Empty: they were told another time. None: too many others wait.
    """
    event = entry.event
    await _forget_old(tx, now)
    asking = await tx.rows("select person, code from pairing where surface = :surface", surface=event.surface)
    if any(row["person"] == event.sender for row in asking):
        return ""
    if sum(bool(row["code"]) for row in asking) >= MOST_WAITING:
        return None
    await tx.run(
        "insert into pairing (surface, person, code, asked_at) values (:surface, :person, :code, :now)",
        surface=event.surface, person=event.sender, code=code, now=now,
    )  # fmt: skip
    return code


async def approve(tx: Transaction, code: str, *, now: float, surface: str | None = None, has_owner: bool) -> Person:
    """Let in who was told *code*, on *surface* if given. Raises NoSuchCode.

    The first on an installation without an owner becomes one; *has_owner*: whether the settings name any.
    """
    row = await _waiting(tx, code, surface, now)
    is_first = not has_owner and not await tx.rows("select 1 from person where role = 'owner' limit 1")
    person = Person(surface=row["surface"], person=row["person"], role=OWNER if is_first else GUEST)
    await tx.run(
        "insert into person (surface, person, role, since) values (:surface, :person, :role, :now)"
        " on conflict (surface, person) do nothing",
        surface=person.surface, person=person.person, role=person.role, now=now,
    )  # fmt: skip
    await _drop(tx, row)
    return person


async def deny(tx: Transaction, said: str, *, now: float, surface: str | None = None) -> Person:
    """Take no notice of who was told the code *said*, or let out again whose id *said* is. Raises NoSuchCode."""
    guests = await tx.rows(
        "select surface, person, role from person where person = :said and (:surface is null or surface = :surface)",
        said=said.strip(), surface=surface,
    )  # fmt: skip
    if guests:
        await tx.run(
            "delete from person where surface = :surface and person = :person",
            surface=guests[0]["surface"], person=guests[0]["person"],
        )  # fmt: skip
        return Person(**guests[0])
    row = await _waiting(tx, said, surface, now)
    await tx.run("update pairing set code = '' where surface = :surface and person = :person", **_key(row))
    return Person(surface=row["surface"], person=row["person"], role="")


async def waiting(tx: Transaction, surface: str | None = None, *, now: float) -> list[Row]:
    """Who asks to be let in, the longest waiting first."""
    return await tx.rows(
        "select surface, person, code, asked_at from pairing where asked_at > :old and code <> ''"
        " and (:surface is null or surface = :surface) order by asked_at",
        old=now - CODE_S, surface=surface,
    )  # fmt: skip


async def let_in(tx: Transaction, surface: str | None = None) -> list[Row]:
    """Who was let in."""
    return await tx.rows(
        "select surface, person, role, since from person where :surface is null or surface = :surface"
        " order by surface, since",
        surface=surface,
    )


@once
async def decide(tx: Transaction, entry: Entry, code: str, *, now: float, is_welcome: bool) -> Person | None:
    """What the owner of *entry* decides in a chat about who asks on the same surface; None: nobody has that code.

    Raises TooManyCodes where they have tried too many that were none.
    """
    owner = entry.event
    await may_try(tx, owner, now=now)
    try:
        if is_welcome:
            return await approve(tx, code, now=now, surface=owner.surface, has_owner=True)
        return await deny(tx, code, now=now, surface=owner.surface)
    except NoSuchCode:
        await was_wrong(tx, owner, now=now)
        return None


async def may_try(tx: Transaction, event: Event, *, now: float) -> None:
    """Raises TooManyCodes where the person of *event* has tried too many wrong ones."""
    await tx.run("delete from wrong_code where at <= :old or at > :ahead", old=now - CODE_S, ahead=now + CODE_S)
    wrong = await tx.rows(
        "select count(*) as count from wrong_code where surface = :surface and person = :person",
        surface=event.surface, person=event.sender,
    )  # fmt: skip
    if wrong[0]["count"] >= MOST_WRONG:
        raise TooManyCodes


async def was_wrong(tx: Transaction, event: Event, *, now: float) -> None:
    """The person of *event* tried a code that is none."""
    await tx.run(
        "insert into wrong_code (surface, person, at) values (:surface, :person, :now)",
        surface=event.surface, person=event.sender, now=now,
    )  # fmt: skip


async def _waiting(tx: Transaction, code: str, surface: str | None, now: float) -> Row:
    rows = {row["code"]: row for row in await waiting(tx, surface, now=now)}
    if (known := codes.found(code, rows)) is None:
        raise NoSuchCode
    return rows[known]


async def _forget_old(tx: Transaction, now: float) -> None:
    """A clock that was set back must not keep a code good for ever."""
    await tx.run(
        "delete from pairing where asked_at <= :old or asked_at > :ahead", old=now - CODE_S, ahead=now + CODE_S
    )


async def _drop(tx: Transaction, row: Row) -> None:
    await tx.run("delete from pairing where surface = :surface and person = :person", **_key(row))


def _key(row: Row) -> dict[str, object]:
    return {"surface": row["surface"], "person": row["person"]}
