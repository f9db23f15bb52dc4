"""What every command that reads the settings shares: ``--settings FILE``, and saying what is wrong with them."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from surfacehost.errors import SettingsError, SurfacehostError
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


def carry_out(args: argparse.Namespace, act: Callable[[Settings], Coroutine[Any, Any, int]]) -> int:
    """The exit status of *act* with the settings that *args* name; 1, and why, where it raises SurfacehostError."""
    settings = settings_of(args)
    if settings is None:
        return WRONG_SETTINGS
    try:
        return asyncio.run(act(settings))
    except SurfacehostError as error:
        sys.stderr.write(f"surfacehost: {error}\n")
        return 1
