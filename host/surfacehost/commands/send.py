"""``surfacehost send``: say something in a conversation, unasked."""

import argparse
import json
import sys
import time

from surfacehost.commands.settings_file import add_settings, carry_out
from surfacehost.settings import Settings
from surfacehost.store import sayings
from surfacehost.store.beside import SqliteBeside


class Send:
    """Puts a message where the host finds it: it goes out with the guarantees of an answer."""

    help = "say something in a conversation, unasked"

    @staticmethod
    def configure(parser: argparse.ArgumentParser) -> None:
        """Declare its arguments."""
        parser.add_argument("--to", required=True, metavar="THREAD", help="its thread key, as /status shows it")
        parser.add_argument("--key", metavar="NAME", help="said once under this name, however often it is sent")
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.add_argument("text", metavar="TEXT", help="Markdown; -: what comes in")
        add_settings(parser)

    @staticmethod
    def run(args: argparse.Namespace) -> int:
        """0 it will be said, 1 where it can't be or the database can't be used, 2 and the problems."""
        text = sys.stdin.read() if args.text == "-" else args.text
        return carry_out(args, lambda settings: _send(args, text, settings))


async def _send(args: argparse.Namespace, text: str, settings: Settings) -> int:
    now = time.time()
    event = sayings.occasion(args.to, text, args.key, settings.surfaces, now=now)
    async with SqliteBeside(settings.database) as database:
        is_new = await database.tx(sayings.say, event, now=now)
        is_hosted = database.is_hosted()
    if args.json:
        sys.stdout.write(json.dumps({"id": event.id, "is_new": is_new, "is_hosted": is_hosted}) + "\n")
        return 0
    said = "is sent by the running host" if is_hosted else "is sent when a host starts: none runs"
    sys.stdout.write(f"{event.id} {said if is_new else 'is known: nothing is sent again'}\n")
    return 0
