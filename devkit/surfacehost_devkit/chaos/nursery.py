"""Starts hosts quickly: everything is imported once, and each host is a fork. ``python -m …chaos.nursery``.

A host takes a second to import its libraries, and nothing of a message happens meanwhile; thousands of kills want that
second back. What runs in the fork is ``surfacehost run``, from its first line.

Standard input, a JSON object a line: ``{"run": [words of the command line], "log": file, "said": file, "doom": {…}}``
or ``{"signal": number}``. Standard output: ``{"pid": …}``, and ``{"status": …}`` when it has ended.
"""

import ctypes
import json
import os
import selectors
import signal
import sys
import traceback
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NoReturn

from surfacehost.__main__ import main as surfacehost
from surfacehost_devkit.chaos.doom import Doom

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Take orders until standard input ends."""
    for plugin in entry_points(group="surfacehost.surfaces"):
        plugin.load()
    import surfacehost.app  # noqa: F401, PLC0415 - the host loads it with its first command

    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        rest = b""
        while data := _read(selector):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                _obey(json.loads(line), selector)


def _read(selector: selectors.BaseSelector) -> bytes:
    """The next orders; tells of a host that has ended meanwhile."""
    while True:
        ready = [key for key, _ in selector.select()]
        for key in ready:
            if key.data is not None:
                selector.unregister(key.fileobj)
                os.close(key.fd)
                _, status = os.waitpid(key.data, 0)
                _say(status=os.waitstatus_to_exitcode(status))
        if any(key.data is None for key in ready):
            return os.read(0, 65_536)


def _obey(order: dict[str, Any], selector: selectors.BaseSelector) -> None:
    if "signal" in order:
        for key in list(selector.get_map().values()):
            if key.data is not None:
                signal.pidfd_send_signal(key.fd, order["signal"])
        return
    pid = os.fork()
    if not pid:
        _become(order)
    selector.register(os.pidfd_open(pid), selectors.EVENT_READ, pid)
    _say(pid=pid)


def _become(order: dict[str, Any]) -> NoReturn:
    """Be the host."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # it does not outlive the one who started it
    for number, file, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, order["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND),
    ):
        os.dup2(os.open(file, flags, 0o600), number)
    os.closerange(3, 4096)
    doom = dict(order.get("doom") or {})
    trace = doom.pop("trace", None)
    Doom(**doom, trace=Path(trace) if trace else None).arm()
    status = 1
    try:
        status = surfacehost(order["run"])
    except Exception:  # noqa: BLE001 - it must not get back to the nursery's own code
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _say(**words: int) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
