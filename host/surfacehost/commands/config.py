"""``surfacehost config``: what the settings are, and what they may be."""

import argparse
import dataclasses
import json
import sys

from surfacehost.commands.settings_file import WRONG_SETTINGS, add_settings, settings_of
from surfacehost.errors import SurfacehostError
from surfacehost.settings import Row, json_schema, rows


class Config:
    """Shows the settings in effect, or their schema."""

    help = "show the settings in effect, or their JSON Schema"

    @staticmethod
    def configure(parser: argparse.ArgumentParser) -> None:
        """Declare its arguments."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        show = actions.add_parser("show", help="every setting, its value and where it was set; secrets are masked")
        add_settings(show)
        show.add_argument("--json", action="store_true", help="print JSON")
        schema = actions.add_parser("schema", help="JSON Schema of settings.toml with every installed plugin")
        add_settings(schema)

    @staticmethod
    def run(args: argparse.Namespace) -> int:
        """0 and the answer, 1 for a plugin that can't be loaded, 2 and the problems."""
        return _schema(args) if args.action == "schema" else _show(args)


def _show(args: argparse.Namespace) -> int:
    settings = settings_of(args)
    if settings is None:
        return WRONG_SETTINGS
    found = list(rows(settings))
    if args.json:
        sys.stdout.write(json.dumps([dataclasses.asdict(row) for row in found], ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write(_aligned(found))
    return 0


def _aligned(found: list[Row]) -> str:
    lines = [f"{row.key} = {json.dumps(row.value, ensure_ascii=False)}" for row in found]
    width = min(max(map(len, lines)), 72)
    return "".join(f"{line:<{width}}  # {row.source}\n" for line, row in zip(lines, found, strict=True))


def _schema(args: argparse.Namespace) -> int:
    try:
        schema = json_schema(args.finder)
    except (LookupError, ImportError, SurfacehostError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(schema, ensure_ascii=False, indent=2) + "\n")
    return 0
