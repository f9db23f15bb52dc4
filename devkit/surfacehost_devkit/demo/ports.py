"""Ports on the loopback interface."""

import contextlib
import random
import socket

from surfacehost_devkit.demo.failure import DemoFailed

HOST = "127.0.0.1"
USUAL = range(8765, 8785)
"""Where the page is looked for: the first that is free, when no port was asked for."""


def page_socket(asked: int | None) -> socket.socket:
    """A listening socket for the page: on the port that was *asked* for (0: any), or on the first of the usual ones.

    Raises DemoFailed where it can't be had.
    """
    for port in USUAL if asked is None else [asked]:
        try:
            return socket.create_server((HOST, port))
        except OSError as error:
            taken = error
    if asked is None:
        return socket.create_server((HOST, 0))
    raise DemoFailed(f"port {asked} can't be had: {taken.strerror}; --port 0 takes a free one") from taken


def free_port() -> int:
    """A port that stays free while its server is down: it lies below those that the system hands out by itself."""
    for port in random.sample(range(18_000, 30_000), 100):
        with socket.socket() as probe:
            # As servers do it: connections that were closed a moment ago don't count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((HOST, port))
                return port
    raise DemoFailed("no free port between 18000 and 30000")
