"""``surfacehost surfaces``: what is installed, and what the settings make of it."""

import argparse
import json
import sys
from collections.abc import Collection
from typing import Any

from surfacehost.commands.settings_file import WRONG_SETTINGS, add_settings, settings_of
from surfacehost.settings import Settings


class Surfaces:
    """Lists surface plugins and the surfaces made of them."""

    help = "list the installed surface plugins and the surfaces of the settings"

    @staticmethod
    def configure(parser: argparse.ArgumentParser) -> None:
        """Declare its arguments."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        listing = actions.add_parser("list", help="installed plugins; surfaces and whether they are on")
        add_settings(listing)
        listing.add_argument("--json", action="store_true", help="print JSON")

    @staticmethod
    def run(args: argparse.Namespace) -> int:
        """0 and the list, or 2 and the problems of the settings."""
        settings = settings_of(args)
        if settings is None:
            return WRONG_SETTINGS
        surfaces = _surfaces(settings)
        installed = sorted(args.finder.names())
        if args.json:
            sys.stdout.write(json.dumps({"plugins": installed, "surfaces": surfaces}, indent=2) + "\n")
        else:
            sys.stdout.write(_lines(installed, surfaces))
        return 0


def _surfaces(settings: Settings) -> list[dict[str, Any]]:
    on = [
        {"name": name, "plugin": surface.settings.plugin or name, "enabled": True}
        for name, surface in settings.surfaces.items()
    ]
    return [*on, *({"name": name, "plugin": plugin, "enabled": False} for name, plugin in settings.disabled.items())]


def _lines(installed: Collection[str], surfaces: list[dict[str, Any]]) -> str:
    width = max((len(surface["name"]) for surface in surfaces), default=0)
    lines = [f"installed plugins: {', '.join(installed) or 'none'}"]
    for surface in surfaces:
        state = "on" if surface["enabled"] else "off"
        lines.append(f"{surface['name']:<{width}}  {state:<3}  plugin {surface['plugin']}")
    return "\n".join(lines) + "\n"
