"""``surfacehost links``: which chats are one person's."""

import argparse
import json
import sys

from surfacehost.commands.settings_file import add_settings, carry_out
from surfacehost.settings import Settings
from surfacehost.store import links
from surfacehost.store.beside import SqliteBeside


class Links:
    """Shows what people linked by ``/link``; they undo it themselves."""

    help = "see which chats are one person's"

    @staticmethod
    def configure(parser: argparse.ArgumentParser) -> None:
        """Declare its arguments."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        listing = actions.add_parser("list", help="every linked chat, and which of them share a conversation")
        listing.add_argument("--json", action="store_true", help="print JSON")
        add_settings(listing)

    @staticmethod
    def run(args: argparse.Namespace) -> int:
        """0 done, 1 where the database can't be used, 2 and the problems."""
        return carry_out(args, lambda settings: _list(settings, is_json=args.json))


async def _list(settings: Settings, *, is_json: bool) -> int:
    async with SqliteBeside(settings.database) as database:
        found = await database.look(links.listed)
    if is_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=2) + "\n")
        return 0
    lines = [f"{row['account'][:4]}  {row['lane']}" + _shares(row["lane"], row["home"]) for row in found]
    sys.stdout.write("".join(f"{line}\n" for line in lines) or "no chats are linked\n")
    return 0


def _shares(lane: str, home: str) -> str:
    return "" if lane == home else f"  goes on with {home}"
