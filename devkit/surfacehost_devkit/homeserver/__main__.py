"""Runs a homeserver in the foreground: ``python -m surfacehost_devkit.homeserver --data DIR [--port N]``."""

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

from . import Homeserver, HomeserverError, InstallError, cache_folder, install


def main() -> int:
    """Install Synapse when it is missing, start it, and serve until SIGINT or SIGTERM."""
    options = _options()
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT by name: a shell starts its background jobs without it
        signal.signal(number, _interrupt)
    try:
        synapse = install(Path(options.python), options.cache, progress=_say)
        if options.install:
            _say(str(synapse))
            return 0
        _serve(options, synapse)
    except (InstallError, HomeserverError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m surfacehost_devkit.homeserver", description=__doc__)
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--data", type=Path, help="folder of the server's data; made when missing")
    wanted.add_argument("--install", action="store_true", help="only install Synapse and print its Python")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--rate-limits", choices=("off", "stock"), default="off")
    parser.add_argument("--server-name", default="localhost")
    parser.add_argument("--tls", action="store_true", help="serve https with a certificate of its own authority")
    parser.add_argument("--python", default=sys.executable, help="the Python that Synapse is installed for")
    parser.add_argument("--cache", type=Path, default=cache_folder(), help="default: %(default)s")
    return parser.parse_args()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _serve(options: argparse.Namespace, synapse: Path) -> None:
    homeserver = Homeserver(
        options.data,
        options.port,
        synapse=synapse,
        rate_limits=options.rate_limits,
        server_name=options.server_name,
        tls=options.tls,
    )
    with homeserver:
        _say(f"Homeserver {homeserver.server_name} at {homeserver.url} (log: {homeserver.log_file})")
        if homeserver.ca_file:
            _say(f"Its certificate authority: {homeserver.ca_file}")
        homeserver.wait()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
