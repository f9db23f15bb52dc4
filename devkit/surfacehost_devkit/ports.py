"""Ports on the loopback interface."""

import random
import socket

HOST = "127.0.0.1"
BELOW_SYSTEM = range(18_000, 30_000)
"""Below those that the system hands out by itself, so that one stays free while its server is down."""


def free_port() -> int:
    """A port for a server that may go away and come back. Raises OSError where there is none."""
    for port in random.sample(BELOW_SYSTEM, 100):
        if is_free(port):
            return port
    raise OSError(f"no free port between {BELOW_SYSTEM.start} and {BELOW_SYSTEM.stop}")


def is_free(port: int) -> bool:
    """Whether a server could listen on *port* now."""
    with socket.socket() as probe:
        # As servers do it: connections that were closed a moment ago don't count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
