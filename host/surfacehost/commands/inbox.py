"""``surfacehost inbox``: what waits and what is parked; have it tried again, or drop it."""

import argparse
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from surfacehost.commands.letters import listed_lines, shown_lines
from surfacehost.commands.settings_file import add_settings, carry_out
from surfacehost.logs import masking
from surfacehost.settings import Settings
from surfacehost.store import parked
from surfacehost.store.beside import SqliteBeside
from surfacehost.store.transaction import Row, Transaction

AT_ONCE = 500
"""Messages that are changed in one transaction: the host waits for its end."""

Change = Callable[[Transaction, int], Awaitable[str]]


class Inbox:
    """Lets the operator deal with what is parked, beside a running host or while none runs."""

    help = "see what waits or is parked, have it tried again, or drop it"

    @staticmethod
    def configure(parser: argparse.ArgumentParser) -> None:
        """Declare its arguments."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        listing = actions.add_parser("list", help="what is parked or open, without what people wrote")
        states = "may be repeated; default: parked and open"
        listing.add_argument("--state", action="append", choices=parked.STATES, help=states)
        listing.add_argument("--surface", metavar="NAME", help="only of this surface")
        listing.add_argument("--limit", type=_number, default=100, metavar="N", help="the newest; default: %(default)s")
        showing = actions.add_parser("show", help="everything about one message, what was written included")
        showing.add_argument("number", type=_number, metavar="NUMBER")
        retrying = actions.add_parser("retry", help="try parked or refused messages again")
        dropping = actions.add_parser("drop", help="settle messages for good, unanswered")
        for one, act in ((listing, _list), (showing, _show), (retrying, _retry), (dropping, _drop)):
            one.set_defaults(act=act)
            add_settings(one)
        for one in (listing, showing):
            one.add_argument("--json", action="store_true", help="print JSON")
        for one in (retrying, dropping):
            which = one.add_mutually_exclusive_group(required=True)
            which.add_argument("numbers", type=_number, nargs="*", default=[], metavar="NUMBER")
            which.add_argument("--all-parked", action="store_true", help="every parked message")
            one.add_argument("--surface", metavar="NAME", help="with --all-parked: only of this surface")
            one.set_defaults(refuse=one.error)

    @staticmethod
    def run(args: argparse.Namespace) -> int:
        """0 done, 1 where a message or the database is not as it would have to be, 2 and the problems."""
        if getattr(args, "numbers", None) and args.surface:
            args.refuse("--surface goes with --all-parked")
        return carry_out(args, lambda settings: _act(args, settings))


def _number(text: str) -> int:
    """A number that a message may have. Raises ValueError, which makes it wrong usage."""
    number = int(text)
    if not 0 < number < 2**63:
        raise ValueError(text)
    return number


async def _act(args: argparse.Namespace, settings: Settings) -> int:
    async with SqliteBeside(settings.database) as database:
        status: int = await args.act(args, database, masking(settings))
    return status


async def _list(args: argparse.Namespace, database: SqliteBeside, mask: Callable[[str], str]) -> int:
    rows: list[Row] = []
    for state in dict.fromkeys(args.state or ("parked", "open")):
        rows += await database.look(parked.listed, state, args.surface, args.limit)
    rows = sorted(_masked(rows, mask), key=lambda row: row["number"])[-args.limit :]
    if args.json:
        _write_json([{**row, "age_s": round(time.time() - row["received_at"])} for row in rows])
    else:
        sys.stdout.write(listed_lines(rows, now=time.time()))
    return 0


async def _show(args: argparse.Namespace, database: SqliteBeside, mask: Callable[[str], str]) -> int:
    letter = await database.look(parked.show, args.number)
    event, replies = _masked(letter.event, mask), _masked(letter.replies, mask)
    if args.json:
        _write_json({**event, "body": _parsed(event["body"]), "replies": [
            {**reply, "body": _parsed(reply["body"])} for reply in replies
        ]})  # fmt: skip
    else:
        sys.stdout.write(shown_lines(event, _parsed(event["body"]), replies, now=time.time()))
    return 0


async def _retry(args: argparse.Namespace, database: SqliteBeside, _: Callable[[str], str]) -> int:
    async def retry(tx: Transaction, number: int) -> str:
        is_answered = await parked.retry(tx, number, now=time.time())
        return "what was not yet sent of its answer is sent" if is_answered else "is tried again"

    return await _change(args, database, retry)


async def _drop(args: argparse.Namespace, database: SqliteBeside, _: Callable[[str], str]) -> int:
    is_hosted = database.is_hosted()

    async def drop(tx: Transaction, number: int) -> str:
        await parked.drop(tx, number, is_hosted=is_hosted)
        return "is dropped"

    return await _change(args, database, drop)


async def _change(args: argparse.Namespace, database: SqliteBeside, change: Change) -> int:
    """*change* every message that was named and say what became of it; 1 where one could not be changed."""
    numbers = args.numbers or await database.look(parked.parked_numbers, args.surface)
    failed = False
    for start in range(0, len(numbers), AT_ONCE):
        for said, is_done in await database.tx(_change_each, numbers[start : start + AT_ONCE], change):
            failed |= not is_done
            (sys.stdout if is_done else sys.stderr).write(f"{said}\n")
    if not numbers:
        sys.stdout.write("nothing is parked\n")
    return int(failed)


async def _change_each(tx: Transaction, numbers: Sequence[int], change: Change) -> list[tuple[str, bool]]:
    outcomes = []
    for number in dict.fromkeys(numbers):
        try:
            outcomes.append((f"{number}: {await change(tx, number)}", True))
        except parked.NotForThat as refusal:
            outcomes.append((str(refusal), False))
    return outcomes


def _masked(value: Any, mask: Callable[[str], str]) -> Any:  # noqa: ANN401 - rows of any columns
    """*value* without a secret: what failed may have told one."""
    if isinstance(value, Mapping):
        return {key: _masked(one, mask) for key, one in value.items()}
    if isinstance(value, list):
        return [_masked(one, mask) for one in value]
    return mask(value) if isinstance(value, str) else value


def _parsed(body: str) -> Any:  # noqa: ANN401 - JSON
    """What *body* holds; itself where it can't be read, as one of a later version."""
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body


def _write_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
