"""``surfacehost``: the command line. Each command is a class; other distributions add theirs by entry point."""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Any

from surfacehost.commands.backup import Backup
from surfacehost.commands.check import Check
from surfacehost.commands.config import Config
from surfacehost.commands.doctor import Doctor
from surfacehost.commands.inbox import Inbox
from surfacehost.commands.links import Links
from surfacehost.commands.pair import Pair
from surfacehost.commands.reset import Reset
from surfacehost.commands.run import Run
from surfacehost.commands.send import Send
from surfacehost.commands.surfaces import Surfaces

COMMANDS: dict[str, Any] = {
    "run": Run,
    "check": Check,
    "doctor": Doctor,
    "config": Config,
    "surfaces": Surfaces,
    "inbox": Inbox,
    "pair": Pair,
    "links": Links,
    "send": Send,
    "reset": Reset,
    "backup": Backup,
}
ELSEWHERE = {"agent": "platform-agent", "demo": "surfacehost-devkit"}
"""Commands that another distribution brings, by the name of the one that does."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status: 0 done, 1 failed, 2 wrong settings or usage."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    wanted = next((word for word in words if not word.startswith("-")), "")
    parser = argparse.ArgumentParser(prog="surfacehost", description="One AI agent on many chat surfaces.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in _summaries().items():
        subparser = subparsers.add_parser(name, help=summary, description=summary)
        if name == wanted:
            command = _command(name)
            if command is None:
                parser.exit(1, f"surfacehost: {name!r} comes with {ELSEWHERE[name]}, which is not installed here\n")
            command.configure(subparser)
            subparser.set_defaults(run=command.run)
    chosen = parser.parse_args(words)
    status: int = chosen.run(chosen)
    return status


def _summaries() -> dict[str, str]:
    """Every command and what it does; only the one that was asked for is imported."""
    here = {name: command.help for name, command in COMMANDS.items()}
    there = {"agent": "run the reference agent as a server of its own", "demo": "show everything at once, locally"}
    return here | there


def _command(name: str) -> Any:  # noqa: ANN401 - a class known by its three names
    if name in COMMANDS:
        return COMMANDS[name]
    found = [*entry_points(group="surfacehost.commands", name=name)]
    return found[0].load() if found else None


if __name__ == "__main__":
    sys.exit(main())
