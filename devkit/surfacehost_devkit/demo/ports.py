"""Where the page is found."""

import socket

from surfacehost_devkit.demo.failure import DemoFailed
from surfacehost_devkit.ports import HOST

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
