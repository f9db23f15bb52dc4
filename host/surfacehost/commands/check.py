"""``surfacehost check``: whether the host would start."""

import argparse
import sys

from surfacehost.commands.settings_file import WRONG_SETTINGS, add_settings, settings_of


class Check:
    """Reports every problem of the settings at once, without starting anything."""

    help = "check the settings and report every problem at once"

    @staticmethod
    def configure(parser: argparse.ArgumentParser) -> None:
        """Declare its arguments."""
        add_settings(parser)

    @staticmethod
    def run(args: argparse.Namespace) -> int:
        """0 and ``ok``, or 2 and the problems."""
        settings = settings_of(args)
        if settings is None:
            return WRONG_SETTINGS
        sys.stderr.write("".join(f"warning: {warning}\n" for warning in settings.warnings))
        sys.stdout.write("ok\n")
        return 0
