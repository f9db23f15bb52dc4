"""What every command that reads the settings shares: ``--settings FILE``, and saying what is wrong with them."""

import argparse
import sys
from pathlib import Path

from surfacehost.errors import SettingsError
from surfacehost.plugins import EntryPoints
from surfacehost.settings import Settings, load

WRONG_SETTINGS = 2
"""Exit status for wrong settings or usage."""


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Give *parser* ``--settings``, and the installed plugins as ``args.finder``."""
    parser.add_argument(
        "--settings", type=Path, default=Path("settings.toml"), metavar="FILE", help="default: %(default)s"
    )
    parser.set_defaults(finder=EntryPoints())


def settings_of(args: argparse.Namespace) -> Settings | None:
    """The settings that *args* name; None when they are wrong, and every problem is then on standard error."""
    try:
        return load(args.settings, finder=args.finder)
    except SettingsError as error:
        sys.stderr.write("".join(f"{problem}\n" for problem in error.problems))
        return None
