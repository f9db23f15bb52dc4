"""``surfacehost demo``: everything at once, with no account anywhere."""

import argparse
import asyncio
import logging
import signal
import socket
import sys
import tempfile
import webbrowser
from contextlib import ExitStack
from pathlib import Path

from surfacehost_devkit.demo.failure import DemoFailed
from surfacehost_devkit.demo.ports import page_socket
from surfacehost_devkit.demo.progress import Progress
from surfacehost_devkit.demo.stage import staged

log = logging.getLogger(__name__)


class Demo:
    """Show everything at once, locally."""

    help = "show everything at once, locally"

    @staticmethod
    def configure(parser: argparse.ArgumentParser) -> None:
        """Say which words it understands."""
        parser.add_argument("--port", type=_port, help="of the page; 0: any (default: 8765, or the next that is free)")
        parser.add_argument(
            "--data", type=Path, metavar="DIR", help="keep settings, logs and database in this new folder"
        )
        parser.add_argument("--open", action="store_true", help="open the page in a browser")

    @staticmethod
    def run(arguments: argparse.Namespace) -> int:
        """Run until SIGINT or SIGTERM; 0 then, 1 when something does not start or breaks."""
        logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
        try:
            with ExitStack() as stack:
                listener = stack.enter_context(page_socket(arguments.port))
                folder = _folder(arguments.data, stack)
                return asyncio.run(_Run(arguments).until_stopped(listener, folder))
        except DemoFailed as failure:
            sys.stderr.write(f"\nsurfacehost demo: {failure}\n")
            return 1


class _Run:
    """One run of the demo, from the first line to the last."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._progress = Progress()
        self._is_stopped = False

    async def until_stopped(self, listener: socket.socket, folder: Path) -> int:
        """Start, say where the page is, and wait. Raises DemoFailed."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - we are in one
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._stop, task)
        try:
            await self._show(listener, folder)
        except asyncio.CancelledError:
            if not self._is_stopped:
                raise
            self._progress.say("Stopped; nothing is left running.")
        return 0

    async def _show(self, listener: socket.socket, folder: Path) -> None:
        say = self._progress.say
        say("surfacehost demo: Matrix, Telegram and the web side by side, all on this machine\n")
        async with staged(folder, listener, self._progress) as working:
            address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            say(f"\nOpen {address}\nCtrl-C stops everything.")
            if self._arguments.open:
                await asyncio.to_thread(webbrowser.open, address)
            try:
                await working
            except ExceptionGroup as broken:
                log.exception("the demo can't go on")
                raise DemoFailed(f"something broke: {broken.exceptions[0]}") from broken

    def _stop(self, task: "asyncio.Task[int]") -> None:
        """At the first signal; whoever presses Ctrl-C again must not cut short what makes sure that nothing stays."""
        if not self._is_stopped:
            self._is_stopped = True
            self._progress.say("\nStopping …")
            task.cancel()


def _folder(kept: Path | None, stack: ExitStack) -> Path:
    """The folder for everything: a temporary one, or the one that shall be kept."""
    if kept is None:
        return Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="surfacehost-demo-", ignore_cleanup_errors=True))
        )
    try:
        kept.mkdir(parents=True, exist_ok=True)
        if any(kept.iterdir()):
            # The simulated Telegram begins anew each time, while a host that goes on would know its messages already.
            raise DemoFailed(f"{kept} is not empty; --data takes a new folder")
    except OSError as error:
        raise DemoFailed(f"{kept} can't be used: {error.strerror}") from error
    return kept.absolute()


def _port(word: str) -> int:
    number = int(word)
    if not 0 <= number < 65536:
        raise argparse.ArgumentTypeError("should be a port: 0 to 65535")
    return number
