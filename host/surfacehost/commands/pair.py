"""``surfacehost pair``: who asks to be let in; let them in, or not."""

import argparse
import json
import sys
import time

from surfacehost.commands.settings_file import add_settings, carry_out
from surfacehost.settings import Settings
from surfacehost.store import people
from surfacehost.store.beside import SqliteBeside
from surfacehost.store.transaction import Row


class Pair:
    """Lets people in, beside a running host, which hears of it with their next message, or while none runs."""

    help = "see who asks to be let in, and let them in or not"

    @staticmethod
    def configure(parser: argparse.ArgumentParser) -> None:
        """Declare its arguments."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        listing = actions.add_parser("list", help="who asks, and who was let in")
        approving = actions.add_parser("approve", help="let in who was told CODE")
        denying = actions.add_parser("deny", help="don't let in who was told CODE, or let out again whose id it is")
        approving.add_argument("code", metavar="CODE")
        denying.add_argument("code", metavar="CODE-OR-ID")
        for one, act in ((listing, _list), (approving, _approve), (denying, _deny)):
            one.add_argument("--surface", metavar="NAME", help="only of this surface")
            one.add_argument("--json", action="store_true", help="print JSON")
            one.set_defaults(act=act)
            add_settings(one)

    @staticmethod
    def run(args: argparse.Namespace) -> int:
        """0 done, 1 where nobody asks with that code or the database can't be used, 2 and the problems."""
        return carry_out(args, lambda settings: _act(args, settings))


async def _act(args: argparse.Namespace, settings: Settings) -> int:
    async with SqliteBeside(settings.database) as database:
        status: int = await args.act(args, database, settings)
    return status


async def _list(args: argparse.Namespace, database: SqliteBeside, _: Settings) -> int:
    asking = await database.look(people.waiting, args.surface, now=time.time())
    let_in = await database.look(people.let_in, args.surface)
    if args.json:
        _write_json({"waiting": asking, "let_in": let_in})
        return 0
    lines = [f"{row['code']}  {row['surface']}  {row['person']}  asked {_ago(row['asked_at'])}" for row in asking]
    lines += [f"{row['role']:8}  {row['surface']}  {row['person']}  since {_day(row['since'])}" for row in let_in]
    sys.stdout.write("".join(f"{line}\n" for line in lines) or "nobody asks, and nobody was let in\n")
    return 0


async def _approve(args: argparse.Namespace, database: SqliteBeside, settings: Settings) -> int:
    has_owner = any(table.settings.owners for table in settings.surfaces.values())
    person = await database.tx(
        people.approve, args.code, now=time.time(), surface=args.surface, has_owner=has_owner
    )  # fmt: skip
    became = "is let in as the first owner" if person.role == people.OWNER else "is let in"
    return _told(args, person, became)


async def _deny(args: argparse.Namespace, database: SqliteBeside, _: Settings) -> int:
    person = await database.tx(people.deny, args.code, now=time.time(), surface=args.surface)
    return _told(args, person, "is let out again" if person.role else "is not let in")


def _told(args: argparse.Namespace, person: people.Person, became: str) -> int:
    if args.json:
        _write_json({"surface": person.surface, "person": person.person, "role": person.role})
    else:
        sys.stdout.write(f"{person.person} of {person.surface} {became}\n")
    return 0


def _ago(at: float) -> str:
    return f"{max(0, round((time.time() - at) / 60))} min ago"


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(at))


def _write_json(value: dict[str, list[Row]] | dict[str, str]) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
