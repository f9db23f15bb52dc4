"""``surfacehost doctor``: goes to the network and says what is well, what is not, and what to do about it."""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence

from surfacehost import logs
from surfacehost.commands.examination import examine
from surfacehost.commands.settings_file import WRONG_SETTINGS, add_settings, settings_of
from surfacehost.surface import Finding

Found = Mapping[str, Sequence[Finding]]


class Doctor:
    """Examines host, agent and surfaces, beside a running host or while none runs."""

    help = "examine host, agent and every enabled surface, and say what to do"

    @staticmethod
    def configure(parser: argparse.ArgumentParser) -> None:
        """Declare its arguments."""
        add_settings(parser)
        parser.add_argument("--json", action="store_true", help="print JSON")

    @staticmethod
    def run(args: argparse.Namespace) -> int:
        """0 where nothing is bad, 1 where something is, 2 and the problems of the settings."""
        settings = settings_of(args)
        if settings is None:
            return WRONG_SETTINGS
        logs.configure(settings)
        found = asyncio.run(examine(settings, args.settings))
        sys.stdout.write(logs.masking(settings)(_json(found) if args.json else _lines(found)))
        return int(any(finding.level == "bad" for part in found.values() for finding in part))


def _json(found: Found) -> str:
    listed = [
        {"part": part, "level": one.level, "what": one.what, "remedy": one.remedy}
        for part, findings in found.items()
        for one in findings
    ]
    return json.dumps(listed, indent=2, ensure_ascii=False) + "\n"


def _lines(found: Found) -> str:
    lines = []
    for part, findings in found.items():
        lines.append(part)
        for one in findings:
            lines.append(f"  {one.level:<5} {one.what}")
            lines += [f"        → {one.remedy}"] if one.remedy else []
    return "\n".join(lines) + "\n"
