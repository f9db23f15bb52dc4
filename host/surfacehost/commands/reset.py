"""``surfacehost reset``: have a person met anew."""

import argparse
import sys

from surfacehost.commands.beside import MemoryBeside, home_of
from surfacehost.commands.settings_file import add_settings, carry_out
from surfacehost.errors import SurfacehostError
from surfacehost.settings import Settings
from surfacehost.store.beside import SqliteBeside
from surfacehost.surface import Forgets


class Reset:
    """Forgets what a surface made for a person, beside a running host or while none runs."""

    help = "forget what a surface made for a person, so that they are met anew"

    @staticmethod
    def configure(parser: argparse.ArgumentParser) -> None:
        """Declare its arguments."""
        add_settings(parser)
        parser.add_argument("surface", metavar="SURFACE", help="name of its table in the settings")
        parser.add_argument("--person", required=True, metavar="ID", help="the person's id there")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--plan", action="store_true", help="only say what would be forgotten; the default")
        what.add_argument("--yes", action="store_true", help="do it")

    @staticmethod
    def run(args: argparse.Namespace) -> int:
        """0 done or told, 1 where there is nothing to forget or no way to, 2 and the problems of the settings."""
        return carry_out(args, lambda settings: _act(args, settings))


async def _act(args: argparse.Namespace, settings: Settings) -> int:
    table = settings.surfaces.get(args.surface)
    if table is None:
        raise SurfacehostError(
            f"no surface {args.surface!r} is on; there are: {', '.join(settings.surfaces) or 'none'}"
        )
    async with SqliteBeside(settings.database) as database:
        home = home_of(settings, table, MemoryBeside(database, table.name, writes=args.yes))
        surface = table.plugin(home, table.settings)
        if not isinstance(surface, Forgets):
            raise SurfacehostError(f"{args.surface} makes nothing for people that could be forgotten")
        lines = await surface.forget(args.person, plan=not args.yes)
    if not lines:
        raise SurfacehostError(f"{args.surface} has made nothing for {args.person}")
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.write("forgotten\n" if args.yes else "nothing is changed yet: --yes does it\n")
    return 0
