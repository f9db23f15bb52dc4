"""`python -m surfacehost_devkit.botapi --port N`: the simulator as a process of its own."""

import argparse
import asyncio
import signal

from surfacehost_devkit.botapi.server import BotApi


def main() -> None:
    """Print the URL on one line when ready; end on SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m surfacehost_devkit.botapi", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    asyncio.run(_serve(parser.parse_args().port))


async def _serve(port: int) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with BotApi.serve(port=port) as api:
        print(api.url, flush=True)  # noqa: T201  # the line is this program's interface
        await ended.wait()


if __name__ == "__main__":
    main()
