"""What people changed or took back of what they had said: done in the transaction that moves the cursor behind it."""

from collections.abc import Collection
from dataclasses import replace

from surfacehost.events import Edit, Message, Redaction, dump_event
from surfacehost.store import interruptions, pieces, prompts
from surfacehost.store.gather import Joins, readable
from surfacehost.store.transaction import Row, Transaction


async def apply(
    tx: Transaction, change: Edit | Redaction, restarting: Collection[str], joins: Joins | None = None
) -> None:
    """Do what *change* asks for, as far as its message has got.

    *restarting*: ids of messages whose run can begin anew with other words. A run that may not goes on with the old.
    *joins*: whether a message that was stopped is still asked with the changed one; without it none is.
    """
    await pieces.apply(tx, change)
    rows = await tx.rows(
        "select * from inbox where surface = :surface and event_id = :of", surface=change.surface, of=change.of
    )
    if not rows:
        return
    said = readable(rows[0]["body"])
    if said is not None and said.chat != change.chat:
        return  # not every platform sees to it that nobody changes what was said elsewhere
    if isinstance(change, Edit):
        await _edit(tx, rows[0], change, joins, is_restarting=change.of in restarting)
    else:
        await _take_back(tx, rows[0])


async def _edit(tx: Transaction, row: Row, edit: Edit, joins: Joins | None, *, is_restarting: bool) -> None:
    said = readable(row["body"])
    is_begun = row["gathered"] or row["head"] is not None
    if row["state"] != "waiting" or (is_begun and not is_restarting):
        return
    if isinstance(said, Message) and said.sender == edit.sender:
        by_now = replace(said, text=edit.text)
        await tx.run(
            "update inbox set body = :body, revised = revised + :one where id = :id",
            body=dump_event(by_now), one=int(bool(is_begun)), id=row["id"],
        )  # fmt: skip
        stopped = [] if is_begun else await interruptions.stopped_by(tx, row["id"])
        if not all(joins and joins(one, by_now) for one in stopped):
            await interruptions.let_go(tx, row["id"])


async def _take_back(tx: Transaction, row: Row) -> None:
    """What nobody has begun with is dropped; what is being answered is erased once that has ended."""
    if row["state"] in ("waiting", "answered") and (row["gathered"] or row["head"] is not None):
        await tx.run("update inbox set erased = 1 where id = :id", id=row["id"])
    elif row["state"] == "waiting":
        await drop(tx, row["id"])
    elif row["state"] == "parked":
        await _leave_out(tx, row["id"])
    else:
        await tx.run("update inbox set body = '' where id = :id", id=row["id"])


async def erase(tx: Transaction, head: int) -> None:
    """The event *head* is settled: what was taken back of it, and of what went along with it, is forgotten."""
    await tx.run("update inbox set body = '' where (id = :id or head = :id) and erased = 1", id=head)


async def drop(tx: Transaction, head: int) -> None:
    """The event *head* was taken back, perhaps when a host that is gone had begun with it: nobody is asked again.

    What it has stopped, and what was to go along with it, is asked all the same. A question that it decided stands.
    """
    await _leave_out(tx, head)
    await prompts.close(tx, head, again=True)
    await interruptions.let_go(tx, head)


async def _leave_out(tx: Transaction, head: int) -> None:
    await tx.run("update inbox set state = 'ignored', body = '' where id = :id", id=head)
    await tx.run("update inbox set head = null where head = :id", id=head)
