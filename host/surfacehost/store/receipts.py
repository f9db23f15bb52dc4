"""What a command has done, written down in the transaction that does it.

A host that is killed behind that transaction and before the answer obeys the command once more at the next start: it
then finds what came of it, and says that.
"""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, get_type_hints

from pydantic import TypeAdapter

from surfacehost.store.inbox import Entry, hold
from surfacehost.store.transaction import Transaction

P = ParamSpec("P")
T = TypeVar("T")
Operation = Callable[Concatenate[Transaction, Entry, P], Coroutine[Any, Any, T]]


def once(operation: Operation[P, T]) -> Operation[P, T]:
    """*operation*, done once for an entry: asked for again, it gives what it gave then. Raises Fenced.

    What it raises undoes it, so that it is done when it is asked for again.
    """

    @wraps(operation)
    async def run(tx: Transaction, entry: Entry, /, *args: P.args, **named: P.kwargs) -> T:
        await hold(tx, entry)
        kind: TypeAdapter[T] = TypeAdapter(get_type_hints(operation)["return"])
        if (kept := await kept_of(tx, entry)) is not None:
            return kind.validate_json(kept)
        result = await operation(tx, entry, *args, **named)
        await keep(tx, entry, kind.dump_json(result).decode())
        return result

    return run


async def kept_of(tx: Transaction, entry: Entry) -> str | None:
    """What the command *entry* has done, JSON; None: nothing yet."""
    rows = await tx.rows("select receipt from inbox where id = :id", id=entry.id)
    kept: str | None = rows[0]["receipt"]
    return kept


async def keep(tx: Transaction, entry: Entry, receipt: str) -> None:
    """Write down that the command *entry* has done what *receipt* says, JSON."""
    await tx.run("update inbox set receipt = :receipt where id = :id", receipt=receipt, id=entry.id)
