"""``surfacehost run``: the host, until it is told to stop."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from surfacehost import logs
from surfacehost.app import running
from surfacehost.errors import SettingsError, SurfacehostError
from surfacehost.plugins import EntryPoints
from surfacehost.settings import Settings, load

LEAVE_S = 1.0
"""How long what is left of plugins may take to end."""

log = logging.getLogger(__name__)


class Run:
    """Run the host."""

    help = "run the host with the surfaces that the settings enable"

    @staticmethod
    def configure(parser: argparse.ArgumentParser) -> None:
        """Say which words it understands."""
        parser.add_argument("--settings", type=Path, default=Path("settings.toml"), metavar="FILE")

    @staticmethod
    def run(arguments: argparse.Namespace) -> int:
        """Run until SIGINT or SIGTERM; 0 then, 2 for wrong settings, 1 when it can't start."""
        try:
            settings = load(arguments.settings, finder=EntryPoints())
        except SettingsError as error:
            print(error, file=sys.stderr)  # noqa: T201 - for the person at the terminal
            return 2
        logs.configure(settings)
        try:
            asyncio.run(_until_stopped(settings))
        except (SurfacehostError, OSError) as error:
            print(f"surfacehost: {error}", file=sys.stderr)  # noqa: T201 - for the person at the terminal
            return 1
        return 0


async def _until_stopped(settings: Settings) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    for warning in settings.warnings:
        log.warning("%s", warning)
    async with running(settings) as address:
        names = ", ".join(settings.surfaces) or "none"
        print(f"surfacehost is running at {address} (surfaces: {names})", flush=True)  # noqa: T201 - its address
        await stopped.wait()
        log.info("stopping")
    await _leave()


async def _leave() -> None:
    """End the process even where a plugin's task does not end: everything of the host's own is closed by now."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        _, tasks = await asyncio.wait(tasks, timeout=LEAVE_S)
    if tasks:
        log.error("these do not end, so the process ends without them: %s", ", ".join(t.get_name() for t in tasks))
        logging.shutdown()
        os._exit(0)
